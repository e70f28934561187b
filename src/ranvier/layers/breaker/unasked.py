"""Which open circuits nobody has asked for long enough, found without looking at the others."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from heapq import heapify, heappop, heappush

from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.state import HALF_OPEN, OPEN

IDLE_OPEN_SECONDS = 600.0
"""How long after its cooldown an open circuit that nobody asks for is remembered."""

SLACK = 64
"""Entries of circuits that are gone, beside as many as there are circuits."""

MAX_STEPS = 64
"""Entries that are looked at for one newcomer: they may all have moved, and the loop must not stand still."""

_Entry = tuple[float, int, Hashable, Circuit]


class Unasked:
    """Open and half-open circuits without calls, in the order in which they may be forgotten.

    Each has one entry, at the moment that was known first, or at an earlier one. When that has come, the
    circuit says whether its own has: so nothing is moved while circuits open and close.
    """

    def __init__(self) -> None:
        self._heap: list[_Entry] = []  # of those at one moment the circuit that was made first goes first

    def add(self, key: Hashable, circuit: Circuit, circuits: Mapping[Hashable, Circuit]) -> None:
        """The last call of `circuit` has ended."""
        when = circuit.reopens_at + IDLE_OPEN_SECONDS
        if when >= circuit.entered_at:
            return
        circuit.entered_at = when
        heappush(self._heap, (when, circuit.number, key, circuit))
        if len(self._heap) > 2 * len(circuits) + SLACK:
            self._heap = [each for each in self._heap if _counts(each) and circuits.get(each[2]) is each[3]]
            heapify(self._heap)

    def take(self, circuits: Mapping[Hashable, Circuit], now: float) -> list[Hashable]:
        """The keys of those that may be forgotten by `now`, as far as a few steps find them."""
        due: list[Hashable] = []
        for _ in range(MAX_STEPS):
            if not self._heap or self._heap[0][0] > now:
                break
            entry = heappop(self._heap)
            key, circuit = entry[2:]
            if not _counts(entry):
                continue
            circuit.entered_at = math.inf
            unasked = circuit.state in (OPEN, HALF_OPEN) and circuit.in_flight == 0
            if not unasked or circuits.get(key) is not circuit:
                continue  # it is added again when its last call ends
            if circuit.reopens_at + IDLE_OPEN_SECONDS <= now:
                due.append(key)
            else:
                self.add(key, circuit, circuits)
        return due


def _counts(entry: _Entry) -> bool:
    """Whether it is the entry of its circuit: an earlier one takes the place of a later one."""
    return entry[3].entered_at == entry[0]
