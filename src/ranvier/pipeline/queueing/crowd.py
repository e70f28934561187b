"""Finds the tenant with the most calls in a full queue."""

from __future__ import annotations

import heapq
import itertools
from typing import Generic

from ranvier.pipeline.queueing.ranking import SLACK
from ranvier.pipeline.queueing.tenants import ItemT, Tenant


class Crowd(Generic[ItemT]):
    """Finds the tenant with the most waiting calls, divided by weight.

    It costs nothing until the queue is full. From then on, a heap has an entry for every waiting tenant. An
    entry may overstate the tenant's calls; it is corrected when it reaches the top of the heap.
    """

    __slots__ = ("_heap", "_numbers")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Tenant[ItemT]]] | None = None
        self._numbers = itertools.count()

    def clear(self) -> None:
        """Drop the heap, because the queue is far from full."""
        self._heap = None

    def grew(self, tenant: Tenant[ItemT]) -> None:
        """A call of `tenant` has begun to wait."""
        if self._heap is not None:
            self._push(self._heap, tenant)

    def _push(self, heap: list[tuple[float, int, Tenant[ItemT]]], tenant: Tenant[ItemT]) -> None:
        heapq.heappush(heap, (-tenant.crowding, next(self._numbers), tenant))

    def largest(self, newcomer: Tenant[ItemT], tenants: dict[str, Tenant[ItemT]]) -> Tenant[ItemT]:
        """The tenant with the most waiting calls; in a tie `newcomer`, which has at least one."""
        heap = self._heap
        if heap is None or len(heap) > 2 * len(tenants) + SLACK:
            heap = self._heap = []
            for each in tenants.values():
                if each.waiting:
                    self._push(heap, each)
        while -heap[0][0] != heap[0][2].crowding:
            _, _, tenant = heapq.heappop(heap)
            if tenant.waiting:
                self._push(heap, tenant)
        most = heap[0][2]
        return newcomer if newcomer.crowding >= most.crowding else most
