"""What `ranvier watch` shows of workers that share a store: the source of the numbers, and open circuits."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from ranvier.cli.watch.formatting import STYLES, clean, duration, table_of
from ranvier.wording import counted

FIXED = 42
"""The width of a row of the trouble table without the subject and the host."""

MAX_TROUBLES = 6
"""Maximum number of open or isolated circuits, gates and tenants shown."""


def source_of_numbers(facts: dict[str, Any]) -> str:
    """The source of the numbers: all workers, or the process that answers. Older servers report less."""
    service, process = facts.get("service"), facts["process"]
    if not service:
        return f"process {process['number']}, counting for {duration(process['up'])}"
    summed, live = service.get("summed", 0), service["live"]
    if summed:
        return f"{summed} of {counted(live, 'worker')}" if summed < live else counted(live, "worker")
    why = "" if service["reachable"] else ": the store cannot be reached"
    return f"this worker, process {process['number']}{why}"


def of_this_worker(facts: dict[str, Any]) -> str:
    """A note for numbers of only the worker that answers, if it is one of several."""
    return ", of this worker" if facts.get("service") else ""


def of_service(service: dict[str, Any], columns: int) -> Table:
    """A table of open or isolated circuits, gates and tenants, with the workers that caused it."""
    title = f"{counted(service['live'], 'worker')}: open circuits, closed gates, isolated tenants"
    table = table_of("state", "what", "worker", "host", "next probe", title=title)
    room = max(columns - FIXED, 24)
    table.columns[1].max_width, table.columns[3].max_width = room * 2 // 3, room // 3
    for each in service["troubles"][:MAX_TROUBLES]:
        table.add_row(
            Text(clean(each["state"]), STYLES["strained"]),
            Text(clean(f"{each['kind']} {each['what']}")),
            Text(clean(each["by"])),
            Text(clean(each["host"])),
            duration(each["retry_after"]),
        )
    return table
