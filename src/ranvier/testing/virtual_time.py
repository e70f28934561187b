"""Hours of sleeps, timeouts and cooldowns in milliseconds, the same every time.

The loop's clock stands still while there is anything to run, and jumps to the next timer when there
is not. Nothing waits for real, so a test of a 30-second cooldown takes no longer than any other,
and the order in which things happen depends on nothing outside.

looptime and aiotools offer the like. looptime counts time in whole microseconds, spends dozens of
idle turns before each jump, and waits for real where nothing is scheduled; aiotools patches the
event loop class of the whole process. Here a test that waits for something that can never happen
fails at once and says so.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Every task waits, and no timer is left that could wake one."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual; it begins at `start` seconds.

    Real sockets do not work under it: between two timers it does not wait for them.
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass, as when the whole machine stands still."""
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, makes it due."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None and self._loop._default_executor is not None:  # type: ignore[attr-defined]  # because: no public way
            return super().select(1.0)  # a thread works for the loop, and will wake it
        if timeout is None:
            raise DeadlockError("every task waits for something that can never happen in virtual time")
        timer = self._loop._scheduled[0].when()  # type: ignore[attr-defined]  # because: asyncio has no public way
        self._loop._now = max(self._loop._now, timer)
        return ready


def run(main: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run `main` to its end in virtual time, like `asyncio.run`.

        answer = run(scenario())

    Raises:
        DeadlockError: it waits for what can never happen.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main)
