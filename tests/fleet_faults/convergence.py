"""How long it took from the deciding report until each worker had applied what it decided."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from fleet_faults.exchanges import Circuit, Exchange, of_circuits, place
from fleet_faults.worker_log import Entry

Span = tuple[float, float]
"""From when to when."""


def decisions(said: Sequence[Exchange], spans: Sequence[Span]) -> list[Exchange]:
    """Within `spans`, the commands that changed a circuit: of each change, the earliest that shows it."""
    found = []
    for about in of_circuits(said).values():
        seen = set()
        for each in sorted(about, key=lambda each: each.sent):
            view = each.view
            assert view is not None
            decided = each.accepted and view["by"] == each.command.get("worker") and view["generation"]
            if decided and place(view) not in seen and any(a <= each.sent <= b for a, b in spans):
                found.append(each)
            seen.add(place(view))
    return found


def delays(decided: Sequence[Exchange], entries: Sequence[Entry]) -> list[float]:
    """For each decision and each worker, the seconds from sending to applied.

    A worker counts if it had a session from the one to the other.
    """
    applied: dict[tuple[int, Circuit], list[tuple[tuple[int, int], float]]] = {}
    for entry in entries:
        change = entry.facts.get("change")
        if entry.what == "applied" and change["is"] == "CircuitView":
            key = (entry.worker, tuple(change["circuit"]))
            applied.setdefault(key, []).append((place(change), entry.at))
    sessions = _sessions(entries)
    found = []
    for each in decided:
        assert each.view is not None
        for (worker, circuit), heard in applied.items():
            if circuit == tuple(each.view["circuit"]):
                late = _delay(each, heard)
                found += [by for by in late if _lasts(sessions[worker], each.sent, each.sent + by)]
    return found


def _sessions(entries: Iterable[Entry]) -> dict[int, list[Span]]:
    """From when to when each worker had a session; the last one has no end."""
    found: dict[int, list[Span]] = {}
    for entry in entries:
        own = found.setdefault(entry.worker, [])
        if entry.what == "connected":
            own.append((entry.at, math.inf))
        elif entry.what in ("failed", "closed") and own and own[-1][1] == math.inf:
            own[-1] = (own[-1][0], entry.at)
    return found


def _lasts(sessions: Iterable[Span], start: float, end: float) -> bool:
    return any(a <= start and end <= b for a, b in sessions)


def _delay(decided: Exchange, heard: Sequence[tuple[tuple[int, int], float]]) -> list[float]:
    """When a worker had heard that, or something later; nothing if it never did."""
    assert decided.view is not None
    late = [at for where, at in heard if where >= place(decided.view) and at >= decided.sent]
    return [min(late) - decided.sent] if late else []


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which so many of them lie; not a number without any."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def turns(entries: Iterable[Entry], target: str, state: str, since: float) -> dict[int, float]:
    """When each worker's circuit first went to `state` after `since`."""
    found: dict[int, float] = {}
    for entry in entries:
        facts = entry.facts
        if entry.what != "circuit" or entry.at < since:
            continue
        if (facts["target"], facts["after"]) == (target, state):
            found.setdefault(entry.worker, entry.at)
    return found
