"""The one module that reads the time. The clock is monotonic: a wall clock that jumps changes nothing.

Time is the event loop's, so that a loop with virtual time moves the whole library. For loops without a
clock of their own, `time.monotonic` is called directly: asyncio's `time()` only wraps it, and uvloop's
rounds it down to milliseconds and stands still within one iteration of the loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType

from ranvier import validation
from ranvier.scoped import Scoped

Clock = Callable[[], float]
"""Returns monotonic seconds; only differences mean anything."""

_deadline: Scoped[float] = Scoped("ranvier.deadline")


def clock_of(loop: asyncio.AbstractEventLoop) -> Clock:
    """The clock that times everything on `loop`."""
    kind = type(loop)
    monotonic = kind.time is asyncio.BaseEventLoop.time or kind.__module__.startswith("uvloop")
    return time.monotonic if monotonic else loop.time


def now() -> float:
    """The time on the running loop, or the monotonic clock if no loop runs."""
    try:
        return clock_of(asyncio.get_running_loop())()
    except RuntimeError:
        return time.monotonic()


def wall() -> int:
    """Nanoseconds since the epoch, only for time stamps that leave the process; no decision uses them."""
    return time.time_ns()


def since_epoch(loop: asyncio.AbstractEventLoop) -> float:
    """The time of day, in seconds since the epoch. On a loop with a clock of its own, the epoch is its 0."""
    clock = clock_of(loop)
    return time.time() if clock is time.monotonic else clock()


async def sleep_until(when: float, clock: Clock) -> None:
    """Sleep until `clock` has reached `when`, even if the loop wakes a little early."""
    while (rest := when - clock()) > 0:  # noqa: ASYNC110  # because: only time is awaited
        await asyncio.sleep(rest)


current_deadline: Callable[[], float | None] = _deadline.get
"""When the innermost `with deadline(...)` expires, on the clock of `now`, or `None`."""


def forget_deadline() -> None:
    """Remove the deadline of enclosing `with deadline(...)` blocks from the running context."""
    _deadline.put(None)


class deadline:  # noqa: N801  # because: it is used as a word: `with deadline(20):`
    """Give every call in the block at most `seconds` from now; of nested deadlines the earliest counts.

    The time starts when the block is entered. Many tasks may enter the object at once.

    Args:
        seconds: Covers retries, sleeps, fallbacks, and streams to their end. 0 expires at once.

    Raises:
        ConfigurationError: `seconds` is negative or not a number.
    """

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = validation.seconds("deadline", seconds)

    def __enter__(self) -> None:
        _deadline.enter(self, earliest(now() + self.seconds, _deadline.get()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _deadline.leave(self)


def earliest(one: float | None, other: float | None) -> float | None:
    """The earlier of two moments; `None` means never."""
    if one is None or (other is not None and other < one):
        return other
    return one
