"""The base class of layers; each layer wraps the rest of the stack with one concern."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.place import Place

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # because it has defaults, which Python supports from 3.13 on

    from ranvier.messages.response import Response
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.circuits import CircuitRegistry
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime
    from ranvier.pipeline.streaming.stream import ResponseStream
    from ranvier.pipeline.timing.limits import Limits
    from ranvier.pipeline.worst_case import WorstCase

    R = TypeVar("R", default=Response | ResponseStream)
else:
    from typing import TypeVar

    R = TypeVar("R")

Handler = Callable[["Call"], Awaitable[R]]
"""The rest of the stack inside a layer. A plain `Handler` returns a `Response` or a `ResponseStream`; a
layer that returns the same type as `inner` may write `Handler[R]` with a type variable."""


class Layer:
    """Subclass it, override `handle`, and put it into a pipeline.

        class Stopwatch(Layer):
            async def handle(self, call, inner):
                started_at = time.monotonic()
                try:
                    return await inner(call)
                finally:
                    print(call.tenant, time.monotonic() - started_at)

    A layer may await `inner` any number of times, with the same call or one derived from it. One instance
    handles all calls concurrently, so keep the state of a call in local variables. After a cancellation
    at any `await`, release everything that was acquired.
    """

    place: ClassVar[Place] = Place.CALL
    outermost: ClassVar[bool] = False
    """True if the layer has to be outside all other layers of the same place."""
    innermost: ClassVar[bool] = False
    """True if only other innermost layers may be inside it."""

    takes_any_model: bool = False
    """True if a call may also start at other models of the providers of `deployments`."""

    watches: bool = False
    """True if the layer reads `call.watch`, so that the route has to set it."""

    retries_broken: bool = False
    """True if the layer retries, or raises, the `broken` error of `call.watch` before it sends anything."""

    overrides: Mapping[str, Self] = {}
    circuits: CircuitRegistry | None = None
    """The layer's circuits, if it has any; `pipeline.circuits` are those of the first such layer."""

    def handle(self, call: Call, inner: Handler) -> Awaitable[Response | ResponseStream]:
        """Handle `call`, usually by awaiting `inner`.

        Most layers write `async def handle(...) -> Response | ResponseStream`. A layer that only derives a
        call may return `inner(call)` without awaiting it, as this method does: it saves a coroutine per call.
        """
        return inner(call)

    def join(self, pipeline: Runtime) -> None:
        """Called once for each pipeline that the layer is added to."""

    def opened(self, pipeline: Runtime) -> None:
        """Called each time a pipeline opens; `pipeline.loop` is its event loop from now on.

        The loop differs from the last one if that was closed. Recreate everything that belongs to a loop
        (locks, futures, tasks); whatever was in flight on the old loop is gone.
        """

    def divide(self, workers: int) -> None:
        """Called when the pipeline opens, and when the number of live workers with its store has changed.

        A layer with a limit for the whole service applies one part in `workers` of it; 1 means all of it.
        """

    def take_over(self, before: Self) -> None:
        """Take over the state of `before`, which this layer replaces at a reload.

        It is called after `join` and before `opened`. Calls in flight still go through `before`, so both must
        share the objects that count them: permits, places, budgets. By default nothing is taken over.
        """

    def leave(self, pipeline: Runtime) -> None:
        """Called after a reload that has removed this layer; `pipeline` is the stack before it."""

    def deployments(self) -> Iterable[Deployment]:
        """Every deployment that this layer may send a call to."""
        return ()

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """For each target where a call may start: the targets that it may be sent to, in order."""
        return (tuple(self.deployments()),)

    def asks(self, chain: tuple[Deployment, ...]) -> int:
        """How often a call may go through `chain`, one of `chains`, not counting retries of inner layers."""
        return 1

    def check_start(self, start: str) -> None:
        """Raise a `ConfigurationError` if a call cannot start at the target `start`."""

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that this layer lets one attempt at `deployment` take; `None` means no limit."""
        return None

    def limits_at(self, deployment: Deployment) -> Limits | None:
        """The limits that this layer sets for an attempt at `deployment`; `None` if it sets none."""
        return None

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """The worst case of a call through this layer, given the worst case `inner` of the rest.

        Override it in a layer that waits or retries. `deployment` is the target if the layer is inside
        the route, else `None`.
        """
        return inner

    def may_probe(self, call: Call) -> bool:
        """True if this layer might admit `call`, whose deployment is set, as a probe."""
        return False

    def admits_now(self, call: Call) -> bool:
        """True if this layer would admit `call` now: a call waits only if no later target would.

        `call` has the deployment and the key with which it would be sent. The method must not change state.
        """
        return True

    def accepts(self, call: Call) -> bool:
        """Like `admits_now`, but also true if this layer would admit `call` as a probe."""
        return self.admits_now(call)

    def admits_in(self, call: Call) -> float:
        """Seconds until this layer would admit `call`, as far as known; infinity if waiting does not help."""
        return 0.0 if self.admits_now(call) else math.inf

    def key_closed_for(self, deployment: Deployment, account: int, now: float) -> float:
        """Seconds until a call with a key at `deployment` would be admitted, as far as known; 0 means now.

        Of several keys, one that may be used now is preferred. `account` is the hash of the key.
        """
        return 0.0

    def recheck(self, call: Call, since: float) -> None:
        """Called before `call` is sent, if it waited for a connection slot since the time `since`.

        Raises:
            RejectedError: this layer admitted the call before, and would reject it now.
        """

    def status(self, now: float) -> Iterable[str]:
        """Lines about the layer's current state, for `print(pipeline)`."""
        return ()

    def settings_for(self, deployment: Deployment) -> Self:
        """The override for the target, by `provider/model` first, then by provider; else this layer."""
        if not self.overrides:
            return self
        override = self.overrides.get(deployment.target)
        return override or self.overrides.get(deployment.provider.name, self)

    def override_with(self, overrides: Mapping[str, Self] | None) -> None:
        """Set `overrides`, after validating them."""
        name = type(self).__name__
        wanted = f"{name}(...) by 'provider' or 'provider/model'"
        self.overrides = validation.mapping(f"{name}(overrides)", overrides, wanted)
        for target, settings in self.overrides.items():
            if type(settings) is not type(self) or not isinstance(target, str):
                raise ConfigurationError(f"overrides={{{target!r}: {settings!r}}}: give {wanted}")
            if settings.overrides:
                raise ConfigurationError(
                    f"overrides={{{target!r}: {settings!r}}}: its own overrides have no effect: give all of "
                    f"them to the outer {name}"
                )

    def _describe(self, **settings: Any) -> str:
        """`Name(setting=value, ...)`, for a repr."""
        if self.overrides:
            settings["overrides"] = sorted(self.overrides)
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}({shown})"

    def __repr__(self) -> str:
        return self._describe()
