"""Limits all waits of one attempt.

A `WaitTimer` cancels the task that waits, and only while that task is inside one of our own awaits. It
distinguishes its own cancellation from the caller's by `Task.cancelling()`, as `asyncio.timeout` does, so
that `task.cancel()` from outside always wins.

The awaited code may be user code, which may swallow a cancellation or change the count of cancellations. So a
limit always cancels, whatever the count is, and cancels again while the wait continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Self

from ranvier.caller import cancelled_by_others
from ranvier.pipeline.timing.cancellation import AGAIN, Cancellation
from ranvier.pipeline.timing.limit import OVERTAKEN, Limit, cause_of, too_late
from ranvier.pipeline.timing.timer_wheel import Timer

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class WaitTimer:
    """Limits the waits of `call` between `start` and `stop`, or inside `with timer.until(...)`.

    The timer is not moved at every wait: when it fires early, it is set again for the current limit. So a
    stream of a thousand events needs a few timers, not a thousand.

    Attributes:
        ours: Our cancellation of the waiting task, once a limit is reached.
        alarm_at: When to call `alarm`, while a task waits; infinity means never.
        fires_at: When the timer fires; infinity if it is not set.
        bucket: The bucket of timers that fire in the same second, while it is set.
    """

    # fmt: off
    __slots__ = (
        "_call", "_cancelling", "_due", "_on_idle", "_phase", "_silent", "_task",
        "alarm", "alarm_at", "bucket", "fires_at", "ours",
    )
    # fmt: on

    alarm: Callable[[float], None]
    bucket: dict[Timer, None]
    _cancelling: int  # `task.cancelling()` when the wait began
    _due: float | None
    _phase: str  # the name of the limit at `_due`
    _silent: float  # the time at which a silence is too long

    def __init__(self, call: Call) -> None:
        self.fires_at = self.alarm_at = inf
        self._call = call
        self._task: asyncio.Task[object] | None = None  # set while it waits; `interrupt` may cancel it
        self.ours: Cancellation | None = None
        self._on_idle: tuple[float, Callable[[], None]] | None = None

    @property
    def waiting(self) -> bool:
        """True while a task is waiting."""
        return self._task is not None

    def begin(self) -> float:
        """Start an attempt now, limited by its own limit, its share of the deadline, and the deadline.

        Raises:
            RanvierError: one of these has passed, or another target has answered.
        """
        call, phase = self._call, "deadline"
        if call.watch.lost:
            raise too_late(call, OVERTAKEN)
        now, due, seconds = call.pipeline.clock(), call.deadline, call.limits.seconds
        if seconds is not None and (due is None or now + seconds < due):
            due, phase = now + seconds, "attempt"
        turn = call.watch.until
        if turn is not None and (due is None or turn < due):
            due, phase = turn, "turn"
        if due is not None and due <= now:
            raise too_late(call, phase)
        self.start(due, phase)
        return now

    def until(self, due: float | None, phase: str) -> Self:
        """Limit the waits of a `with` block: one that reaches the limit raises the error for `phase`."""
        self.start(due, phase)
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.stop()
        else:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """The last wait has ended with `error`; raises the error of a limit instead if that has ended it."""
        reason = self.ended_by(error)
        self.end()
        if reason is not None:
            raise too_late(self._call, reason) from cause_of(error)

    def start(self, due: float | None, phase: str, silent: float = inf) -> None:
        """The running task begins to wait, at most until `due` (`None` means forever) and until `silent`."""
        pipeline = self._call.pipeline
        self._task = task = asyncio.current_task(pipeline.loop)
        assert task is not None
        self._cancelling = task.cancelling() - getattr(task, "_must_cancel", False)  # as `delivered` counts
        self.ours = None
        self._due = due
        self._phase = phase
        self._silent = silent
        if due is not None and due < self.fires_at:
            pipeline.timers.set(self, due)
        if silent < self.fires_at:
            pipeline.timers.set(self, silent)
        if self.alarm_at < self.fires_at:
            pipeline.timers.set(self, self.alarm_at)

    def extend(self, due: float | None, phase: str, silent: float = inf) -> None:
        """The wait continues, at most until `due`, and until `silent`, which each byte moves."""
        if self.ours is not None:  # the result came after that limit, but is accepted
            self._take_back()
        self._due = due
        self._phase = phase
        self._silent = silent
        if due is not None and due < self.fires_at:
            self._call.pipeline.timers.set(self, due)
        if silent < self.fires_at:
            self._call.pipeline.timers.set(self, silent)

    def hears(self, now: float, idle: float) -> bool:
        """Extend the limit of silence by `idle` after a byte arrived; false if another limit is reached."""
        if self.ours is not None or (self._due is not None and self._due <= now):
            return False
        self._silent = now + idle
        return True

    def stop(self) -> None:
        """The wait has ended with a result."""
        if self.ours is not None:  # our cancellation was turned into a result
            self._take_back()
        self._task = None

    def ended_by(self, error: BaseException) -> str | None:
        """The reason of our cancellation if it ended a wait with `error`; `None` if it did not.

        Every error after our cancellation counts as its result, except errors that end the program, and a
        `CancelledError` with more pending cancellations than at the start: then the caller has cancelled too,
        or user code has swallowed its own cancellation. These two look the same, so the caller always wins.
        In any case, our cancellation is undone.
        """
        ours, task = self.ours, self._task
        if ours is None or task is None:
            return None
        self._take_back()
        if isinstance(error, asyncio.CancelledError):
            return ours.reason if task.cancelling() <= self._cancelling else None
        return ours.reason if isinstance(error, Exception) else None

    def is_theirs(self, error: BaseException) -> bool:
        """True if `error`, not caused by us, is a CancelledError that the awaited code raised itself."""
        task = self._task
        cancelled = task is None or task.cancelling() > self._cancelling
        return isinstance(error, asyncio.CancelledError) and not cancelled

    def interrupt(self, reason: str) -> None:
        """End the wait for `reason`."""
        task, call = self._task, self._call
        if task is None or self.ours is not None:
            return
        if task is asyncio.current_task(call.pipeline.loop):
            # Do not cancel a running task: before Python 3.13 that cannot be taken back.
            self.extend(call.pipeline.clock(), reason)
        else:
            self.ours = Cancellation(call, task, self._cancelling, reason)

    def _take_back(self) -> None:
        assert self.ours is not None
        self.ours.take_back()
        self.ours = None
        if self._on_idle is not None and self._on_idle[0] < self.fires_at:
            self._call.pipeline.timers.set(self, self._on_idle[0])

    def ring(self, when: float, alarm: Callable[[float], None]) -> None:
        """Call `alarm` with the time at `when`, or later, once a task is waiting."""
        self.alarm_at, self.alarm = when, alarm
        if when < self.fires_at:
            self._call.pipeline.timers.set(self, when)

    def while_idle(self, when: float, then: Callable[[], None]) -> None:
        """Call `then` at `when`, if no task is waiting at that time."""
        self._on_idle = (when, then)
        if when < self.fires_at:
            self._call.pipeline.timers.set(self, when)

    def end(self) -> None:
        """The last wait has ended: cancel the timer."""
        if self.ours is not None:
            self._take_back()
        self._task = None
        self.close()

    def mute(self) -> None:
        """Cancel the alarm."""
        self.alarm_at = inf
        del self.alarm  # it may refer to what refers to this timer

    def close(self) -> None:
        """Cancel the timer; a wait continues without limits."""
        self._on_idle = None
        if self.alarm_at != inf:
            self.mute()
        if self.fires_at != inf:
            self.discard()

    def discard(self) -> None:
        """Cancel the pending timer."""
        self.fires_at = inf
        self.bucket.pop(self, None)

    def fire(self, now: float) -> None:
        """Called when the timer fires."""
        self.fires_at = inf
        if self._task is not None:
            try:
                if self.alarm_at <= now and cancelled_by_others(self._task, self._cancelling):
                    self.alarm_at = now + AGAIN  # nothing is sent for a caller who has cancelled
                elif self.alarm_at <= now:
                    alarm = self.alarm
                    self.mute()
                    alarm(now)  # which may set the next one
            finally:  # the limits hold also if the alarm raises
                self._check_limits(now)
        elif self._on_idle is not None:
            when, then = self._on_idle
            if when <= now:
                self._on_idle = None
                then()
            elif when != inf:
                self._call.pipeline.timers.set(self, when)

    def _check_limits(self, now: float) -> None:
        """End the wait if a limit has been reached, else set the timer again."""
        first, phase = earlier((self._due, self._phase), self._silent, "idle")
        if first is not None and first <= now:
            self.interrupt(phase)
        elif (soonest := min(inf if first is None else first, self.alarm_at)) < self.fires_at:
            self._call.pipeline.timers.set(self, soonest)  # a limit has moved, or the loop was early


def earlier(limit: Limit, when: float, phase: str) -> Limit:
    """The limit that is reached first; `limit` wins a tie."""
    return (when, phase) if limit[0] is None or when < limit[0] else limit
