"""Bounds the whole call: retries, sleeps, fallbacks, and a stream to its end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

from ranvier import checks
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, Place, R
from ranvier.remedies import suggests

if TYPE_CHECKING:
    from ranvier.pipeline.bound import Bound
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.pipeline import Pipeline


class Deadline(Layer):
    """Give every call `seconds` from its start; of several deadlines the earliest counts.

    It only writes the moment down: whoever waits honours it, so that time has one owner per wait.

    Args:
        seconds: 60 by default. 0 is at once, `None` switches it off.

    A call that meets it raises `DeadlineExceededError`, which is never retried.
    """

    place: ClassVar[Place] = Place.CALL

    @suggests(**dict.fromkeys(("timeout", "deadline", "total"), "write seconds=..."))
    def __init__(self, seconds: float | None = 60.0) -> None:
        self.seconds = checks.seconds("Deadline(seconds)", seconds, optional=True)

    def join(self, pipeline: Pipeline) -> None:
        """With nothing outside it, let calls have their deadline from their start: none is derived for it."""
        if pipeline.layers[0] is self and getattr(self.handle, "__func__", None) is Deadline.handle:
            pipeline.timed_by = self

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call with its deadline, unless it has had it from its start."""
        if self.seconds is None or call.pipeline.timed_by is self:
            return inner(call)
        return inner(call.until(call.pipeline.clock() + self.seconds))

    def bound(self, inner: Bound, deployment: Deployment | None) -> Bound:
        """Never more than `seconds`."""
        return inner.within(self.seconds)

    def __repr__(self) -> str:
        return self._describe(seconds=self.seconds)
