"""Places, and a fair queue for them. Pure: it never waits and never reads a clock.

It implements start-time fair queueing with one counter per tenant instead of a tag per call. The counter is
the cost that the tenant was served, divided by its weight. The tenant with the smallest counter is next, and
is charged the expected cost of its call; when the call has ended, the real cost replaces it.

Bound: at equal costs and with the highest priority, the first waiting call of a tenant is overtaken by at
most `ceil(w / own weight)` calls of each other active tenant of weight `w`, and by one more for each of the
tenant's own calls in flight that cost more than expected.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Generic

from ranvier.pipeline.queueing.ageing import Ageing
from ranvier.pipeline.queueing.crowd import Crowd
from ranvier.pipeline.queueing.ranking import Ranking
from ranvier.pipeline.queueing.tenants import Entry, ItemT, Line, Tenant
from ranvier.pipeline.queueing.virtual_time import VirtualTime

PRIORITIES = 10
"""Priorities go from 0, the most urgent, to 9."""


class FairQueue(Generic[ItemT]):
    """At most `limit` calls have a place; the others wait in fair order.

    After any change, `advance` returns the waiting calls that now have a place.

    Args:
        limit: The number of places; it may be changed.
        per_tenant: The maximum number of places of one tenant; `None` means no maximum.
        capacity: The maximum number of waiting calls.
        ageing: Seconds of waiting after which a call counts as one priority more urgent.

    Attributes:
        in_flight, waiting: The number of calls with a place, and of waiting calls.
    """

    def __init__(
        self, limit: int, per_tenant: int | None = None, capacity: int = 10_000, ageing: float = math.inf
    ) -> None:
        self.limit = limit
        self.per_tenant = per_tenant
        self.capacity = capacity
        self.in_flight = self.waiting = 0
        self._ageing: Ageing[ItemT] = Ageing(ageing)
        self._tenants: dict[str, Tenant[ItemT]] = {}  # tenants that wait, are served or are ahead
        self._ready: Ranking[Line[ItemT]] = Ranking()  # lines whose head may have the next place
        self._ahead: Ranking[Line[ItemT]] = Ranking()  # idle tenants whose counter is above the virtual time
        self._crowd: Crowd[ItemT] = Crowd()
        self._time = VirtualTime()
        self._numbers = itertools.count(1)

    # --- reading ---------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """True if no call waits or has a place."""
        return not self.in_flight and not self.waiting

    def admits(self, tenant: str) -> bool:
        """True if a new call of `tenant` would have a place now."""
        if self.in_flight >= self.limit or (self.waiting and self._ready.first() is not None):
            return False
        if self.per_tenant is None:
            return True
        known = self._tenants.get(tenant)
        return known is None or known.in_flight < self.per_tenant

    def ahead_of(self, tenant: str, weight: float) -> float:
        """The approximate number of calls that get a place before a new call of `tenant`."""
        known = self._tenants.get(tenant)
        own = 1 if known is None else known.waiting + 1
        return min(self.waiting, own * len(self._ready) / weight)

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        """The known tenants, each with its number of waiting calls and of calls known to have a place."""
        for each in self._tenants.values():
            yield each.name, each.waiting, each.in_flight

    # --- changes ---------------------------------------------------------------------------------

    def try_pass(self, item: ItemT, tenant: str) -> Entry[ItemT] | None:
        """Give a new call a place without charge, if one is free and no waiting call may take it."""
        if not self.admits(tenant):
            return None
        entry = Entry(item)
        if self.per_tenant is not None:
            entry.tenant = self._known(tenant)
            entry.tenant.in_flight += 1
            self._refresh(entry.tenant, 0.0)
        self.in_flight += 1
        entry.admitted = True
        return entry

    def wait(
        self,
        item: ItemT,
        tenant: str,
        now: float,
        *,
        weight: float = 1.0,
        priority: int = 0,
        cost: float = 1.0,
        first: bool = False,
    ) -> tuple[Entry[ItemT], Entry[ItemT] | None]:
        """Queue a call. If the queue is over its capacity, also remove and return a call, perhaps this one.

        Args:
            item: The call.
            tenant: The tenant of the call.
            now: The time.
            weight: The tenant's weight from now on.
            priority: From 0, the most urgent, to 9.
            cost: The expected cost, more than 0.
            first: True if the call has waited before: it goes ahead of the other calls of its tenant.
        """
        entry = Entry(item, cost, priority, now)
        known = self._known(tenant)
        known.weight = weight
        line = known.line(priority)
        (line.put_first if first else line.append)(entry)
        known.waiting += 1
        self.waiting += 1
        self._crowd.grew(known)
        self._refresh(known, now)
        removed = None
        if self.waiting > self.capacity:
            removed = self._crowd.largest(known, self._tenants).newest()
            self._remove(removed, now)
            self._tidy()
        return entry, removed

    def leave(self, entry: Entry[ItemT], now: float, cost: float | None = None) -> None:
        """A call no longer waits, or gives its place back; `cost` is its real cost, if known."""
        if entry.line is not None:
            self._remove(entry, now)
        elif entry.admitted:
            entry.admitted = False
            self.in_flight -= 1
            tenant = entry.tenant
            if tenant is None:
                return
            tenant.in_flight -= 1
            if cost is not None and entry.era:
                self._time.settle(tenant, entry, cost)
            self._refresh(tenant, now)
            self._rest(tenant)
        self._tidy()

    def clear(self, now: float) -> list[Entry[ItemT]]:
        """Remove all calls that wait, and return them."""
        lines = (line for tenant in self._tenants.values() for line in tenant.lines)
        waiting = [entry for line in lines for entry in line.entries()]
        for entry in waiting:
            self._remove(entry, now)
        self._tidy()
        return waiting

    def cap(self, per_tenant: int | None, now: float) -> None:
        """Change the maximum number of places of one tenant."""
        self.per_tenant = per_tenant
        for tenant in self._tenants.values():
            if tenant.waiting or tenant.in_flight:  # the others are in the ranking of those that are ahead
                self._refresh(tenant, now)

    def advance(self, now: float) -> list[Entry[ItemT]]:
        """Give free places to waiting calls, and return those calls in order."""
        admitted: list[Entry[ItemT]] = []
        if not self.waiting or self.in_flight >= self.limit:
            return admitted
        for line in self._ageing.due(now):
            self._refresh(line.tenant, now)
        while self.in_flight < self.limit and (first := self._ready.first()) is not None:
            admitted.append(self._admit(first, now))
        self._tidy()
        return admitted

    def first(self, now: float) -> Entry[ItemT] | None:
        """The waiting call that is next, whether or not a place is free."""
        for line in self._ageing.due(now):
            self._refresh(line.tenant, now)
        line_of_next = self._ready.first()
        return None if line_of_next is None else line_of_next.head

    # --- steps -----------------------------------------------------------------------------------

    def _known(self, name: str) -> Tenant[ItemT]:
        known = self._tenants.get(name)
        if known is None:
            known = self._tenants[name] = Tenant(name, self._time.now, next(self._numbers) * PRIORITIES)
        elif not known.waiting and not known.in_flight:
            self._ahead.discard(known)
        return known

    def _admit(self, line: Line[ItemT], now: float) -> Entry[ItemT]:
        tenant, entry = line.tenant, line.head
        assert entry is not None
        self._unlink(entry)
        self._time.charge(tenant, entry)
        tenant.turn = next(self._numbers) * PRIORITIES
        tenant.in_flight += 1
        self.in_flight += 1
        entry.tenant, entry.admitted = tenant, True
        self._refresh(tenant, now)
        return entry

    def _remove(self, entry: Entry[ItemT], now: float) -> None:
        """Remove a call that waits."""
        assert entry.line is not None
        tenant = entry.line.tenant
        self._unlink(entry)
        self._refresh(tenant, now)
        self._rest(tenant)

    def _unlink(self, entry: Entry[ItemT]) -> None:
        assert entry.line is not None
        entry.line.tenant.waiting -= 1
        entry.line.remove(entry)
        self.waiting -= 1
        if self.waiting < self.capacity // 2:
            self._crowd.clear()

    def _refresh(self, tenant: Tenant[ItemT], now: float) -> None:
        """Rank the lines of a tenant anew."""
        capped = self.per_tenant is not None and tenant.in_flight >= self.per_tenant
        for line in tenant.lines:
            head = line.head
            if head is None or capped:
                self._ready.discard(line)
                continue
            if head.urgency:
                self._ageing.grow(line, head, now)
            key = head.urgency, tenant.counter, tenant.turn + line.priority
            if line.rank is None or line.rank[:3] != key:
                self._ready.set(line, key)

    def _rest(self, tenant: Tenant[ItemT]) -> None:
        """Forget a tenant that has no calls any more, unless it is ahead of others."""
        if tenant.waiting or tenant.in_flight:
            return
        tenant.others = ()
        if self.waiting and tenant.counter > self._time.now:
            self._ahead.set(tenant, (0, tenant.counter, tenant.turn))
        else:
            del self._tenants[tenant.name]

    def _tidy(self) -> None:
        """Forget idle tenants whose counter the virtual time has reached; all of them if no call waits."""
        if not self.waiting:
            self._time.forget()
            self._ageing.clear()
        while (passed := self._ahead.first()) is not None and passed.tenant.counter <= self._time.now:
            self._ahead.discard(passed)
            del self._tenants[passed.tenant.name]
