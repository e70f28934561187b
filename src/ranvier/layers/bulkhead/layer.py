"""Limits the calls in flight, and shares the places fairly between the tenants."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import BulkheadFullError
from ranvier.errors.root import RanvierError
from ranvier.layers.bulkhead.held_place import HeldPlace
from ranvier.layers.bulkhead.places import Places, PlacesByKey
from ranvier.pipeline.asking.users_function import ask, ask_key
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.queueing.fair_queue import PRIORITIES, FairQueue
from ranvier.pipeline.queueing.waiter import LATE, NEVER, SENT_ON, Waiter
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.timing.limit import too_late
from ranvier.pipeline.waiting.held import RequeueError
from ranvier.pipeline.waiting.worth import may_queue, waiting_helps
from ranvier.pipeline.worst_case import WorstCase
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

AGEING = 2.5
"""Seconds after which a waiting call is one priority more urgent, where `max_wait` is off."""

WEIGHTS = (0.001, 1000.0)
"""The smallest and the largest weight of a tenant."""

MAX_SHOWN = 12
"""Keys that `print(pipeline)` lists."""


class Bulkhead(Layer):
    """Limit the calls in flight at a provider, so that one tenant's burst does not hold up the others.

    When all places are taken, calls wait in a queue, in fair order: the tenant that was served least goes
    next, measured in tokens. Tenants without calls save up nothing. A stream holds its place until it ends.

    Args:
        limit: How many calls may be in flight, per key.
        per_tenant: How many of one tenant, also while nobody waits; `None` means `limit`.
        queue: How many calls may wait. If there are more, the newest call of the tenant with most waiting
            calls, by weight, falls back to its next target.
        max_wait: The longest time in seconds that a call waits at one target, in all attempts together, its
            waits at gates included; `None` means no limit. A call waits only if no later target would admit
            it now, and if its turn is expected in that time and before its deadline. Otherwise it falls back
            to the next target at once.
        weight: A function of a tenant that returns its share relative to the others, 0.001 to 1000; 1 by
            default.
        priority: A function of a call that returns its priority, from 0 (the most urgent, and the default)
            to 9. A more urgent call goes first, whatever its tenant was served. A call becomes one priority
            more urgent for each quarter of `max_wait` that it has waited.
        key: A function of a call that returns what its places are counted by, anything hashable; `None` means
            the provider's name.

    Put it outside `Throttle` and `Breaker`: a call that waits holds no probe. A hedge or a probe never waits:
    it has a place that is free, or is not sent. A rejected call raises `BulkheadFullError`, and no circuit
    counts it.

    Attributes:
        places: The places by key: how many are taken, and how many calls of which tenants wait.
    """

    place: ClassVar[Place] = Place.ADMIT
    outermost: ClassVar[bool] = True
    watches = True

    def __init__(
        self,
        limit: int,
        per_tenant: int | None = None,
        queue: int = 10_000,
        max_wait: float | None = 10.0,
        weight: Callable[[str], float] | None = None,
        priority: Callable[[Call], int] | None = None,
        key: Callable[[Call], Hashable] | None = None,
    ) -> None:
        self.limit = validation.count("Bulkhead(limit)", limit, least=1)
        if per_tenant is not None:
            validation.count("Bulkhead(per_tenant)", per_tenant, least=1)
        self.per_tenant = per_tenant
        self.queue = validation.count("Bulkhead(queue)", queue, least=0)
        self.max_wait = validation.seconds("Bulkhead(max_wait)", max_wait, optional=True)
        self._weight, self._priority, self._key = weight, priority, key
        self.places = PlacesByKey(self._create, by_provider=key is None)

    def _create(self) -> FairQueue[Waiter | None]:
        ageing = AGEING if self.max_wait is None else self.max_wait / 4
        return FairQueue(self.limit, self.per_tenant, self.queue, ageing)

    def opened(self, pipeline: Runtime) -> None:
        """Forget the calls that were on another event loop, if that is closed."""
        self.places.opened(pipeline)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Take a place, or wait for one; pass it on when the call or its stream has ended."""
        held, waited = HeldPlace(self, call, self._key_of(call)), False
        while True:
            if waited or not held.try_take():
                await held.wait(first=waited)
            try:
                answer = await inner(call.holding(held))
            except RequeueError as error:
                held.end()
                if error.by is not held:
                    raise
                waited = True
            except BaseException:
                held.end()
                raise
            else:
                if isinstance(answer, ResponseStream) and answer.is_of_provider:
                    answer.on_end(held.end)
                else:
                    held.end()
                return answer

    # --- whether to wait -------------------------------------------------------------------------

    def obstacle(self, call: Call, places: Places, weight: float, due: float | None) -> str | None:
        """Why `call` must not wait for a place, until `due` at most; `None` if it may."""
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
        weight = ask("Bulkhead(weight)", self._weight, call.tenant)
        least, most = WEIGHTS
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not least <= weight <= most:
            raise ConfigurationError(
                f"Bulkhead(weight) returned {weight!r:.60}: return {least:g} to {most:g}"
            )
        return float(weight)

    def priority_of(self, call: Call) -> int:
        """The priority of `call`."""
        if self._priority is None:
            return 0
        priority = ask("Bulkhead(priority)", self._priority, call)
        if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority < PRIORITIES:
            raise ConfigurationError(f"Bulkhead(priority) returned {priority!r:.60}: return 0 to 9")
        return priority

    def _key_of(self, call: Call) -> Hashable:
        if self._key is None:
            return call.deployment.provider.name
        return ask_key("Bulkhead(key)", self._key, call)

    # --- reading ---------------------------------------------------------------------------------

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """Adds `max_wait`."""
        return inner.waiting(math.inf if self.max_wait is None else self.max_wait)

    def admits_now(self, call: Call) -> bool:
        """True if a place is free for `call`."""
        places = self.places.known.get(self._key_of(call))
        return places is None or places.queue.admits(call.tenant)

    def admits_in(self, call: Call) -> float:
        """0: a call that has waited elsewhere may wait here too."""
        return 0.0

    def status(self, now: float) -> Iterable[str]:
        """How many places are taken, and how many calls wait for one."""
        for each in islice(self.places, MAX_SHOWN):
            waiting = f"{counted(each.waiting, 'call')} of {counted(len(each.tenants), 'tenant')} waiting"
            yield f"{each.name}: {each.in_flight} of {each.limit} places taken, {waiting}"

    def __repr__(self) -> str:
        return self._describe(
            limit=self.limit,
            **({} if self.per_tenant is None else {"per_tenant": self.per_tenant}),
            queue=self.queue,
            max_wait=self.max_wait,
        )
