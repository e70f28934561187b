"""Bounds all the waits of one attempt.

A watch cancels the task that waits, and only while that task is inside one of our own awaits. It
tells its own cancellation from the caller's by `Task.cancelling()`, as `asyncio.timeout` does, so that
`task.cancel()` from outside always wins.

What is waited for is the code of others: it may swallow a cancellation, or change the count of them.
So a limit always cancels, whatever that count is, and again and again while the wait goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ranvier.caller import delivered
from ranvier.pipeline.cancellation import Cancellation
from ranvier.pipeline.limit import cause_of, earlier, too_late

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class Watch:
    """Bounds the waits of `call` between `start` and `stop`, or inside `with watch.until(...)`.

    Its timer is not moved at every wait: it is let run out, and then set anew for what is due by
    then. So a stream of a thousand events costs a few timers, not a thousand.

    Attributes:
        ours: Our cancellation of the task that waits, once it has waited too long.
        rings: When its timer will ring; never is infinity.
        among: Those that wait with it for the second in which theirs ring, while it is set.
    """

    __slots__ = (
        "_call",
        "_cancelling",
        "_due",
        "_on_idle",
        "_phase",
        "_silent",
        "_task",
        "among",
        "ours",
        "rings",
    )

    among: dict[Watch, None]
    _cancelling: int  # of the task, when the wait began
    _due: float | None
    _phase: str  # the limit that is reached at `_due`
    _silent: float  # when silence has lasted too long

    def __init__(self, call: Call) -> None:
        self.rings = inf
        self._call = call
        self._task: asyncio.Task[object] | None = None  # set while it waits; what `interrupt` may cancel
        self.ours: Cancellation | None = None
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
        if error is None:
            self.stop()
            return
        reason = self.ended_by(error)
        self.end()
        if reason is not None:
            raise too_late(self._call, reason) from cause_of(error)

    def start(self, due: float | None, phase: str, silent: float = inf) -> None:
        """The running task begins to wait, until `due` at most (`None` is for ever), and until `silent`."""
        pipeline = self._call.pipeline
        task = asyncio.current_task(pipeline.loop)
        assert task is not None
        self._task = task
        self._cancelling = delivered(task)
        self.ours = None
        self._due = due
        self._phase = phase
        self._silent = silent
        if due is not None and due < self.rings:
            pipeline.timers.set(self, due)
        if silent < self.rings:
            pipeline.timers.set(self, silent)

    def extend(self, due: float | None, phase: str, silent: float = inf) -> None:
        """The wait goes on, until `due` at most, and until `silent`, which each sign of life moves."""
        if self.ours is not None:  # what came was too late for that limit, and stands all the same
            self._take_back()
        self._due = due
        self._phase = phase
        self._silent = silent
        if due is not None and due < self.rings:
            self._set(due)
        if silent < self.rings:
            self._set(silent)

    def hears(self, now: float, idle: float) -> bool:
        """A sign of life moves the limit of silence by `idle`; false where that is not all there is to do."""
        if self.ours is not None or (self._due is not None and self._due <= now):
            return False
        self._silent = now + idle
        return True

    def stop(self) -> None:
        """The wait is over, with whatever result."""
        if self.ours is not None:  # our cancellation came out as a result
            self._take_back()
        self._task = None

    def ended_by(self, error: BaseException) -> str | None:
        """After a wait that `error` ended: why we ended it, or `None` where we did not.

        Whatever came out of our cancellation counts as ours, but for what ends a program, and for a
        `CancelledError` while there are more cancellations than at the beginning: then the caller has
        cancelled too, or code of others has swallowed a cancellation of its own. Nobody can tell these
        apart, and the caller always wins.

        This takes our part of the cancellations back.
        """
        ours, task = self.ours, self._task
        if ours is None or task is None:
            return None
        self._take_back()
        if isinstance(error, asyncio.CancelledError):
            return ours.reason if task.cancelling() <= self._cancelling else None
        return ours.reason if isinstance(error, Exception) else None

    def is_theirs(self, error: BaseException) -> bool:
        """Whether `error`, not of our making, is a CancelledError that what was waited for made up itself."""
        task = self._task
        cancelled = task is None or task.cancelling() > self._cancelling
        return isinstance(error, asyncio.CancelledError) and not cancelled

    def interrupt(self, reason: str) -> None:
        """End the wait for `reason`."""
        task, call = self._task, self._call
        if task is None or self.ours is not None:
            return
        if task is asyncio.current_task(call.pipeline.loop):
            # A running task must not be cancelled: before Python 3.13 that cannot be taken back.
            self.extend(call.pipeline.clock(), reason)
        else:
            self.ours = Cancellation(call, task, self._cancelling, reason)

    def _take_back(self) -> None:
        assert self.ours is not None
        self.ours.take_back()
        self.ours = None
        if self._on_idle is not None and self._on_idle[0] < self.rings:
            self._set(self._on_idle[0])

    def while_idle(self, when: float, then: Callable[[], None]) -> None:
        """Call `then` at `when`, if no task waits by then."""
        self._on_idle = (when, then)
        if when < self.rings:
            self._set(when)

    def end(self) -> None:
        """The last wait is over: give the timer back."""
        if self.ours is not None:
            self._take_back()
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
            first, phase = earlier((self._due, self._phase), self._silent, "idle")
            if first is not None and first <= now:
                self.interrupt(phase)
            elif first is not None and first != inf:
                # It has moved since the timer was set, or the loop was early.
                self._set(first)
        elif self._on_idle is not None:
            when, then = self._on_idle
            if when <= now:
                self._on_idle = None
                then()
            elif when != inf:
                self._set(when)
