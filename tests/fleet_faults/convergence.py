"""How long it took from the deciding report until each worker had applied what it decided."""

from __future__ import annotations

import math
from bisect import bisect_left
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


def delays(decided: Sequence[Exchange], entries: Iterable[Entry]) -> list[float]:
    """For each decision and each worker that heard of it, the seconds from sending to applied."""
    applied: dict[tuple[int, Circuit], list[tuple[tuple[int, int], float]]] = {}
    for entry in entries:
        change = entry.facts.get("change")
        if entry.what == "applied" and change["is"] == "CircuitView":
            key = (entry.worker, tuple(change["circuit"]))
            applied.setdefault(key, []).append((place(change), entry.at))
    found = []
    for each in decided:
        assert each.view is not None
        for (_, circuit), heard in applied.items():
            if circuit == tuple(each.view["circuit"]):
                found += _delay(each, heard)
    return found


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


def is_within(moment: float, spans: Sequence[Span]) -> bool:
    """Whether it lies in one of the ordered spans."""
    index = bisect_left(spans, (moment, math.inf)) - 1
    return index >= 0 and spans[index][0] <= moment <= spans[index][1]
