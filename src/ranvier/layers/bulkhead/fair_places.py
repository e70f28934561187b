"""The base class of layers whose calls take a place, or wait for one in fair order."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Awaitable, Callable, Hashable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import clock, validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import BulkheadFullError
from ranvier.errors.root import RanvierError
from ranvier.layers.bulkhead.held_place import HeldPlace
from ranvier.layers.bulkhead.places import Places, PlacesByKey
from ranvier.pipeline.asking.users_function import ask, plain
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.queueing.fair_queue import PRIORITIES, FairQueue
from ranvier.pipeline.queueing.waiter import LATE, NEVER, SENT_ON, Waiter
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.timing.limit import too_late
from ranvier.pipeline.waiting.carry import carry
from ranvier.pipeline.waiting.worth import may_queue, waiting_helps
from ranvier.pipeline.worst_case import WorstCase
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.runtime import Runtime

AGEING = 2.5
"""Seconds after which a waiting call becomes one priority more urgent, if `max_wait` is off."""

WEIGHTS = (0.001, 1000.0)
"""The smallest and the largest weight of a tenant."""

MAX_SHOWN = 12
"""Maximum number of keys that `print(pipeline)` lists."""


class FairPlaces(Layer):
    """The common part of `Bulkhead` and `AdaptiveLimit`; they differ in the number of places.

    Attributes:
        places: The places by key: how many are taken, and how many calls of which tenants wait.
    """

    place: ClassVar[Place] = Place.ADMIT
    outermost: ClassVar[bool] = True
    watches = True

    waits_as: ClassVar[str] = "bulkhead"
    """The kind of these waits in the story of a call."""

    def __init__(
        self,
        per_tenant: int | None,
        queue: int,
        max_wait: float | None,
        weight: Callable[[str], float] | None,
        priority: Callable[[Call], int] | None,
    ) -> None:
        name = type(self).__name__
        if per_tenant is not None:
            validation.count(f"{name}(per_tenant)", per_tenant, least=1)
        self.per_tenant = per_tenant
        self.queue = validation.count(f"{name}(queue)", queue, least=0)
        self.max_wait = validation.seconds(f"{name}(max_wait)", max_wait, optional=True)
        self._weight = plain(f"{name}(weight)", weight, "tenant")
        self._priority = plain(f"{name}(priority)", priority, "call")
        self.places = PlacesByKey(name, self._create, self.name_of)

    def _create(self, key: Hashable) -> FairQueue[Waiter | None]:
        ageing = AGEING if self.max_wait is None else self.max_wait / 4
        return FairQueue(self.limit_of(key), self.per_tenant, self.queue, ageing)

    def opened(self, pipeline: Runtime) -> None:
        """Forget the calls of a closed event loop."""
        self.places.opened(pipeline)

    def take_over(self, before: Self) -> None:
        """Take over the places that are taken, and the waiting calls."""
        self.places = before.places.with_settings_of(self.places)
        self._set_rules()

    def _set_rules(self) -> None:
        """Apply the settings to all known places."""
        for key, places in self.places.known.items():
            places.set_rules(self.limit_of(key), self.per_tenant, self.queue, clock.now())

    # --- what differs ----------------------------------------------------------------------------

    def key_of(self, call: Call) -> Hashable:
        """The key by which the places of `call` are counted."""
        raise NotImplementedError

    def name_of(self, key: Hashable) -> str:
        """The text shown for `key`, which itself may contain a credential."""
        raise NotImplementedError

    def limit_of(self, key: Hashable) -> int:
        """The number of places."""
        raise NotImplementedError

    def began(self, call: Call, places: Places) -> None:
        """A stream has begun; the last attempt in the record of `call` is its own."""

    def ended(self, call: Call, places: Places, attempts: tuple[Attempt, ...]) -> None:
        """A call has ended and still has its place; `attempts` were sent while it had it."""

    # --- the call --------------------------------------------------------------------------------

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Take a place, or wait for one; pass it on when the call or its stream has ended."""
        return carry(HeldPlace(self, call, self.key_of(call)), call, inner)

    # --- whether to wait -------------------------------------------------------------------------

    def obstacle(self, call: Call, places: Places, weight: float, due: float | None) -> str | None:
        """Why `call` must not wait for a place; `None` if it may wait, at most until `due`."""
        if not may_queue(call):
            return NEVER
        now = call.pipeline.clock()
        if due is not None and now + places.seconds_for(call.tenant, weight, now) >= due:
            return LATE
        return None if self.helps(call, due) else SENT_ON

    def helps(self, call: Call, due: float | None) -> bool:
        """True if `call` could be sent after a wait here, and no later target would admit it now."""
        return waiting_helps(call, math.inf if due is None else due, self)

    def rejection(self, call: Call, places: Places, weight: float, reason: str) -> RanvierError:
        """The error for `call`, which has no place because of `reason`."""
        now = call.pipeline.clock()
        if call.deadline is not None and call.deadline <= now:
            return too_late(call, "deadline")
        error = BulkheadFullError(
            tenant=call.tenant,
            provider=call.deployment.provider.name,
            reason=reason,
            limit=places.queue.limit,
            waiting=places.queue.waiting,
            retry_after=places.seconds_for(call.tenant, weight, now) or None,
        )
        announce_rejected(call, error)
        return error

    # --- what the user's functions return --------------------------------------------------------

    def weight_of(self, call: Call) -> float:
        """The weight of the tenant of `call`."""
        if self._weight is None:
            return 1.0
        where = f"{type(self).__name__}(weight)"
        weight = ask(where, self._weight, call.tenant)
        least, most = WEIGHTS
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not least <= weight <= most:
            raise ConfigurationError(f"{where} returned {reprlib.repr(weight)}: return {least:g} to {most:g}")
        return float(weight)

    def priority_of(self, call: Call) -> int:
        """The priority of `call`."""
        if self._priority is None:
            return 0
        where = f"{type(self).__name__}(priority)"
        priority = ask(where, self._priority, call)
        if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority < PRIORITIES:
            raise ConfigurationError(f"{where} returned {reprlib.repr(priority)}: return 0 to 9")
        return priority

    # --- reading ---------------------------------------------------------------------------------

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """Adds `max_wait`."""
        return inner.waiting(math.inf if self.max_wait is None else self.max_wait)

    def admits_now(self, call: Call) -> bool:
        """True if a place is free for `call`."""
        places = self.places.known.get(self.key_of(call))
        return places is None or places.queue.admits(call.tenant)

    def admits_in(self, call: Call) -> float:
        """0, because a call that has waited elsewhere may wait here too."""
        return 0.0

    def status(self, now: float) -> Iterable[str]:
        """The number of places taken, and of waiting calls."""
        for each in islice(self.places, MAX_SHOWN):
            waiting = f"{counted(each.waiting, 'call')} of {counted(len(each.tenants), 'tenant')} waiting"
            yield f"{each.name}: {each.in_flight} of {each.limit} places taken, {waiting}"
