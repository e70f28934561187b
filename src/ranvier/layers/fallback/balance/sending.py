"""Counts the calls in flight at balanced targets, and measures their times to the first content."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING

from ranvier.errors.provider import ProviderError
from ranvier.errors.scope import Scope
from ranvier.layers.fallback.keys import send
from ranvier.pipeline.outcome import FAILED, Outcome
from ranvier.pipeline.streaming.stream import ResponseStream

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.layers.fallback.balance.balancer import Balancer
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.layer import Handler, R

FAULTS = frozenset(("network", "server_error", "overloaded", "timeout", "stream_dropped"))
"""Outcomes of retried attempts that count as failures of the target: mostly the model or server failed."""

HEALTH = (Scope.MODEL, Scope.ENDPOINT)
"""The scopes of failures that count."""


class Counted:
    """Sends calls as `send` does, and counts those to balanced targets."""

    def __init__(self, balancers: Mapping[Deployment, Balancer]) -> None:
        self._balancers = balancers

    def __call__(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Send `call` to its target with its key, or with another one if that fails."""
        balancer = self._balancers.get(call.deployment)
        return send(call, inner) if balancer is None else _counted(call, inner, BalancedCall(call, balancer))


async def _counted(call: Call, inner: Handler[R], sent: BalancedCall) -> R:
    sent.begin()
    try:
        answer = await send(call, inner)
    except BaseException as error:
        sent.failed(error)
        raise
    if isinstance(answer, ResponseStream) and answer.is_of_provider:
        sent.answered()
        answer.on_end(sent.end)
    else:
        sent.answered()
        sent.end()
    return answer


class BalancedCall:
    """A call at a target of a balance: in flight until its answer, its error, or the end of its stream."""

    __slots__ = ("_before", "_call", "_in_flight", "_load", "_loads")

    def __init__(self, call: Call, balancer: Balancer) -> None:
        self._call = call
        self._loads = balancer.loads
        self._load = balancer.by_target[call.deployment]

    def begin(self) -> None:
        """The call is sent to the target."""
        self._before = len(self._call.record.attempts)
        self._in_flight = self._load.in_flight
        self._in_flight.number += 1

    def end(self, outcome: Outcome | None = None) -> None:
        """The call is not in flight any more."""
        self._in_flight.number -= 1
        if outcome is FAILED and not _tells_nothing(self._attempts()):
            self._fault()

    def answered(self) -> None:
        """The target has answered, or its stream has begun."""
        attempts = self._attempts()
        if not attempts:
            return  # a layer has answered instead of the target
        self._count_retried(attempts)
        now, first = self._now(), attempts[-1].first_token
        if attempts[-1].endpoint is None:
            self._load.answers(now)
        if first is not None and not _tells_nothing(attempts):  # without it, the length of the answer decides
            self._loads.sample(self._load, first, now)

    def failed(self, error: BaseException) -> None:
        """The target has failed, or the call stopped waiting for it."""
        self.end()
        attempts = self._attempts()
        if not attempts:
            return  # nothing was sent
        self._count_retried(attempts)
        if _tells_nothing(attempts):
            return
        if Outcome.of(error) is FAILED and getattr(error, "scope", None) in HEALTH:
            self._fault()
        elif not isinstance(error, ProviderError) and attempts[-1].first_token is None:
            now = self._now()
            self._loads.waited(self._load, now - attempts[-1].started, now)

    def _count_retried(self, attempts: list[Attempt]) -> None:
        for each in attempts[:-1]:
            if each.outcome in FAULTS and not _tells_nothing([each]):
                self._fault()

    def _fault(self) -> None:
        self._loads.sample(self._load, self._load.longest, self._now())

    def _attempts(self) -> list[Attempt]:
        """The attempts at the target that were sent."""
        target = self._load.name
        return [each for each in self._call.record.attempts[self._before :] if each.target == target]

    def _now(self) -> float:
        return self._call.pipeline.clock()


def _tells_nothing(attempts: list[Attempt]) -> bool:
    """True if the last attempt had a fault of `Chaos`, or went to a tenant's own endpoint."""
    return bool(attempts) and (attempts[-1].fault is not None or attempts[-1].endpoint is not None)
