"""What a layer is: one concern around the rest of the stack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ranvier.errors import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # because it has defaults, which Python has from 3.13 on

    from ranvier.messages import Response
    from ranvier.pipeline.bound import Bound
    from ranvier.pipeline.call import Call, Limits
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.pipeline.stream import ResponseStream

    R = TypeVar("R", default=Response | ResponseStream)
else:
    from typing import TypeVar

    R = TypeVar("R")

Handler = Callable[["Call"], Awaitable[R]]
"""The rest of the stack, as a layer sees it. `Handler` alone gives a `Response` or a `ResponseStream`; a
layer that returns what it was given, whichever that is, may write `Handler[R]` with a type variable."""


class Place(IntEnum):
    """Where a layer stands, from the outside in."""

    CALL = 1
    """Once per call: deadlines, accounting, caches. The place of a user's layer unless it says otherwise."""

    ROUTE = 2
    """Chooses the target. Inside it a call has a deployment and a credential."""

    RETRY = 3
    """Asks the same target again."""

    ADMIT = 4
    """May refuse an attempt before it is sent."""

    ATTEMPT = 5
    """Bounds one attempt."""


class Layer:
    """Subclass it, override `handle`, and put it into a pipeline.

        class Stopwatch(Layer):
            async def handle(self, call, inner):
                began = time.monotonic()
                try:
                    return await inner(call)
                finally:
                    print(call.tenant, time.monotonic() - began)

    `inner` may be awaited as often as the layer likes, each time with the same call or one derived
    from it. An instance serves all calls at once, so what belongs to one call stays in local
    variables. After a cancellation at any `await`, everything taken must be given back.
    """

    place: ClassVar[Place] = Place.CALL
    overrides: Mapping[str, Self] = {}

    def handle(self, call: Call, inner: Handler) -> Awaitable[Response | ResponseStream]:
        """Carry `call` to its end by way of `inner`.

        Most layers write `async def handle(...) -> Response | ResponseStream`. One that only derives a
        call and passes it on may return what `inner` gives, as this does: no call then needs a coroutine.
        """
        return inner(call)

    def join(self, pipeline: Pipeline) -> None:
        """Called once for each pipeline that the layer becomes part of."""

    def opened(self, pipeline: Pipeline) -> None:
        """Called each time a pipeline opens: `pipeline.loop` is its event loop from now on.

        That may be another one than before, where the old one is closed. Whatever the layer has that
        belongs to a loop (locks, futures, tasks) it makes anew; what was in flight there is gone.
        """

    def deployments(self) -> Iterable[Deployment]:
        """Every deployment that this layer may send a call to."""
        return ()

    def chains(self) -> Iterable[tuple[Deployment, ...]]:
        """The targets that one call may be sent to, in turn, for each place where it may start."""
        return (tuple(self.deployments()),)

    def check_start(self, start: str) -> None:
        """Refuse a target for a call to start at that this layer does not have."""

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The longest that this layer lets one attempt at `deployment` take; `None` is no limit of ours."""
        return None

    def limits_at(self, deployment: Deployment) -> Limits | None:
        """The limits that this layer sets to an attempt at `deployment`; `None` where it sets none."""
        return None

    def bound(self, inner: Bound, deployment: Deployment | None) -> Bound:
        """The most that a call can take through this layer, where `inner` is the most without it.

        A layer that waits or asks again says so here. `deployment` is the target, where the layer
        stands inside the route.
        """
        return inner

    def recheck(self, call: Call, since: float) -> None:
        """`call` has waited for a connection since then, and is about to be sent.

        Raises:
            RejectedError: this layer, which let it pass before, would not do so any more.
        """

    def status(self, now: float) -> Iterable[str]:
        """Lines about the layer's live state, for `print(pipeline)`."""
        return ()

    def settings_for(self, deployment: Deployment) -> Self:
        """This layer, or the one that `overrides` names for the target (its model before its provider)."""
        if not self.overrides:
            return self
        override = self.overrides.get(deployment.target)
        return override or self.overrides.get(deployment.provider.name, self)

    def override_with(self, overrides: Mapping[str, Self] | None) -> None:
        """Take over the settings for single targets, or say why not."""
        for target, settings in (overrides or {}).items():
            if type(settings) is not type(self) or not isinstance(target, str):
                name = type(self).__name__
                raise ConfigurationError(
                    f"overrides={{{target!r}: {settings!r}}}: give a {name} by 'provider' or 'provider/model'"
                )
        self.overrides = dict(overrides or {})

    def _describe(self, **settings: Any) -> str:
        """`Name(setting=value, ...)`, for a repr."""
        if self.overrides:
            settings["overrides"] = sorted(self.overrides)
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}({shown})"

    def __repr__(self) -> str:
        return self._describe()
