"""The tables of `ranvier watch` about circuits, keys and tenants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ranvier.cli.watch.formatting import MARKS, STYLES, clean, duration, table_of
from ranvier.cli.watch.workers import of_service, of_this_worker
from ranvier.wording import counted

MAX_TENANTS = 5
"""Maximum number of tenants shown; the page lists more."""

FIXED = 54
"""The width of a row of the circuit table without the tenant and the provider."""

MAX_SHARED = 6
"""Maximum number of shared circuits shown that are not closed."""

MAX_KEYS = 5
"""Maximum number of closed gates shown."""


def troubled(facts: dict[str, Any], columns: int) -> Iterator[Table]:
    """Tables of open shared circuits, limited keys and circuits of tenants; older servers report fewer."""
    shared = facts.get("shared_circuits")
    if shared is not None and shared["troubled"]:
        yield _shared(shared, columns)
    service = facts.get("service")
    if service is not None and service["troubles"]:
        yield of_service(service, columns)
    if facts.get("keys"):
        yield _keys(facts["keys"], columns)
    if failing := failing_tenants(facts)[:MAX_TENANTS]:
        yield _tenants(failing, facts, columns)


def _shared(facts: dict[str, Any], columns: int) -> Table:
    title = f"{counted(facts['total'], 'shared circuit')}, {facts['troubled']} not closed"
    table = table_of("shared circuit", "target", "keys", "tenants failing", "mode", "next probe", title=title)
    table.columns[1].max_width = max(columns - FIXED - 6, 8)
    for each in [each for each in facts["rows"] if each["state"] != "closed"][:MAX_SHARED]:
        table.add_row(
            _state(each["state"]),
            Text(clean(each["target"])),
            Text(clean(each["keys"])),
            f"{each['failing']} of {each['active']}",
            Text(clean(each["mode"])),
            duration(each["retry_after"]),
        )
    return table


def _keys(keys: Sequence[dict[str, Any]], columns: int) -> Table:
    table = table_of("closed for", "provider", "model", "key", "why", "waiting")
    for column in table.columns[1:3]:
        column.max_width = max((columns - FIXED) // 2, 8)
    for each in keys[:MAX_KEYS]:
        table.add_row(
            Text(duration(each["seconds"]), STYLES["strained"]),
            *(Text(clean(each[name] or "all")) for name in ("provider", "model", "key", "reason")),
            str(each["waiting"]),
        )
    return table


def _state(state: str) -> Text:
    return Text(f"{MARKS[state]} {state.replace('_', '-')}", STYLES[state])


def circuits(facts: dict[str, Any], rows: int, columns: int) -> Table:
    """The circuits of tenants, in at most `rows` rows."""
    seen = facts["circuits"]
    title = f"{seen['total']} circuits, {seen['troubled']} not closed{of_this_worker(facts)}"
    table = table_of("circuit", "tenant", "provider", "failures", "opened", "next probe", title=title)
    for column in table.columns[1:3]:  # otherwise a long name would shorten the other columns, too
        column.max_width = max((columns - FIXED) // 2, 8)
    for each in seen["rows"][:rows]:
        table.add_row(
            _state(each["state"]),
            Text(clean(each["tenant"])),
            Text(clean(" ".join([each["provider"], *each["more"]]))),
            str(each["failures"]),
            str(each["opens"]),
            duration(each["retry_after"]),
        )
    return table


def failing_tenants(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The tenants whose calls fail, the worst first; none if the server does not report tenants yet."""
    return [each for each in facts.get("tenants", {"rows": ()})["rows"] if each["failed"]]


def _tenants(failing: Sequence[dict[str, Any]], facts: dict[str, Any], columns: int) -> Table:
    title = f"{counted(facts['tenants']['failing'], 'tenant')} with failed calls{of_this_worker(facts)}"
    table = table_of("tenant", "calls", "failed", "fell back", "rejected", "no key", title=title)
    table.columns[0].max_width = max(columns - FIXED, 8)
    for each in failing:
        numbers = (each[name] for name in ("calls", "failed", "fallbacks", "rejections", "missing_keys"))
        table.add_row(Text(clean(each["tenant"]), STYLES["failed"]), *map(str, numbers))
    return table
