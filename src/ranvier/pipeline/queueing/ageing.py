"""Raises the priority of waiting calls over time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from typing import Generic

from ranvier.pipeline.queueing.ranking import SLACK
from ranvier.pipeline.queueing.tenants import Entry, ItemT, Line


class Ageing(Generic[ItemT]):
    """Makes the first call of each line one priority more urgent per `period` of waiting."""

    __slots__ = ("_heap", "_most", "_numbers", "_period")

    def __init__(self, period: float) -> None:
        self._period = period
        self._heap: list[
            tuple[float, int, Line[ItemT], Entry[ItemT]]
        ] = []  # entries of calls that left are stale
        self._most = SLACK
        self._numbers = itertools.count()

    def clear(self) -> None:
        """Forget all lines, because no call waits."""
        self._heap.clear()

    def grow(self, line: Line[ItemT], head: Entry[ItemT], now: float) -> None:
        """Set the urgency of the head of `line` for its wait so far, and schedule its next change."""
        while head.urgency:
            older_at = head.since + (line.priority - head.urgency + 1) * self._period
            if now < older_at:
                self._note(line, head, older_at)
                return
            head.urgency -= 1

    def _note(self, line: Line[ItemT], head: Entry[ItemT], older_at: float) -> None:
        if older_at == math.inf or head.timed == head.urgency:
            return
        head.timed = head.urgency
        heapq.heappush(self._heap, (older_at, next(self._numbers), line, head))
        if len(self._heap) > self._most:
            self._heap = [each for each in self._heap if each[2].head is each[3]]
            heapq.heapify(self._heap)
            self._most = 2 * len(self._heap) + SLACK

    def due(self, now: float) -> Iterator[Line[ItemT]]:
        """The lines whose head has become more urgent by `now`."""
        while self._heap and self._heap[0][0] <= now:
            _, _, line, entry = heapq.heappop(self._heap)
            if line.head is entry:
                yield line
