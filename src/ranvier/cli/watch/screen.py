"""Draws the status page in a terminal, with marks, words and colours of the same meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ranvier.wording import counted

STYLES = {
    "well": "green",
    "strained": "yellow",
    "trouble": "bold red",
    "closed": "dim",
    "open": "bold red",
    "half_open": "yellow",
    "isolated": "magenta",
    "failed": "bold red",
    "slow": "yellow",
    "rescued": "yellow",
    "good": "dim",
    "abandoned": "dim",
    "keyless": "dim",
}
MARKS = {
    "well": "\u2713",
    "strained": "\u25b2",
    "trouble": "\u2716",
    "closed": "\u00b7",
    "open": "\u2716",
    "half_open": "\u25d0",
    "isolated": "\u2298",
}
BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"

BESIDES = 14
"""Lines used by everything but the lists."""

WIDE = 110
"""Columns of a terminal from which on retries and charts are shown."""

MAX_TENANTS = 5
"""Tenants that are shown; the page lists more."""

FIXED = 54
"""Columns that a row of the circuit table needs besides the tenant and the provider."""


def draw(
    facts: dict[str, Any], *, rows: int, columns: int = 80, failure: Text | None = None
) -> RenderableType:
    """The whole status in about `rows` lines and `columns` columns, below a `failure` if it is old."""
    left = max(rows - BESIDES - len(facts["providers"]), 4)
    parts: list[RenderableType] = [failure] if failure is not None else []
    parts += [_verdict(facts), _calls(facts["calls"]), _providers(facts["providers"], wide=columns >= WIDE)]
    if failing := _failing(facts)[:MAX_TENANTS]:
        parts.append(_tenants(failing, facts["tenants"]["failing"], columns))
        left = max(left - len(failing) - 2, 4)
    if facts["circuits"] is not None:
        parts.append(_circuits(facts["circuits"], left // 2, columns))
    parts.append(_stories(facts["stories"], left - left // 2))
    return Group(*parts)


def line(facts: dict[str, Any]) -> Text:
    """The status in one line of text."""
    calls, circuits = facts["calls"], facts["circuits"]
    parts = [
        f"{calls['rate']:.1f} calls/s, {_share(calls)} succeeded",
        f"p50 {_seconds(calls['seconds']['p50'])}, p95 {_seconds(calls['seconds']['p95'])}",
        *(f"{each['name']} {_share(each)} of {each['rate']:.1f}/s" for each in facts["providers"]),
    ]
    if circuits is not None:
        parts.append(f"{circuits['troubled']} of {circuits['total']} circuits not closed")
    if _failing(facts):
        parts.append(f"{counted(facts['tenants']['failing'], 'tenant')} with failed calls")
    words = Text(f"{MARKS[facts['level']]} {facts['level']}", style=STYLES[facts["level"]])
    reasons = "; ".join(each["text"] for each in facts["findings"][:2])
    return words.append(
        _clean(f"  {'; '.join(parts)}{' | ' if reasons else ''}{reasons}"), style="default not bold"
    )


def unreachable(why: str, seconds: float) -> Text:
    """A line that says that the server does not answer, and why."""
    since = f", for {_seconds(seconds)}; last known state below" if seconds else ""
    return Text(f"? no answer from the server ({_clean(why)}){since}", style="bold reverse")


def _verdict(facts: dict[str, Any]) -> Text:
    level = facts["level"]
    text = Text(f"{MARKS[level]} {'all is well' if level == 'well' else level}", style=STYLES[level])
    text.append(
        f"   process {facts['process']['number']}, counting for {_seconds(facts['process']['up'])}", "dim"
    )
    for finding in facts["findings"][:4]:
        text.append(f"\n  {MARKS[finding['level']]} {_clean(finding['text'])}", STYLES[finding["level"]])
    return text


def _calls(calls: dict[str, Any]) -> Text:
    times = calls["seconds"]
    return (
        Text("calls  ")
        + _bars(calls["series"])
        + Text(
            f"  {calls['rate']:.1f}/s  {_share(calls)} succeeded  "
            f"{calls['rescued']} rescued\n"
            f"       p50 {_seconds(times['p50'])}  p95 {_seconds(times['p95'])}  "
            f"p99 {_seconds(times['p99'])}  "
            f"{calls['running'] + calls['streams']} in flight"
        )
    )


def _providers(providers: Sequence[dict[str, Any]], *, wide: bool) -> Table:
    table = _table("provider", "/s", "ok", "p50", "p95", "p99", "fell back", "rejected", "circuits")
    if wide:
        table.add_column("retries", no_wrap=True)
        table.add_column("attempts, failures in red", no_wrap=True)
    for each in providers:
        cells: list[RenderableType] = [
            Text(f"{MARKS[each['level']]} {_clean(each['name'])}", STYLES[each["level"]]),
            f"{each['rate']:.1f}",
            _share(each),
            *(_seconds(each["seconds"][name]) for name in ("p50", "p95", "p99")),
            *(str(each[what]) for what in ("fallbacks", "rejections")),
            _states(each["circuits"], wide=wide),
        ]
        if wide:
            cells += [str(each["retries"]), _bars(each["series"])]
        table.add_row(*cells)
    return table


def _states(states: dict[str, int], *, wide: bool) -> Text:
    """How many circuits are in each state; in a narrow terminal, closed ones only if all are closed."""
    shown = {state: number for state, number in states.items() if wide or state != "closed"} or states
    return Text(" ").join(Text(f"{MARKS[state]}{number}", STYLES[state]) for state, number in shown.items())


def _circuits(circuits: dict[str, Any], rows: int, columns: int) -> Table:
    table = _table("circuit", "tenant", "provider", "failures", "opened", "next probe")
    for column in table.columns[1:3]:  # otherwise a long name would shorten the other columns, too
        column.max_width = max((columns - FIXED) // 2, 8)
    table.title = f"{circuits['total']} circuits, {circuits['troubled']} not closed"
    table.title_justify = "left"
    for each in circuits["rows"][:rows]:
        table.add_row(
            Text(f"{MARKS[each['state']]} {each['state'].replace('_', '-')}", STYLES[each["state"]]),
            Text(_clean(each["tenant"])),
            Text(_clean(" ".join([each["provider"], *each["more"]]))),
            str(each["failures"]),
            str(each["opens"]),
            _seconds(each["retry_after"]),
        )
    return table


def _failing(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The tenants whose calls fail, the worst first; none if the server does not report tenants yet."""
    return [each for each in facts.get("tenants", {"rows": ()})["rows"] if each["failed"]]


def _tenants(failing: Sequence[dict[str, Any]], total: int, columns: int) -> Table:
    table = _table("tenant", "calls", "failed", "fell back", "rejected", "no key")
    table.columns[0].max_width = max(columns - FIXED, 8)
    table.title = f"{counted(total, 'tenant')} with failed calls"
    table.title_justify = "left"
    for each in failing:
        numbers = (each[name] for name in ("calls", "failed", "fallbacks", "rejections", "missing_keys"))
        table.add_row(Text(_clean(each["tenant"]), STYLES["failed"]), *map(str, numbers))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _stories(stories: Sequence[dict[str, Any]], rows: int) -> Text:
    """The latest calls that failed, were slow or were rescued; one line each."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for each in [each for each in stories if each["sort"] not in ("good", "abandoned", "keyless")][:rows]:
        route = " \u2192 ".join(f"{part['target']} ({part['outcome']})" for part in each["attempts"][:4])
        words = f"{each['tenant']}  {route or each['outcome']}  {_seconds(each['ago'])} ago"
        text.append(f"{each['sort']:<8}", STYLES[each["sort"]])
        text.append(f"{_seconds(each['seconds']):>8}  {_clean(words)}\n")
    return text


# --- formatting ----------------------------------------------------------------------------------


def _clean(words: str) -> str:
    """Remove control characters: names come from outside and must not control the terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in words)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def _share(facts: dict[str, Any]) -> str:
    whole = facts["succeeded"] + facts["failed"]
    if not whole:
        return "-"
    share = facts["succeeded"] / whole
    return "100%" if not facts["failed"] else f"{min(share, 0.999):.1%}"


def _bars(series: dict[str, list[int]]) -> Text:
    """The last minute, two seconds per character; red where more than half failed."""
    good, bad = (_pairs(series[name][-60:]) for name in ("succeeded", "failed"))
    most = max(4, *(a + b for a, b in zip(good, bad, strict=True)))
    text = Text()
    for succeeded, failed in zip(good, bad, strict=True):
        both = succeeded + failed
        height = -(-both * (len(BLOCKS) - 1) // most)
        text.append(BLOCKS[height], "red" if failed > succeeded else "yellow" if failed else "cyan")
    return text


def _pairs(numbers: list[int]) -> list[int]:
    return [sum(numbers[at : at + 2]) for at in range(0, len(numbers), 2)]
