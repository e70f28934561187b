"""Limits the time of the whole call: retries, waits, fallbacks, and a stream to its end."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

from ranvier import layer_remedies, validation
from ranvier.pipeline.call import Call
from ranvier.pipeline.layer import Handler, Layer, R
from ranvier.pipeline.place import Place

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime
    from ranvier.pipeline.worst_case import WorstCase


class Deadline(Layer):
    """Limit every call to `seconds` from its start; the earliest of several deadlines applies.

    The layer only sets the deadline on the call. Each wait further in enforces it, with one timer per wait.

    Args:
        seconds: 60 by default. With 0 a call times out at once; `None` switches the deadline off.

    A call that exceeds it raises `DeadlineExceededError`, which is never retried.
    """

    place: ClassVar[Place] = Place.CALL

    @layer_remedies.suggested
    def __init__(self, seconds: float | None = 60.0) -> None:
        self.seconds = validation.seconds("Deadline(seconds)", seconds, optional=True)

    def join(self, pipeline: Runtime) -> None:
        """As the outermost layer, let the pipeline set the deadline, which saves a copy of the call."""
        if pipeline.layers[0] is self and getattr(self.handle, "__func__", None) is Deadline.handle:
            pipeline.timed_by = self

    def handle(self, call: Call, inner: Handler[R]) -> Awaitable[R]:
        """Pass on the call with its deadline."""
        if self.seconds is None:
            return inner(call)
        return inner(call.until(call.pipeline.clock() + self.seconds))

    def bound(self, inner: WorstCase, deployment: Deployment | None) -> WorstCase:
        """At most `seconds`."""
        return inner.within(self.seconds)

    def __repr__(self) -> str:
        return self._describe(seconds=self.seconds)
