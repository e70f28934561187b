"""The interface of a pipeline for calls, layers and providers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from ranvier.pipeline.sharing.single_worker import SINGLE_WORKER
from ranvier.pipeline.timing.limits import UNLIMITED, Limits

if TYPE_CHECKING:
    from ranvier.clock import Clock
    from ranvier.errors.rejected import NotAllowedError
    from ranvier.errors.root import RanvierError
    from ranvier.facts.price import Prices
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.circuits import CircuitRegistry
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.place import Place
    from ranvier.pipeline.reporting.complaints import Complaints
    from ranvier.pipeline.reporting.emitter import Events
    from ranvier.pipeline.sharing.fleet import Fleet
    from ranvier.pipeline.timing.timer_wheel import TimerWheel
    from ranvier.pipeline.worst_case import WorstCase


Work = Coroutine[Any, Any, None]
"""A coroutine to run in the background."""


class Stacked(Protocol):
    """The interface of a layer for the rest of its stack; each method is documented at `Layer`."""

    @property
    def place(self) -> Place:
        """Its position in the stack."""

    @property
    def circuits(self) -> CircuitRegistry | None:
        """Its circuits, if it keeps any."""

    @property
    def takes_any_model(self) -> bool:
        """True if a call may also start at other models of its providers."""

    def deployments(self) -> Iterable[Deployment]:
        """Every target that it may send a call to."""

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """The targets that one call may be sent to, in order."""

    def asks(self, chain: tuple[Deployment, ...]) -> int:
        """How often a call may go through `chain`."""

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that it lets one attempt take; `None` means no limit."""

    def limits_at(self, deployment: Deployment) -> Limits | None:
        """The limits that it sets for an attempt; `None` if it sets none."""

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """The worst case of a call through it, given the worst case `inner` of the rest."""

    def opened(self, pipeline: Runtime) -> None:
        """Called each time a pipeline opens."""

    def divide(self, workers: int) -> None:
        """Called when the number of live workers has changed."""

    def admits_now(self, call: Call) -> bool:
        """True if it would admit `call` now."""

    def accepts(self, call: Call) -> bool:
        """True if it would admit `call` now, as a probe too."""

    def may_probe(self, call: Call) -> bool:
        """True if it might admit `call` as a probe."""

    def admits_in(self, call: Call) -> float:
        """Seconds until it would admit `call`, as far as known."""

    def key_closed_for(self, deployment: Deployment, account: int, now: float) -> float:
        """Seconds until a call with that key would be admitted, as far as known."""

    def recheck(self, call: Call, since: float) -> None:
        """Raise a `RejectedError` if it would not admit `call` any more."""


class Keys(Protocol):
    """Chooses the key of a call; each method is documented at `Credentials`."""

    def opened(self, pipeline: Runtime) -> None:
        """Called each time a pipeline opens."""

    @property
    def resolver(self) -> Callable[..., Any] | None:
        """The function that returns the keys of tenants; `None` if only the providers' own keys are used."""

    async def resolve(self, call: Call) -> None:
        """Set the key of `call` at its target."""

    async def following(self, call: Call, error: RanvierError) -> Call | None:
        """`call` with another key, after `error` was caused by its own."""

    def default(self, call: Call, deployment: Deployment) -> str | None:
        """The own key of the provider of `deployment`."""

    def another(self, call: Call) -> object | None:
        """Another key for the target of `call` that may be used at once."""

    def invalidate(self, call: Call) -> None:
        """The provider has rejected the key of `call`."""

    def forget(self, tenant: str, provider: str | None = None) -> None:
        """The key of `tenant` has changed."""


class RetryAllowance(Protocol):
    """Limits the retries at a provider over all calls; each method is documented at `RetryBudget`."""

    def first(self, tenant: str, provider: str, now: float) -> None:
        """Count a first attempt."""

    def take(self, tenant: str, provider: str, now: float) -> bool:
        """True if another attempt may be sent now; it is counted then."""


class Rule(Protocol):
    """Decides which call may be sent to which target; each method is documented at `AllowRule`."""

    def refusal(self, call: Call) -> NotAllowedError | None:
        """Why `call` may not be sent to its target with its key; `None` if it may."""

    def refusal_at(self, call: Call, deployment: Deployment) -> NotAllowedError | None:
        """Why `call` may not be sent to `deployment` with any known key; `None` if it may, or might."""


class Timed(Protocol):
    """A layer that sets the deadline of every call."""

    @property
    def seconds(self) -> float | None:
        """Seconds from the start of a call; `None` means no deadline."""


class Runtime:
    """The part of a `Pipeline` that its calls, layers and providers use.

    Attributes:
        layers: The stack, from the outside in.
        allow: The rule for which call may be sent to which target; `None` allows all.
        prices: The known prices of targets.
        credentials: Chooses the key of each call.
        provider_names: Every vendor and every provider in the stack: an `extra` may address one of them.
        events: Delivers events to listeners.
        complaints: Logs mistakes of custom providers, once each.
        lifecycle: The calls in flight and the open providers. It outlives reloads.
        loop, clock, timers: The pipeline's event loop, the loop's clock in seconds, and its timers.
        timed_by, limits: A hook for `Layer.join`: the layer whose seconds are the deadline of every call, so
            that its `handle` is not called, and the limits of attempts, if they are the same for all calls.
            This saves copies of the call.
        retry_budget: A hook for `Layer.join`: the budget that retries, and attempts with a further key,
            count against; `None` means no budget.
        injects_faults: A hook for `Layer.join`: True if a layer may inject faults, which permits then ignore.
        fleet: The workers that share a store with this one; without a store, only this one.
        judges: A hook for `Layer.join`: the layers that may reject a call; a balance asks them in advance.
    """

    layers: tuple[Stacked, ...]
    credentials: Keys
    provider_names: frozenset[str]
    events: Events
    complaints: Complaints
    lifecycle: object
    loop: asyncio.AbstractEventLoop
    clock: Clock
    timers: TimerWheel
    allow: Rule | None = None
    prices: Prices = MappingProxyType({})
    timed_by: Timed | None = None
    retry_budget: RetryAllowance | None = None
    limits: Limits = UNLIMITED
    injects_faults: bool = False
    fleet: Fleet = SINGLE_WORKER
    judges: tuple[Stacked, ...] = ()

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that the stack lets one attempt at `deployment` take; `None` means no limit."""
        bounds = [layer.attempt_seconds(deployment) for layer in self.layers]
        return min((bound for bound in bounds if bound is not None), default=None)

    def in_background(
        self,
        work: Work,
        context: Context | None = None,
        name: str = "work",
        *,
        cut_off: bool = False,
    ) -> asyncio.Task[None]:
        """Run `work`, which must not raise, in a background task with a copy of `context`.

        Closing the pipeline waits for it, or with `cut_off` cancels it first. `name` identifies it in the log
        if it does not end.
        """
        raise NotImplementedError
