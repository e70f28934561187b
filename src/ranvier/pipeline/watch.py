"""Bounds all the waits of one attempt.

A watch cancels the task that waits, and nobody else: only while that task is inside one of our own
awaits, and only if nobody else has cancelled it. Whoever waits then tells its own cancellation from
the caller's by `Task.cancelling()`, as `asyncio.timeout` does, so that `task.cancel()` from outside
always wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ranvier.errors import AttemptTimeoutError, DeadlineExceededError, LocalCapacityError, RanvierError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

Limit = tuple[float | None, str]
"""When a wait has to end, `None` is never, and the phase that is too long then."""

CLOSED = "closed"
"""The reason of a wait that was ended because its stream or pipeline closes."""


class Watch:
    """Bounds the waits of `call` between `start` and `stop`, or inside `with watch.until(...)`.

    Its timer is not moved at every wait: it is let run out, and then set anew for what is due by
    then. So a stream of a thousand events costs a few timers, not a thousand.

    Attributes:
        rings: When its timer will ring; never is infinity.
        among: Those that wait with it for the second in which theirs ring, while it is set.
    """

    __slots__ = ("_call", "_cancelling", "_due", "_on_idle", "_phase", "_reason", "_task", "among", "rings")

    among: dict[Watch, None]
    _cancelling: int  # of the task, when the wait began
    _due: float | None
    _phase: str  # the limit that is reached at `_due`

    def __init__(self, call: Call) -> None:
        self.rings = inf
        self._call = call
        self._task: asyncio.Task[object] | None = None  # set while it waits; what `interrupt` may cancel
        self._reason: str | None = None  # why we cancelled the task; None: we did not
        self._on_idle: tuple[float, Callable[[], None]] | None = None

    @property
    def waiting(self) -> bool:
        """True while a task waits."""
        return self._task is not None

    def begin(self) -> float:
        """An attempt begins now, and waits until its limit or the deadline; the deadline wins a tie.

        Raises:
            TimedOutError: it is too late for it already.
        """
        call, phase = self._call, "deadline"
        now, due, seconds = call.pipeline.clock(), call.deadline, call.limits.seconds
        if seconds is not None and (due is None or now + seconds < due):
            due, phase = now + seconds, "attempt"
        if due is not None and due <= now:
            raise too_late(call, phase)
        self.start(due, phase)
        return now

    def until(self, due: float | None, phase: str) -> Self:
        """Bound the waits of a `with` block: one that meets its limit raises the error for `phase`."""
        self.start(due, phase)
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = self.ended_by() if kind is asyncio.CancelledError else None
        self.stop() if kind is None else self.end()
        if reason is not None:
            raise too_late(self._call, reason) from None

    def start(self, due: float | None, phase: str) -> None:
        """The running task begins to wait, until `due` at most (`None` is for ever)."""
        pipeline = self._call.pipeline
        task = asyncio.current_task(pipeline.loop)
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._reason = None
        self._due = due
        self._phase = phase
        if due is not None and due < self.rings:
            pipeline.timers.set(self, due)

    def extend(self, due: float | None, phase: str) -> None:
        """The wait goes on, until `due` at most; a cancellation of ours that came too late is taken back."""
        if self._reason is not None and self._task is not None:
            self._reason = None
            self._task.uncancel()
        self._due = due
        self._phase = phase
        if due is not None and due < self.rings:
            self._set(due)

    def stop(self) -> None:
        """The wait is over, with whatever result."""
        if self._reason is not None and self._task is not None:
            self._task.uncancel()  # our cancellation came out as a result or another error
            if self._on_idle is not None and self._on_idle[0] < self.rings:
                self._set(self._on_idle[0])
        self._task = None

    def ended_by(self) -> str | None:
        """After a `CancelledError`: why we ended the wait, or `None` where others did (too).

        This takes our part of the cancellation back.
        """
        reason, task = self._reason, self._task
        if reason is None or task is None:
            return None
        self._reason = None
        return reason if task.uncancel() <= self._cancelling else None

    def interrupt(self, reason: str) -> None:
        """End the wait for `reason`, unless the task is being cancelled already."""
        task = self._task
        if task is not None and self._reason is None and task.cancelling() == self._cancelling:
            self._reason = reason
            task.cancel()

    def while_idle(self, when: float, then: Callable[[], None]) -> None:
        """Call `then` at `when`, if no task waits by then."""
        self._on_idle = (when, then)
        if when < self.rings:
            self._set(when)

    def end(self) -> None:
        """The last wait is over: give the timer back."""
        if self._reason is not None:
            self.stop()
        self._task = self._on_idle = None  # as `close` would, but every attempt ends here
        if self.rings != inf:
            self.discard()

    def close(self) -> None:
        """Give the timer back; a wait goes on unbounded."""
        self._on_idle = None
        if self.rings != inf:
            self.discard()

    def discard(self) -> None:
        """It shall not ring; a timer was set."""
        self.rings = inf
        self.among.pop(self, None)

    def _set(self, when: float) -> None:
        self._call.pipeline.timers.set(self, when)

    def ring(self, now: float) -> None:
        """It is time."""
        self.rings = inf
        if self._task is not None:
            if self._due is not None and self._due <= now:
                self.interrupt(self._phase)
            elif self._due is not None and self._due != inf:
                # It has moved since the timer was set, or the loop was early.
                self._set(self._due)
        elif self._on_idle is not None:
            when, then = self._on_idle
            if when <= now:
                self._on_idle = None
                then()
            elif when != inf:
                self._set(when)


def too_late(call: Call, phase: str) -> RanvierError:
    """The error for a wait of `call` that met the limit named `phase`."""
    deployment, limits = call.deployment, call.limits
    if phase == "deadline":
        return DeadlineExceededError(f"the call ran out of time at {deployment}")
    if phase == "slot":
        return LocalCapacityError(f"no connection to {deployment.provider.name} became free in time")
    limit = limits.seconds if phase == "attempt" else getattr(limits, phase)
    return AttemptTimeoutError(
        f"{deployment} was too slow: {phase} took more than {limit:g} s",
        phase=phase,
        provider=deployment.provider.name,
        model=deployment.model,
    )


def earlier(limit: Limit, when: float, phase: str) -> Limit:
    """Of two limits the one that is met first; `limit` wins a tie."""
    return (when, phase) if limit[0] is None or when < limit[0] else limit
