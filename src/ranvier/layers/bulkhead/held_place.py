"""The place of one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.clock import earliest
from ranvier.pipeline.queueing.tenants import Entry
from ranvier.pipeline.queueing.waiter import ADMITTED, MOVED, Waiter
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.waiting.held import RequeueError
from ranvier.pipeline.waiting.worth import IN_QUEUES, waited

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ranvier.facts.attempt import Attempt
    from ranvier.layers.bulkhead.fair_places import FairPlaces
    from ranvier.layers.bulkhead.places import Places
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.outcome import Outcome


class HeldPlace:
    """A place that a call holds, has given back, or waits for.

    While a call waits in an inner layer, for example at a gate, it holds no place. After that wait it takes a
    free place, or is queued here again, ahead of the later calls of its tenant.

    Attributes:
        latest: The time until which the call may wait at its target in total; `None` means no limit.
    """

    __slots__ = ("_before", "_call", "_entry", "_key", "_layer", "_outer", "_places", "latest")

    def __init__(self, layer: FairPlaces, call: Call, key: Hashable) -> None:
        self._layer = layer
        self._call = call
        self._key = key
        self._places: Places | None = None  # the places of its entry
        self._entry: Entry[Waiter | None] | None = None
        self._before: tuple[Attempt, ...] = call.record.attempts
        self._outer = call.held
        self.latest: float | None = None
        if layer.max_wait is not None:
            self.latest = call.pipeline.clock() + layer.max_wait - waited(call, *IN_QUEUES)
        if call.held is not None:
            self.latest = earliest(self.latest, call.held.latest)

    # --- without waiting -------------------------------------------------------------------------

    def try_take(self) -> bool:
        """Take a place, if one is free and no call waits for it."""
        self._places = self._layer.places.of(self._key)
        self._entry = self._places.queue.try_pass(None, self._call.tenant)
        self._before = self._call.record.attempts
        return self._entry is not None

    def give_back(self) -> None:
        """Release the place, because the call begins to wait further in."""
        self._leave(0.0)
        if self._outer is not None:
            self._outer.give_back()

    def take_back(self) -> None:
        """Take a place again, because the wait has ended.

        Raises:
            RequeueError: no place is free now.
        """
        if self._outer is not None:
            self._outer.take_back()
        if not self.try_take():
            raise RequeueError(self)

    def standing(self) -> tuple[float, int]:
        """The weight of the tenant and the priority of the call, by default those of an outer place."""
        own = self._layer.weight_of(self._call), self._layer.priority_of(self._call)
        return self._outer.standing() if own == (1.0, 0) and self._outer is not None else own

    def began(self) -> None:
        """The call is a stream, whose first content has arrived."""
        if self._places is not None:
            self._layer.began(self._call, self._places)

    def end(self, outcome: Outcome | None = None) -> None:
        """The call has ended here: pass its place on, and charge its real cost."""
        if self._entry is not None and self._places is not None:
            cost = None
            try:
                sent = self._call.record.attempts[len(self._before) :]
                cost = self._places.costs.spent(sent, self._call.deployment.target)
                self._layer.ended(self._call, self._places, sent)
            finally:  # what a custom provider reports may be anything
                self._leave(cost)

    def _leave(self, cost: float | None) -> None:
        entry, self._entry = self._entry, None
        if entry is not None and self._places is not None:
            self._places.leave(entry, self._call.pipeline.clock(), cost)

    # --- waiting ---------------------------------------------------------------------------------

    async def wait(self, *, first: bool) -> None:
        """Wait for a place; `first` is true for a call that has waited here before.

        Raises:
            BulkheadFullError: waiting does not help, or no place became free in time.
            RequeueError: the call has to wait again for a place that it held further out.
        """
        call, layer = self._call, self._layer
        places, now = layer.places.of(self._key), call.pipeline.clock()
        due = earliest(earliest(self.latest, call.deadline), call.watch.until)
        weight = layer.weight_of(call)
        if (reason := layer.obstacle(call, places, weight, due)) is not None:
            raise layer.rejection(call, places, weight, reason)
        if self._outer is not None:
            self._outer.give_back()
        waiter = Waiter(call, due, lambda: layer.helps(call, due), self._outer)
        cost, priority = places.costs.expected(call.request), layer.priority_of(call)
        self._places = places
        self._entry = places.enqueue(
            waiter, call.tenant, now, weight=weight, priority=priority, cost=cost, first=first
        )
        how = ""
        try:
            how = await waiter.wait(places.queue)
        finally:
            recorder.waited(call, layer.waits_as, now)
            if how != ADMITTED:
                self._leave(None)
        if how == MOVED:
            raise RequeueError(waiter.moved_by)
        if how != ADMITTED:
            raise layer.rejection(call, places, weight, how)
        self._before = call.record.attempts
