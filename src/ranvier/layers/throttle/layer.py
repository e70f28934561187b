"""Stops sending with a key to which the provider has just said no."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ranvier import validation
from ranvier.clock import earliest
from ranvier.errors.provider import ProviderError
from ranvier.errors.rejected import RejectedError, ThrottledError
from ranvier.events import CredentialRejected, Throttled
from ranvier.layers.throttle.causes import closes
from ranvier.layers.throttle.gate import Gate, Reason
from ranvier.layers.throttle.registry import Gates, Key, digest
from ranvier.layers.throttle.wait_queue import Ticket, WaitQueue
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.estimate import takes_slot
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.timing.limit import too_late
from ranvier.pipeline.worst_case import WorstCase

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

MAX_WAITING = 10_000
"""Calls that wait at one gate at most; the next ones go on to their next target."""

MAX_SHOWN = 12
"""Gates that `print(pipeline)` lists."""


class Throttle(Layer):
    """Close a gate before a key that the provider limits or refuses, for everyone who would use it.

    A rate limit or an overload with a `retry_after` closes the gate of that key at that provider
    until then, for `max_closed` at most; a refused key is remembered for `auth_cooldown`, one out of
    credit for `quota_cooldown`. Tenants who share our key share its gate; another key has another gate.
    After its time one call passes as a probe, then two, four, and so on, in the order of their coming,
    until nobody waits.

    Args:
        max_wait: The longest that a call waits at a gate. One that would have to wait longer, or
            past its deadline, goes on to the next target at once. 0 is never to wait.
        auth_cooldown: Seconds that a key is not used after the provider has refused it.
        quota_cooldown: The same after it was out of credit; longer where the provider says so.
        max_gates: Gates kept at most.
        max_closed: Seconds that a gate is closed at most, whatever the provider says (an hour where the
            account is out of credit); then one call asks. `auth_cooldown` and `quota_cooldown` are yours, and
            are kept.
        overrides: The settings for single targets. One for `"provider/model"` gives that model
            gates of its own.

    Put it outside the breaker, so that nobody waits with a probe's place taken. A call that is
    turned away raises `ThrottledError`, and no circuit counts it. Nobody waits for a refused key.

    Attributes:
        gates: The registry: which are closed, why, until when, how many calls wait; and `open`.
    """

    place: ClassVar[Place] = Place.ADMIT

    def __init__(
        self,
        max_wait: float = 10.0,
        auth_cooldown: float = 60.0,
        quota_cooldown: float = 300.0,
        max_gates: int = 10_000,
        max_closed: float = 300.0,
        *,
        overrides: Mapping[str, Self] | None = None,
    ) -> None:
        self.max_wait = validation.seconds("Throttle(max_wait)", max_wait)
        self.auth_cooldown = validation.seconds("Throttle(auth_cooldown)", auth_cooldown)
        self.quota_cooldown = validation.seconds("Throttle(quota_cooldown)", quota_cooldown)
        self.max_closed = validation.seconds("Throttle(max_closed)", max_closed)
        self.gates = Gates(validation.count("Throttle(max_gates)", max_gates, least=1))
        self.override_with(overrides)

    def join(self, pipeline: Runtime) -> None:
        """Where there are several keys, let those be used whose gates are open."""
        pipeline.credentials.add_availability_check(self.closed_for)

    def opened(self, pipeline: Runtime) -> None:
        """The gates stay closed for as long as the provider has said, on whatever event loop."""
        self.gates.opened(pipeline)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Pass the gate, if there is one; learn from what the provider says."""
        while True:
            visit = await self._enter(call) if self.gates.known else None
            try:
                answer = await inner(call)
            except _RequeueError as error:
                self._learn(call, visit, error)
                if error.by is not self:
                    raise
            except BaseException as error:
                self._learn(call, visit, error)
                raise
            else:
                if visit is not None:
                    visit.accepted()
                return answer

    # --- going in --------------------------------------------------------------------------------

    async def _enter(self, call: Call) -> Ticket | None:
        """Wait until `call` may pass, if that is worth it."""
        key, visit = self._key(call.deployment, call.credential), None
        while (keeper := self.gates.known.get(key)) is not None:
            if visit is None:
                visit = keeper.meet(call)
            if visit is not None and call.pipeline.clock() >= keeper.gate.until:
                break  # else it was closed again between the moment that let us pass and this one
            due = self._worth_waiting(call, keeper.gate)
            visit = None if due is None else await self._wait(call, keeper, due)
            if visit is None:
                raise self._refusal(call, keeper)
        return visit

    async def _wait(self, call: Call, keeper: WaitQueue, due: float) -> Ticket | None:
        """Wait at the gate, and let the record of the call know."""
        began, reason = call.pipeline.clock(), keeper.gate.reason.value
        try:
            return await keeper.wait(call, due)
        finally:
            recorder.waited(call, "gate", began, reason)

    def _worth_waiting(self, call: Call, gate: Gate[Ticket]) -> float | None:
        """Until when `call` should wait at `gate` at most; `None` is not at all."""
        now = call.pipeline.clock()
        due = earliest(now + self.settings_for(call.deployment).max_wait, call.deadline)
        assert due is not None
        fits = now + gate.opens_in(now) < due and gate.waiting < MAX_WAITING
        return due if fits and gate.reason.passes else None

    def _refusal(self, call: Call, keeper: WaitQueue) -> Exception:
        now = call.pipeline.clock()
        if call.deadline is not None and call.deadline <= now:
            return too_late(call, "deadline")
        error = ThrottledError(**_facts(call, keeper.gate))
        announce_rejected(call, error, call.deployment.provider.name)
        return error

    def recheck(self, call: Call, since: float) -> None:
        """Send back a call before which the gate was closed while it waited for a connection."""
        keeper = self.gates.known.get(self._key(call.deployment, call.credential))
        if keeper is not None and keeper.gate.since >= since:
            raise _RequeueError(self)  # not by way of a variable: the error holds this frame

    # --- coming out ------------------------------------------------------------------------------

    def _learn(self, call: Call, visit: Ticket | None, error: BaseException) -> None:
        """Close the gate, or say what its probe has found out."""
        closing = closes(error, self.settings_for(call.deployment), probed=visit is not None)
        if closing is not None:
            self._close(call, *closing)
        elif visit is not None:
            # Whoever hears that the request is wrong has passed the limits.
            if isinstance(error, ProviderError) and not error.counts_against_provider:
                visit.accepted()
            else:
                visit.leave()

    def _close(self, call: Call, reason: Reason, seconds: float) -> None:
        now, key = call.pipeline.clock(), self._key(call.deployment, call.credential)
        news = self.gates.close(key, reason, now + seconds, now)
        if news and call.pipeline.events.listeners:
            event = Throttled if reason.passes else CredentialRejected
            call.pipeline.events.emit(
                event(
                    **call.where(),
                    kind=reason.value,
                    seconds=seconds,
                    key=digest(key),
                ),
                call.record,
            )

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """After a wait at the gate; after any number where a call may wait for a connection meanwhile.

        One before which the gate was closed during that wait is sent back to it.
        """
        settings = self if deployment is None else self.settings_for(deployment)
        returns = deployment is None or takes_slot(deployment)
        return inner.later(math.inf if returns else settings.max_wait)

    # --- looking ---------------------------------------------------------------------------------

    def closed_for(self, deployment: Deployment, credential: str, now: float) -> float:
        """Seconds until a call with this key may pass, as far as that is known; 0 is now."""
        return self.gates.opens_in(self._key(deployment, credential), now)

    def _key(self, deployment: Deployment, credential: str | None) -> Key:
        own = self.overrides and deployment.target in self.overrides
        return deployment.target if own else deployment.provider.name, hash(credential)

    def status(self, now: float) -> Iterable[str]:
        """How many gates are closed, and the first of them."""
        yield repr(self.gates)[1:-1]
        for gate in islice(self.gates, MAX_SHOWN):
            when = f"closed for {gate.closed_for:.1f} s" if gate.closed_for else "a probe is under way"
            yield f"  {gate.provider} key {gate.key}: {gate.reason}, {when}, {gate.waiting} calls wait"

    def __repr__(self) -> str:
        return self._describe(
            max_wait=self.max_wait,
            auth_cooldown=self.auth_cooldown,
            quota_cooldown=self.quota_cooldown,
            max_closed=self.max_closed,
        )


class _RequeueError(RejectedError):
    """Back to the gate: it was closed before the call could be sent. It never leaves its throttle."""

    kind = "throttled"

    def __init__(self, by: Throttle) -> None:
        super().__init__("the gate of its key was closed while it waited for a connection")
        self.by = by


def _facts(call: Call, gate: Gate[Ticket]) -> dict[str, Any]:
    now = call.pipeline.clock()
    return {
        "tenant": call.tenant,
        "provider": call.deployment.provider.name,
        "reason": gate.reason.value,
        "seconds_ago": now - gate.since,
        "retry_after": gate.opens_in(now),
    }
