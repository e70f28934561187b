"""What workers said to the store and what it replied, command by command, from their logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fleet_faults.worker_log import Entry

Circuit = tuple[Any, ...]
"""Which circuit, as a log names it."""

View = dict[str, Any]
"""A circuit as the store showed it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its reply.

    Attributes:
        worker: The number of the worker.
        sent, replied: When, in seconds; the store carried the command out in between.
        command, reply: Their fields, and `is`, the name of their class.
    """

    worker: int
    sent: float
    replied: float
    command: dict[str, Any]
    reply: dict[str, Any]

    @property
    def view(self) -> View | None:
        """The circuit in the reply, if it shows one."""
        return self.reply.get("circuit") if self.reply["is"] == "CircuitReply" else None

    @property
    def accepted(self) -> bool:
        """The command had its effect."""
        return bool(self.reply.get("accepted"))


def exchanges(entries: Iterable[Entry]) -> list[Exchange]:
    """All answered commands, in the order in which they were answered."""
    sent: dict[tuple[int, int], Entry] = {}
    found = []
    for entry in entries:
        batch = (entry.worker, entry.facts.get("batch", 0))
        if entry.what == "sent":
            sent[batch] = entry
        elif entry.what == "replied" and batch in sent:
            found += _pairs(sent.pop(batch), entry)
    return sorted(found, key=lambda each: each.replied)


def _pairs(sent: Entry, replied: Entry) -> Iterator[Exchange]:
    for command, reply in zip(sent.facts["commands"], replied.facts["replies"], strict=True):
        yield Exchange(sent.worker, sent.at, replied.at, command, reply)


def of_circuits(said: Iterable[Exchange]) -> dict[Circuit, list[Exchange]]:
    """Those about shared circuits, by circuit."""
    found: dict[Circuit, list[Exchange]] = {}
    for each in said:
        if each.view is not None:
            found.setdefault(tuple(each.view["circuit"]), []).append(each)
    return found


def place(view: View) -> tuple[int, int]:
    """Where a view stands in the history of its circuit."""
    return view["generation"], view["step"]
