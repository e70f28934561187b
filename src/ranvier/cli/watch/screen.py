"""Draws the status page in a terminal: marks and words repeat what colours show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ranvier.cli.watch.formatting import MARKS, STYLES, bars, clean, duration, share, table_of
from ranvier.cli.watch.tables import circuits, failing_tenants, troubled
from ranvier.cli.watch.workers import of_this_worker, source_of_numbers
from ranvier.wording import counted

BESIDES = 14
"""Lines used by everything but the lists."""

WIDE = 110
"""The minimum number of columns to show retries and charts."""


def draw(
    facts: dict[str, Any], *, rows: int, columns: int = 80, failure: Text | None = None
) -> RenderableType:
    """The whole status in about `rows` lines and `columns` columns, below a `failure` if it is old."""
    left = max(rows - BESIDES - len(facts["providers"]), 4)
    parts: list[RenderableType] = [failure] if failure is not None else []
    parts += [_verdict(facts), _calls(facts), _providers(facts["providers"], wide=columns >= WIDE)]
    for table in troubled(facts, columns):
        parts.append(table)
        left = max(left - table.row_count - 2, 4)
    if facts["circuits"] is not None:
        parts.append(circuits(facts, left // 2, columns))
    parts.append(_stories(facts, left - left // 2))
    return Group(*parts)


def line(facts: dict[str, Any]) -> Text:
    """The status in one line of text."""
    calls, known = facts["calls"], facts["circuits"]
    parts = [
        *([source_of_numbers(facts)] if facts.get("service") else []),
        f"{calls['rate']:.1f} calls/s, {share(calls)} succeeded",
        f"p50 {duration(calls['seconds']['p50'])}, p95 {duration(calls['seconds']['p95'])}",
        *(f"{each['name']} {share(each)} of {each['rate']:.1f}/s" for each in facts["providers"]),
    ]
    if known is not None:
        parts.append(f"{known['troubled']} of {known['total']} circuits not closed{of_this_worker(facts)}")
    if (shared := facts.get("shared_circuits")) and shared["troubled"]:
        parts.append(f"{shared['troubled']} of {counted(shared['total'], 'shared circuit')} not closed")
    if failing_tenants(facts):
        failing = counted(facts["tenants"]["failing"], "tenant")
        parts.append(f"{failing} with failed calls{of_this_worker(facts)}")
    words = Text(f"{MARKS[facts['level']]} {facts['level']}", style=STYLES[facts["level"]])
    reasons = "; ".join(each["text"] for each in facts["findings"][:2])
    return words.append(
        clean(f"  {'; '.join(parts)}{' | ' if reasons else ''}{reasons}"), style="default not bold"
    )


def unreachable(why: str, seconds: float = 0.0) -> Text:
    """A line that says that the server does not answer, why, and for how long, if it has answered before."""
    since = f", for {duration(seconds)}" if seconds else ""
    return Text(f"? no answer from the server ({clean(why)}){since}", style="bold reverse")


def _verdict(facts: dict[str, Any]) -> Text:
    level = facts["level"]
    text = Text(f"{MARKS[level]} {'all is well' if level == 'well' else level}", style=STYLES[level])
    text.append(f"   {source_of_numbers(facts)}", "dim")
    for finding in facts["findings"][:4]:
        text.append(f"\n  {MARKS[finding['level']]} {clean(finding['text'])}", STYLES[finding["level"]])
    return text


def _calls(facts: dict[str, Any]) -> Text:
    calls, times = facts["calls"], facts["calls"]["seconds"]
    return (
        Text("calls  ")
        + bars(calls["series"])
        + Text(
            f"  {calls['rate']:.1f}/s  {share(calls)} succeeded  "
            f"{calls['rescued']} rescued\n"
            f"       p50 {duration(times['p50'])}  p95 {duration(times['p95'])}  "
            f"p99 {duration(times['p99'])}  "
            f"{calls['running'] + calls['streams']} in flight{_more_requests(facts['providers'])}"
        )
    )


def _more_requests(providers: Sequence[dict[str, Any]]) -> str:
    """A line about hedges and withheld retries, if there were any."""
    names = ("hedges", "hedges_withheld", "retries_withheld")
    total = {name: sum(each.get(name, 0) for each in providers) for name in names}
    if not any(total.values()):
        return ""
    hedges = f"{counted(total['hedges'], 'hedge')}, {total['hedges_withheld']} withheld"
    return f"\n       {hedges}  {total['retries_withheld']} retries withheld"


def _providers(providers: Sequence[dict[str, Any]], *, wide: bool) -> Table:
    table = table_of("provider", "/s", "ok", "p50", "p95", "p99", "fell back", "rejected", "circuits")
    if wide:
        table.add_column("retries", no_wrap=True)
        table.add_column("attempts, failures in red", no_wrap=True)
    for each in providers:
        cells: list[RenderableType] = [
            Text(f"{MARKS[each['level']]} {clean(each['name'])}", STYLES[each["level"]]),
            f"{each['rate']:.1f}",
            share(each),
            *(duration(each["seconds"][name]) for name in ("p50", "p95", "p99")),
            *(str(each[what]) for what in ("fallbacks", "rejections")),
            _states(each["circuits"], wide=wide),
        ]
        if wide:
            cells += [str(each["retries"]), bars(each["series"])]
        table.add_row(*cells)
    return table


def _states(states: dict[str, int], *, wide: bool) -> Text:
    """The number of circuits in each state; in a narrow terminal, closed ones only if all are closed."""
    shown = {state: number for state, number in states.items() if wide or state != "closed"} or states
    return Text(" ").join(Text(f"{MARKS[state]}{number}", STYLES[state]) for state, number in shown.items())


def _stories(facts: dict[str, Any], rows: int) -> Text:
    """The latest calls that failed, were slow or were rescued; one line each."""
    text = Text(no_wrap=True, overflow="ellipsis")
    shown = [each for each in facts["stories"] if each["sort"] in ("failed", "slow", "rescued")][:rows]
    if shown and (own := of_this_worker(facts)):
        text.append(f"calls{own}\n", "dim")
    for each in shown:
        route = " \u2192 ".join(f"{part['target']} ({part['outcome']})" for part in each["attempts"][:4])
        words = f"{each['tenant']}  {route or each['outcome']}  {duration(each['ago'])} ago"
        text.append(f"{each['sort']:<8}", STYLES[each["sort"]])
        text.append(f"{duration(each['seconds']):>8}  {clean(words)}\n")
    return text
