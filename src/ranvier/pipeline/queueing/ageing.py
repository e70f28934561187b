"""When waiting calls become more urgent."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Generic

from ranvier.pipeline.queueing.ranking import SLACK
from ranvier.pipeline.queueing.tenants import Entry, Line, Who


class Ageing(Generic[Who]):
    """Makes the first call of each line one priority more urgent for each `period` that it has waited."""

    __slots__ = ("_heap", "_most", "_numbers", "_period")

    def __init__(self, period: float) -> None:
        self._period = period
        self._heap: list[
            tuple[float, int, Line[Who], Entry[Who]]
        ] = []  # entries of calls that left are stale
        self._most = SLACK
        self._numbers = itertools.count()

    def clear(self) -> None:
        """Nobody waits."""
        self._heap.clear()

    def grow(self, line: Line[Who], head: Entry[Who], now: float) -> None:
        """Make the head of `line` as urgent as it is after its wait, and note when that changes next."""
        while head.urgency:
            older_at = head.since + (line.priority - head.urgency + 1) * self._period
            if now < older_at:
                self._note(line, head, older_at)
                return
            head.urgency -= 1

    def _note(self, line: Line[Who], head: Entry[Who], older_at: float) -> None:
        if older_at == math.inf or head.timed == head.urgency:
            return
        head.timed = head.urgency
        heapq.heappush(self._heap, (older_at, next(self._numbers), line, head))
        if len(self._heap) > self._most:
            self._heap = [each for each in self._heap if each[2].head is each[3]]
            heapq.heapify(self._heap)
            self._most = 2 * len(self._heap) + SLACK

    def due(self, now: float) -> Iterator[Line[Who]]:
        """The lines whose head is more urgent by now."""
        while self._heap and self._heap[0][0] <= now:
            _, _, line, entry = heapq.heappop(self._heap)
            if line.head is entry:
                yield line
