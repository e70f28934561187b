"""Bounds one attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, ClassVar, Self

from ranvier import checks
from ranvier.pipeline.call import Call, Limits
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.layer import Handler, Layer, Place, R
from ranvier.remedies import suggests

if TYPE_CHECKING:
    from ranvier.pipeline.pipeline import Pipeline


class Timeout(Layer):
    """How long one attempt may take, and how long a provider may be silent.

    Like the deadline it only writes the limits down; whoever waits for the provider honours them.

    Args:
        seconds: The whole attempt, from its connection slot on. Time that the reader of a stream
            holds an event does not count.
        connect: Until the connection stands; never more than `seconds`.
        first_token: Until the first content. Pings and comments are none.
        idle: From the first content on, between two signs of life; any byte is one.
        stream_complete: Carry `complete()` over a stream where `first_token` or `idle` is set, so
            that a silent or cut reply is noticed in seconds.
        overrides: The settings for single targets, by `"provider"` or `"provider/model"`.

    All in seconds; 0 is at once and `None` is off. An attempt that meets one raises
    `AttemptTimeoutError` with that `phase`, which goes on to the next target.
    """

    place: ClassVar[Place] = Place.ATTEMPT

    @suggests(
        **dict.fromkeys(("timeout", "total"), "write seconds=..."),
        read="write first_token=... and idle=...",
    )
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
        self.seconds = checks.seconds("Timeout(seconds)", seconds, optional=True)
        connect = checks.seconds("Timeout(connect)", connect, optional=True)
        self.limits = Limits(
            seconds=self.seconds,
            connect=connect if self.seconds is None or connect is None else min(connect, self.seconds),
            first_token=checks.seconds("Timeout(first_token)", first_token, optional=True),
            idle=checks.seconds("Timeout(idle)", idle, optional=True),
            stream_complete=stream_complete,
        )
        self.override_with(overrides)

    def join(self, pipeline: Pipeline) -> None:
        """Let calls have the innermost's limits from their start: none is derived for them."""
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
