"""Attempts that passed their hang threshold without content, and which of them were overtaken.

A silence is overtaken when an attempt of another tenant, begun later, had content: then the target
answers, and that one attempt says nothing about it. Pure, and O(log n) per silence over its whole life.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heapify, heappop, heappush

MAX_SILENCES = 4096
"""Silences that one circuit keeps; further ones are counted only when their attempts end."""

WAITING, GONE = -1, -2
"""Values of `Silence.half`: its attempt still waits; it does not count any more."""


class Silence:
    """The silence of one attempt of `voter`, which began at `began`."""

    __slots__ = ("began", "half", "voter")

    def __init__(self, voter: int, began: float) -> None:
        self.voter = voter
        self.began = began
        self.half = WAITING  # once its attempt has ended: the number of the half in which it counts

    def __lt__(self, other: Silence) -> bool:
        return self.began < other.began


class Silences:
    """The silences of one circuit, the earliest begun first, against the latest attempts with content."""

    __slots__ = ("_heap", "_latest", "_leader", "_leaders", "_second", "gone")

    def __init__(self) -> None:
        self._heap: list[Silence] = []
        self._leaders: list[Silence] = []  # silences of the leader that only another voter can overtake
        self._leader: int | None = None  # who began the latest of the attempts that had content
        self._latest = -math.inf  # when it began
        self._second = -math.inf  # when the latest of any other voter began
        self.gone = 0  # silences taken back since the last `keep`; they may still be kept

    def __len__(self) -> int:
        return len(self._heap) + len(self._leaders)

    def overtaken(self, voter: int, began: float) -> bool:
        """True if an attempt of another voter, begun later than `began`, had content."""
        return began < (self._second if voter == self._leader else self._latest)

    def add(self, silence: Silence) -> None:
        """Keep `silence`, which is not overtaken yet."""
        heappush(self._heap, silence)

    def content(self, voter: int, began: float) -> list[Silence]:
        """An attempt of `voter` had content: take out and return the silences that this overtakes."""
        if voter == self._leader:
            if began <= self._latest:
                return []
            self._latest = began
        elif began > self._latest:
            self._second, self._latest, self._leader = self._latest, began, voter
        elif began > self._second:
            self._second = began
        else:
            return []
        return self._take() if self._heap or self._leaders else []

    def _take(self) -> list[Silence]:
        taken = []
        while self._leaders and self._leaders[0].began < self._second:
            taken.append(heappop(self._leaders))
        while self._heap and self._heap[0].began < self._latest:
            silence = heappop(self._heap)
            if silence.voter == self._leader and silence.began >= self._second:
                heappush(self._leaders, silence)
            else:
                taken.append(silence)
        return taken

    def keep(self, counts: Callable[[Silence], bool]) -> None:
        """Drop the silences that do not count any more."""
        self.gone = 0
        for silences in (self._heap, self._leaders):
            silences[:] = filter(counts, silences)
            heapify(silences)
