"""Finds idle open circuits to evict, without scanning all circuits."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from heapq import heapify, heappop, heappush

from ranvier.facts.circuit import HALF_OPEN, OPEN
from ranvier.layers.breaker.circuit import Circuit

IDLE_OPEN_SECONDS = 600.0
"""Seconds after its cooldown for which an open circuit without calls is kept."""

SLACK = 64
"""Stale entries that the heap may hold in addition to twice the number of circuits."""

MAX_STEPS = 1000
"""Maximum number of entries checked per new circuit: this blocks the event loop for a few milliseconds."""

_Entry = tuple[float, int, Hashable, Circuit]


class EvictionQueue:
    """Open and half-open circuits without calls, in the order in which they may be evicted.

    Each circuit has one entry, whose time is no later than its eviction. At that time the circuit is checked,
    and added again if it is not due yet. So entries need not move while circuits open and close.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []  # at equal times, the oldest circuit comes first

    def add(self, key: Hashable, circuit: Circuit, circuits: Mapping[Hashable, Circuit]) -> None:
        """Add `circuit`, whose last call has ended."""
        when = circuit.reopens_at + IDLE_OPEN_SECONDS
        if when >= circuit.entered_at:
            return
        circuit.entered_at = when
        heappush(self._heap, (when, circuit.number, key, circuit))
        if len(self._heap) > 2 * len(circuits) + SLACK:
            self._heap = [each for each in self._heap if _counts(each) and circuits.get(each[2]) is each[3]]
            heapify(self._heap)

    def take(self, circuits: Mapping[Hashable, Circuit], now: float) -> list[Hashable]:
        """Remove and return the keys that may be evicted by `now`, checking at most `MAX_STEPS` entries."""
        due: list[Hashable] = []
        for _ in range(MAX_STEPS):
            if not self._heap or self._heap[0][0] > now:
                break
            entry = heappop(self._heap)
            key, circuit = entry[2:]
            if not _counts(entry):
                continue
            circuit.entered_at = math.inf
            idle = circuit.state in (OPEN, HALF_OPEN) and circuit.in_flight == 0
            if not idle or circuits.get(key) is not circuit:
                continue  # it is added again when its last call ends
            if circuit.reopens_at + IDLE_OPEN_SECONDS <= now:
                due.append(key)
            else:
                self.add(key, circuit, circuits)
        return due


def _counts(entry: _Entry) -> bool:
    """True if it is the current entry of its circuit: an earlier entry replaces a later one."""
    return entry[3].entered_at == entry[0]
