"""Limits one attempt: its total time, its connect, and the silence of the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import layer_remedies, validation
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place
from ranvier.pipeline.timing.limits import Limits

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime


class Timeout(Layer):
    """Limit how long one attempt may take, and how long a provider may be silent.

    Like the deadline layer, it only sets the limits on the call. Each wait for the provider enforces them.

    Args:
        seconds: The whole attempt, starting when it has its connection slot. Time that the reader of
            a stream spends on an event does not count.
        connect: Until the connection is established; never more than `seconds`.
        first_token: Until the first content. Pings and comments do not count as content.
        idle: After the first content, the longest silence. Any byte ends a silence.
        stream_complete: Use a stream for `complete()` where `first_token` or `idle` is set, so
            that a silent or cut response is noticed in seconds.
        overrides: The settings for single targets, by `"provider"` or `"provider/model"`.

    All are in seconds; 0 times out at once and `None` is off. An attempt that exceeds a limit raises
    `AttemptTimeoutError` with that `phase`, and the call falls back to the next target.
    """

    place: ClassVar[Place] = Place.ATTEMPT

    @layer_remedies.suggested
    def __init__(
        self,
        seconds: float | None = 120.0,
        connect: float | None = 10.0,
        first_token: float | None = None,
        idle: float | None = None,
        stream_complete: bool = True,
        *,
        overrides: Mapping[str, Self] | None = None,
    ) -> None:
        self.seconds = validation.seconds("Timeout(seconds)", seconds, optional=True)
        connect = validation.seconds("Timeout(connect)", connect, optional=True)
        self.limits = Limits(
            seconds=self.seconds,
            connect=connect if self.seconds is None or connect is None else min(connect, self.seconds),
            first_token=validation.seconds("Timeout(first_token)", first_token, optional=True),
            idle=validation.seconds("Timeout(idle)", idle, optional=True),
            stream_complete=validation.flag("Timeout(stream_complete)", stream_complete),
        )
        self.override_with(overrides)

    def join(self, pipeline: Runtime) -> None:
        """Set the innermost timeout's limits when a call starts, which saves a copy of the call."""
        if getattr(self.handle, "__func__", None) is Timeout.handle:
            pipeline.limits = self.limits

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call with its limits."""
        settings = self.settings_for(call.deployment) if self.overrides else self
        return inner(call if call.limits is settings.limits else call.within(settings.limits))

    def attempt_seconds(self, deployment: Deployment) -> float | None:
        """The limit of a whole attempt at `deployment`."""
        return self.settings_for(deployment).seconds

    def limits_at(self, deployment: Deployment) -> Limits:
        """The limits of one attempt at `deployment`."""
        return self.settings_for(deployment).limits

    def __repr__(self) -> str:
        limits = self.limits
        return self._describe(
            seconds=limits.seconds, connect=limits.connect, first_token=limits.first_token, idle=limits.idle
        )
