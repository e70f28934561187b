"""The one place where time is read. It is monotonic: a wall clock that jumps changes nothing.

Time is the event loop's, so that a loop with virtual time moves the whole library. Loops that have
no time of their own are spared the detour: asyncio's `time()` is the monotonic clock in a wrapper, and
uvloop's is the same clock rounded down to milliseconds, which stands still within one turn of the loop.
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
    """The clock by which everything on `loop` is timed."""
    kind = type(loop)
    monotonic = kind.time is asyncio.BaseEventLoop.time or kind.__module__.startswith("uvloop")
    return time.monotonic if monotonic else loop.time


def now() -> float:
    """The time on the running loop, or the monotonic clock where none runs."""
    try:
        return clock_of(asyncio.get_running_loop())()
    except RuntimeError:
        return time.monotonic()


def wall() -> int:
    """Nanoseconds since the epoch, for time stamps that leave the process; nothing is decided by them."""
    return time.time_ns()


async def sleep_until(when: float, clock: Clock) -> None:
    """Sleep until `clock` has reached `when`, never less: a loop may wake a little early."""
    while (rest := when - clock()) > 0:  # noqa: ASYNC110  # because: nothing but time is waited for
        await asyncio.sleep(rest)


current_deadline: Callable[[], float | None] = _deadline.get
"""When the innermost `with deadline(...)` runs out, on the clock of `now`, or `None`."""


def forget_deadline() -> None:
    """Let calls made in the running context have no deadline of an enclosing `with deadline(...)`."""
    _deadline.put(None)


class deadline:  # noqa: N801  # because: it is used as a word: `with deadline(20):`
    """Give every call of the enclosed block at most `seconds` from now; of nested ones the earlier counts.

    The time starts when the block is entered. The object may be entered by many tasks at once.

    Args:
        seconds: Covers retries, sleeps, fallbacks, and streams to their end. 0 is at once.

    Raises:
        ConfigurationError: `seconds` is negative or no number.
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
    """The earlier of two moments, where `None` is never."""
    if one is None or (other is not None and other < one):
        return other
    return one
