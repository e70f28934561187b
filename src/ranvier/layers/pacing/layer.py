"""Keeps calls under the limits that a provider reports with its answers."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.errors.pacing import PacedError
from ranvier.errors.root import RanvierError
from ranvier.events import LimitUsedUp
from ranvier.layers.pacing.estimates import Estimates
from ranvier.layers.pacing.held_allowance import HeldAllowance
from ranvier.layers.pacing.key_limits import Costs
from ranvier.layers.pacing.paced_key import PacedKey
from ranvier.layers.pacing.registry import Allowances, digest, key_of
from ranvier.pipeline.call import Call
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.queueing.waiter import LATE, NEVER, SENT_ON
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.timing.limit import too_late
from ranvier.pipeline.waiting.carry import carry
from ranvier.pipeline.waiting.worth import may_queue, waiting_helps
from ranvier.pipeline.worst_case import WorstCase
from ranvier.wording import counted, target_name

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

QUIET = 10.0
"""The minimum seconds between two events that a limit of a key is used up."""

AGEING = 2.5
"""Seconds after which a waiting call becomes one priority more urgent, if `max_wait` is off."""

MAX_SHOWN = 12
"""Maximum number of limits that `print(pipeline)` lists."""


class Pacing(Layer):
    """Keep calls under the limits that the provider reports, so that it does not reject them.

    OpenAI, Anthropic and others report with each answer how many requests and tokens the key has left for
    that model, and when the limit is full again. A call reserves its expected use, learned from earlier calls
    of its tenant, and settles its real use at the end. Calls that do not fit wait, in fair order, or fall
    back. Without such headers nothing is limited.

    Args:
        max_wait: The longest time in seconds that a call waits at one target, in total; `None` means no
            limit. A call waits only if no later target would admit it now, and if its turn is expected in
            that time and before its deadline. Otherwise it falls back to the next target at once.
        queue: The maximum number of waiting calls per key and model. Beyond that, the newest call of the
            tenant with the most waiting calls falls back to its next target.
        max_keys: The maximum number of keys to keep, counted per model.

    Put it outside `Throttle` and `Breaker`, so that no waiting call occupies a probe. A hedge or a probe
    never waits. A rejected call raises `PacedError`, and no circuit counts it.

    Attributes:
        allowances: The limits by key, with the amounts left and the waiting calls.
    """

    place: ClassVar[Place] = Place.ADMIT
    outermost: ClassVar[bool] = True
    watches = True

    @layer_remedies.suggested
    def __init__(self, max_wait: float | None = 10.0, queue: int = 10_000, max_keys: int = 10_000) -> None:
        self.max_wait = validation.seconds("Pacing(max_wait)", max_wait, optional=True)
        self.queue = validation.count("Pacing(queue)", queue, least=0)
        self.max_keys = validation.count("Pacing(max_keys)", max_keys, least=1)
        self.allowances = Allowances(max_keys, self._create)

    def _create(self, estimates: Estimates) -> PacedKey:
        ageing = AGEING if self.max_wait is None else self.max_wait / 4
        return PacedKey(estimates, self.queue, ageing)

    def opened(self, pipeline: Runtime) -> None:
        """Forget the limits that were measured on a closed event loop."""
        self.allowances.opened(pipeline)

    def divide(self, workers: int) -> None:
        """Use one part in `workers` of what is left."""
        self.allowances.divide(workers)

    def take_over(self, before: Self) -> None:
        """Take over the limits of the keys, the reservations, and the waiting calls."""
        self.allowances = before.allowances.with_settings_of(self.allowances, self.queue)

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Reserve the expected use of the call, waiting if necessary, and settle its real use at the end."""
        paced = self.allowances.of(call.deployment, identity.account(call))
        if paced is None:
            return inner(call)
        held = HeldAllowance(self, call, paced)
        return carry(held, call, inner, held.hear)

    # --- whether to wait -------------------------------------------------------------------------

    def obstacle(
        self, call: Call, paced: PacedKey, costs: Costs, weight: float, due: float | None
    ) -> str | None:
        """Why `call` must not wait; `None` if it may wait, at most until `due`."""
        if not may_queue(call):
            return NEVER
        now = call.pipeline.clock()
        if due is not None and now + paced.seconds_for(costs, call.tenant, weight, now) >= due:
            return LATE
        return None if self.helps(call, due) else SENT_ON

    def helps(self, call: Call, due: float | None) -> bool:
        """True if `call` could be sent after a wait here, and no later target would admit it now."""
        return waiting_helps(call, math.inf if due is None else due, self)

    def rejection(
        self, call: Call, paced: PacedKey, costs: Costs, weight: float, reason: str
    ) -> RanvierError:
        """The error for `call`, which is not sent because of `reason`."""
        now = call.pipeline.clock()
        if call.deadline is not None and call.deadline <= now:
            return too_late(call, "deadline")
        error = PacedError(
            tenant=call.tenant,
            provider=call.deployment.provider.name,
            reason=reason,
            limits=paced.limits.lacking(costs, now),
            waiting=paced.queue.waiting,
            retry_after=paced.seconds_for(costs, call.tenant, weight, now) or None,
        )
        announce_rejected(call, error)
        return error

    def announce_used_up(self, call: Call, paced: PacedKey, costs: Costs, now: float) -> None:
        """Emit that a limit of the key is used up, unless that was just reported."""
        lacking = paced.limits.lacking(costs, now)
        if not lacking or now < paced.quiet_until:
            return
        paced.quiet_until = now + QUIET
        if call.pipeline.events.hears(LimitUsedUp):
            event = LimitUsedUp(
                **call.where(),
                limits=", ".join(lacking),
                seconds=paced.limits.seconds_for(costs, 1, now),
                key=digest(key_of(call.deployment, identity.account(call))),
            )
            call.pipeline.events.emit(event, call.record)

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """Adds `max_wait`."""
        return inner.waiting(math.inf if self.max_wait is None else self.max_wait)

    # --- reading ---------------------------------------------------------------------------------

    def admits_now(self, call: Call) -> bool:
        """True if `call` fits within the limits of its key, and no call waits for them."""
        paced = self.allowances.known.get(key_of(call.deployment, identity.account(call)))
        if paced is None or not paced.limits.known:
            return True
        return paced.admits(paced.estimates.of(call.request, call.tenant), call.pipeline.clock())

    def admits_in(self, call: Call) -> float:
        """Seconds until `call` is expected to fit within the limits of its key."""
        paced = self.allowances.known.get(key_of(call.deployment, identity.account(call)))
        if paced is None or not paced.limits.known:
            return 0.0
        costs = paced.estimates.of(call.request, call.tenant)
        return paced.seconds_for(costs, call.tenant, 1.0, call.pipeline.clock())

    def key_closed_for(self, deployment: Deployment, account: int, now: float) -> float:
        """Seconds until a key has something left; 0 means now."""
        paced = self.allowances.known.get(key_of(deployment, account))
        return 0.0 if paced is None else paced.seconds_for(Costs(), "", 1.0, now)

    def unsettled(self) -> Iterable[str]:
        """The reservations and waiting calls, for `assert_settled`."""
        for key, paced in self.allowances.known.items():
            if not paced.idle:
                taken = counted(paced.limits.in_flight, "reservation")
                waiting = counted(paced.queue.waiting, "call")
                yield f"pacing of {target_name(key[0], key[1])}: {taken}, {waiting} waiting"

    def status(self, now: float) -> Iterable[str]:
        """The amounts left of the limits, and the number of waiting calls."""
        for each in islice(self.allowances, MAX_SHOWN):
            where, what = target_name(each.provider, each.model), each.what.replace("_", " ")
            left = f"{max(each.left, 0.0):.0f} of {each.limit:.0f} {what} left"
            yield f"{where} key {each.key}: {left}, {counted(each.waiting, 'call')} waiting"

    def __repr__(self) -> str:
        return self._describe(max_wait=self.max_wait, queue=self.queue)
