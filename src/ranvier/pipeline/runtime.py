"""What a call, its layers and its provider may know of the pipeline that carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Protocol

from ranvier.pipeline.timing.limits import UNLIMITED, Limits

if TYPE_CHECKING:
    from ranvier.clock import Clock
    from ranvier.errors.root import RanvierError
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.place import Place
    from ranvier.pipeline.reporting.complaints import Complaints
    from ranvier.pipeline.reporting.emitter import Events
    from ranvier.pipeline.timing.timer_wheel import TimerWheel
    from ranvier.pipeline.worst_case import WorstCase


class Stacked(Protocol):
    """A layer, as the other layers of its stack see it; each method is documented at `Layer`."""

    @property
    def place(self) -> Place:
        """Where it stands."""

    def deployments(self) -> Iterable[Deployment]:
        """Every target that it may send a call to."""

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """The targets that one call may be sent to, in turn."""

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that it lets one attempt take; `None` is no limit."""

    def limits_at(self, deployment: Deployment) -> Limits | None:
        """The limits that it sets to an attempt; `None` where it sets none."""

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """The most that a call can take through it, where `inner` is the most without it."""

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens."""

    def recheck(self, call: Call, since: float) -> None:
        """Raise a `RejectedError` where it would not admit `call` any more."""


class Keys(Protocol):
    """Whose key a call uses; each method is documented at `Credentials`."""

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens."""

    @property
    def resolver(self) -> Callable[..., Any] | None:
        """Who is asked for keys; `None` where our own are used."""

    async def resolve(self, call: Call, deployment: Deployment) -> str | None:
        """The key for `call` at `deployment`."""

    async def following(self, call: Call, error: RanvierError) -> Call | None:
        """`call` with another key, after `error` was about its own."""

    def default(self, call: Call, deployment: Deployment) -> str | None:
        """Our own key at `deployment`."""

    def another(self, call: Call) -> str | None:
        """A further key for the target of `call` that may be used at once."""

    def add_availability_check(self, closed_for: Callable[[Deployment, str, float], float]) -> None:
        """Of several keys prefer one for which `closed_for` says 0."""

    def invalidate(self, call: Call) -> None:
        """The provider has rejected the key of `call`."""

    def forget(self, tenant: str, provider: str | None = None) -> None:
        """The key of `tenant` has changed."""


class Timed(Protocol):
    """A layer that sets the deadline of every call: `None` sets none."""

    @property
    def seconds(self) -> float | None:
        """Seconds from the start of a call."""


class Runtime:
    """The part of a `Pipeline` that its calls, layers and providers use.

    Attributes:
        layers: The stack, from the outside in.
        credentials: Whose key a call uses.
        provider_names: Every vendor and every provider in the stack: an `extra` may address one of them.
        events: Delivers events to listeners.
        complaints: Logs what the code of others does wrong.
        loop, clock, timers: The event loop it belongs to, its clock in seconds, and its timers.
        timed_by, limits: A hook for `Layer.join`: who sets the deadline of each call, and the limits of its
            attempts, where that is the same for every call. So no call has to be derived for it.
    """

    layers: tuple[Stacked, ...]
    credentials: Keys
    provider_names: frozenset[str]
    events: Events
    complaints: Complaints
    loop: asyncio.AbstractEventLoop
    clock: Clock
    timers: TimerWheel
    timed_by: Timed | None = None
    limits: Limits = UNLIMITED

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that the stack lets one attempt at `deployment` take; `None` is without limit."""
        bounds = [layer.attempt_seconds(deployment) for layer in self.layers]
        return min((bound for bound in bounds if bound is not None), default=None)

    def in_background(
        self, work: Coroutine[Any, Any, None], context: Context | None = None, name: str = "background work"
    ) -> None:
        """Run `work`, which must not raise, beside the calls, in a copy of `context`; closing waits for it.

        `name` says in the log what it is, should it never end.
        """
        raise NotImplementedError
