"""Items ordered by a changeable key: a heap that may hold stale entries."""

from __future__ import annotations

import heapq
from typing import Any, Generic, Protocol, TypeVar

Key = tuple[int, float, int]
"""The sort key of an item, unique among all items."""

SLACK = 64
"""Stale entries that a heap may hold in addition to twice its items."""


class Ranked(Protocol):
    """An item, which is in at most one ranking at a time.

    Attributes:
        rank: Its valid entry in the heap; `None` while it is in no ranking.
    """

    rank: tuple[int, float, int, Any] | None


Item = TypeVar("Item", bound=Ranked)


class Ranking(Generic[Item]):
    """Items by key, the smallest first. Each operation takes O(log n), spread over many."""

    __slots__ = ("_heap", "_number")

    def __init__(self) -> None:
        self._heap: list[tuple[int, float, int, Item]] = []
        self._number = 0

    def __len__(self) -> int:
        return self._number

    def set(self, item: Item, key: Key) -> None:
        """Insert `item` with `key`, or change its key."""
        entry = (*key, item)
        self._number += item.rank is None
        item.rank = entry
        heapq.heappush(self._heap, entry)
        if len(self._heap) > 2 * self._number + SLACK:
            self._heap = [each for each in self._heap if each[3].rank is each]
            heapq.heapify(self._heap)

    def discard(self, item: Item) -> None:
        """Remove `item` if it is in this ranking; it must not be in another one."""
        if item.rank is not None:
            item.rank = None
            self._number -= 1

    def first(self) -> Item | None:
        """The item with the smallest key."""
        while self._heap:
            entry = self._heap[0]
            if entry[3].rank is entry:
                return entry[3]
            heapq.heappop(self._heap)
        return None
