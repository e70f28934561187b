"""Holds back calls with a key that the provider has just limited or rejected."""

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
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

MAX_WAITING = 10_000
"""The maximum number of calls that wait at one gate; further ones fall back to their next target."""

MAX_SHOWN = 12
"""Gates that `print(pipeline)` lists."""


class Throttle(Layer):
    """Close a gate for a key that the provider limits or rejects, for all calls with that key.

    A rate limit or an overload with a `retry_after` closes the gate of that key at that provider
    until then, for `max_closed` at most; a rejected key closes it for `auth_cooldown`, a key out of
    credit for `quota_cooldown`. Tenants that share a key share its gate; each key has a gate of its own.
    After that time the gate admits one call as a probe, then two, four, and so on, first come, first
    served, until no call waits.

    Args:
        max_wait: The longest time in seconds that a call waits at a gate. A call that would have to wait
            longer, or past its deadline, falls back to the next target at once. With 0 no call waits.
        auth_cooldown: Seconds for which a key is not used after the provider rejected it.
        quota_cooldown: Seconds for which a key out of credit is not used; longer if the provider says so.
        max_gates: The maximum number of gates to keep.
        max_closed: The longest time in seconds that a provider can close a gate (one hour if the account is
            out of credit); after that a probe is sent. It does not limit your `auth_cooldown` and
            `quota_cooldown`.
        overrides: The settings for single targets. One for `"provider/model"` gives that model
            gates of its own.

    Put it outside the breaker, so that no call waits while it occupies a probe. A call that is
    rejected raises `ThrottledError`, and no circuit counts it. No call waits for a rejected key.

    Attributes:
        gates: The registry: which gates are closed, why, until when, how many calls wait; and `open`.
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
        """Make the pipeline prefer keys whose gates are open, where there are several keys."""
        pipeline.credentials.add_availability_check(self.closed_for)

    def opened(self, pipeline: Runtime) -> None:
        """Keep the closed times of the gates on the pipeline's event loop, also if it is a new one."""
        self.gates.opened(pipeline)

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        """Pass the gate, if there is one; close, widen or release it by the result."""
        while True:
            ticket = await self._enter(call) if self.gates.known else None
            try:
                answer = await inner(call)
            except _RequeueError as error:
                self._learn(call, ticket, error)
                if error.by is not self:
                    raise
            except BaseException as error:
                self._learn(call, ticket, error)
                raise
            else:
                if ticket is not None:
                    ticket.accepted()
                return answer

    # --- before the call -------------------------------------------------------------------------

    async def _enter(self, call: Call) -> Ticket | None:
        """Wait until the gate admits `call`, if that is worth it."""
        key, ticket = self._key(call.deployment, call.credential), None
        while (queue := self.gates.known.get(key)) is not None:
            if ticket is None:
                ticket = queue.try_pass(call)
            if ticket is not None and call.pipeline.clock() >= queue.gate.until:
                break  # otherwise it was closed again after it admitted this call
            due = self._worth_waiting(call, queue.gate)
            ticket = None if due is None else await self._wait(call, queue, due)
            if ticket is None:
                raise self._rejection(call, queue)
        return ticket

    async def _wait(self, call: Call, queue: WaitQueue, due: float) -> Ticket | None:
        """Wait at the gate, and record the wait."""
        started_at, reason = call.pipeline.clock(), queue.gate.reason.value
        try:
            return await queue.wait(call, due)
        finally:
            recorder.waited(call, "gate", started_at, reason)

    def _worth_waiting(self, call: Call, gate: Gate[Ticket]) -> float | None:
        """Until when `call` may wait at `gate`; `None` means not at all."""
        now = call.pipeline.clock()
        due = earliest(now + self.settings_for(call.deployment).max_wait, call.deadline)
        assert due is not None
        fits = now + gate.opens_in(now) < due and gate.waiting < MAX_WAITING
        return due if fits and gate.reason.passes else None

    def _rejection(self, call: Call, queue: WaitQueue) -> Exception:
        now = call.pipeline.clock()
        if call.deadline is not None and call.deadline <= now:
            return too_late(call, "deadline")
        error = ThrottledError(**_facts(call, queue.gate))
        announce_rejected(call, error, call.deployment.provider.name)
        return error

    def recheck(self, call: Call, since: float) -> None:
        """Send a call back to its gate if that was closed while the call waited for a connection."""
        queue = self.gates.known.get(self._key(call.deployment, call.credential))
        if queue is not None and queue.gate.since >= since:
            raise _RequeueError(self)  # not through a variable: the error references this frame

    # --- after the call --------------------------------------------------------------------------

    def _learn(self, call: Call, ticket: Ticket | None, error: BaseException) -> None:
        """Close the gate if the error says so, or else settle the ticket."""
        closing = closes(error, self.settings_for(call.deployment), probed=ticket is not None)
        if closing is not None:
            self._close(call, *closing)
        elif ticket is not None:
            # A provider that reports an invalid request has accepted it within its limits.
            if isinstance(error, ProviderError) and not error.counts_against_provider:
                ticket.accepted()
            else:
                ticket.leave()

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
        """Adds one wait at the gate, or any number where a call may also wait for a connection.

        If the gate is closed during that wait, the call is sent back to the gate.
        """
        settings = self if deployment is None else self.settings_for(deployment)
        returns = deployment is None or takes_slot(deployment)
        return inner.later(math.inf if returns else settings.max_wait)

    # --- reading ---------------------------------------------------------------------------------

    def closed_for(self, deployment: Deployment, credential: str, now: float) -> float:
        """Seconds until the gate would admit a call with this key, as far as known; 0 means now."""
        return self.gates.opens_in(self._key(deployment, credential), now)

    def _key(self, deployment: Deployment, credential: str | None) -> Key:
        own = self.overrides and deployment.target in self.overrides
        return deployment.target if own else deployment.provider.name, hash(credential)

    def status(self, now: float) -> Iterable[str]:
        """How many gates are closed, and the first ones."""
        yield repr(self.gates)[1:-1]
        for gate in islice(self.gates, MAX_SHOWN):
            when = f"closed for {gate.closed_for:.1f} s" if gate.closed_for else "a probe is in flight"
            waiting = f"{counted(gate.waiting, 'call')} waiting"
            yield f"  {gate.provider} key {gate.key}: {gate.reason}, {when}, {waiting}"

    def __repr__(self) -> str:
        return self._describe(
            max_wait=self.max_wait,
            auth_cooldown=self.auth_cooldown,
            quota_cooldown=self.quota_cooldown,
            max_closed=self.max_closed,
        )


class _RequeueError(RejectedError):
    """Sends a call back to its gate, which was closed before the call was sent. Never leaves its throttle."""

    kind = "throttled"

    def __init__(self, by: Throttle) -> None:
        super().__init__("the gate of its key was closed while the call waited for a connection")
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
