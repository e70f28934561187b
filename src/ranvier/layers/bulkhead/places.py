"""The places by key, with the calls that wait for them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ranvier.pipeline.queueing.costs import Costs
from ranvier.pipeline.queueing.fair_queue import FairQueue
from ranvier.pipeline.queueing.tenants import Entry
from ranvier.pipeline.queueing.waiter import FULL, Waiter
from ranvier.pipeline.running.loops import Loops
from ranvier.pipeline.waiting.drain import Drain

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

MAX_IDLE = 64
"""With this many keys, a key without calls is dropped at once."""


@dataclass(frozen=True, slots=True)
class PlacesSnapshot:
    """The places of one key at one moment.

    Attributes:
        key: The key; the provider's name for a bulkhead without a `key` function.
        name: The text shown for the key, with a digest in place of a credential.
        limit: The number of places.
        in_flight, waiting: The number of calls with a place, and of waiting calls.
        tenants: The number of waiting calls by tenant.
    """

    key: Hashable
    name: str
    limit: int
    in_flight: int
    waiting: int
    tenants: dict[str, int]


class Places:
    """The places of one key."""

    __slots__ = ("_drain", "_registry", "costs", "key", "queue")

    def __init__(self, registry: PlacesByKey, key: Hashable, queue: FairQueue[Waiter | None]) -> None:
        self._registry = registry
        self.key = key
        self._drain = Drain()
        self.queue = queue
        self.costs = Costs()

    def seconds_for(self, tenant: str, weight: float, now: float) -> float:
        """The expected wait of a new call of `tenant` in seconds, as far as known."""
        return self._drain.seconds_for(1, now) * self.queue.ahead_of(tenant, weight)

    def enqueue(
        self,
        waiter: Waiter,
        tenant: str,
        now: float,
        *,
        weight: float,
        priority: int,
        cost: float,
        first: bool,
    ) -> Entry[Waiter | None]:
        """Queue a call; if the queue is full, end the wait of one."""
        entry, removed = self.queue.wait(
            waiter, tenant, now, weight=weight, priority=priority, cost=cost, first=first
        )
        if removed is not None and removed.item is not None:
            removed.item.end(FULL)
        self.advance(now)
        return entry

    def set_rules(self, limit: int, per_tenant: int | None, capacity: int, now: float) -> None:
        """Apply other settings; calls that have a place keep it."""
        self.queue.limit, self.queue.capacity = limit, capacity
        self.queue.cap(per_tenant, now)
        self.advance(now)

    def leave(self, entry: Entry[Waiter | None], now: float, cost: float | None = None) -> None:
        """A call stops waiting, or gives its place back."""
        self.queue.leave(entry, now, cost)
        if self.queue.waiting:
            self.advance(now)
        elif self.queue.idle:
            self._registry.rest(self.key, self)

    def advance(self, now: float) -> None:
        """End the waits of calls that have a place now."""
        while admitted := self.queue.advance(now):
            for entry in admitted:  # one that is cancelled leaves by itself, and passes its place on
                if entry.item is None or entry.item.admit():
                    self._drain.admit(now)
                else:
                    self.queue.leave(entry, now, 0.0)


class PlacesByKey:
    """All places of a layer, the class of which is `owner`. Keys without calls cost nothing."""

    def __init__(
        self,
        owner: str,
        create: Callable[[Hashable], FairQueue[Waiter | None]],
        name: Callable[[Hashable], str],
    ) -> None:
        self._create = create
        self._name = name
        self._loops = Loops(owner)
        self.known: dict[Hashable, Places] = {}

    def with_settings_of(self, other: PlacesByKey) -> Self:
        """These places, with the settings of `other` from now on."""
        self._create, self._name = other._create, other._name
        return self

    def __iter__(self) -> Iterator[PlacesSnapshot]:
        for key, places in list(self.known.items()):
            queue = places.queue
            tenants = {name: waiting for name, waiting, _ in queue if waiting}
            yield PlacesSnapshot(key, self._name(key), queue.limit, queue.in_flight, queue.waiting, tenants)

    def of(self, key: Hashable) -> Places:
        """The places of `key`."""
        places = self.known.get(key)
        if places is None:
            places = self.known[key] = Places(self, key, self._create(key))
        return places

    def rest(self, key: Hashable, places: Places) -> None:
        """Drop `key` if there are many keys: no call waits or has a place there."""
        if len(self.known) > MAX_IDLE and self.known.get(key) is places:
            del self.known[key]

    def opened(self, pipeline: Runtime) -> float | None:
        """A pipeline opens: if the old event loop is closed, forget its calls.

        In that case, returns the seconds by which the new clock is ahead of the old one.
        """
        shift = self._loops.enter(pipeline)
        if shift is not None:
            self.known.clear()
        return shift
