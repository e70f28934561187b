"""An event loop for tests: hours of sleeps, timeouts and cooldowns in milliseconds.

The loop's clock stands still while there is anything to run, a thread of the loop's included, and
jumps to the next timer when there is not. Nothing else waits for real, so a test of a 30-second
cooldown takes no longer than any other, and the order of events depends on nothing outside.

looptime and aiotools offer the like. looptime counts time in whole microseconds, spends dozens of
idle turns before each jump, and waits for real where nothing is scheduled; aiotools patches the
event loop class of the whole process. Here a test that waits for something that can never happen
fails at once and says so.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MAX_SHOWN = 8
"""Tasks that an error names."""


class DeadlockError(RuntimeError):
    """Every task waits, and no timer is left that could wake one. The message says who waits where."""


class EndlessError(RuntimeError):
    """It has taken more turns of the loop than it may: most likely it goes on for ever."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual.

    Args:
        start: The time at which it begins, in seconds.
        turns: Turns that it takes at most; `None` is without limit.

    Real sockets do not work under it: between two timers it does not wait for them.
    """

    def __init__(self, start: float = 0.0, *, turns: int | None = None) -> None:
        self._now = start
        self._turns = turns
        self._threads = 0  # at work for the loop
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass, as when the whole machine stands still."""
        self._now += seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Let a thread work; no time passes meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for the threads to end, for real: they know nothing of the time of this loop."""
        self._threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._threads -= 1

    def _thread_ended(self, future: asyncio.Future[Any]) -> None:
        self._threads -= 1

    def _count_turn(self) -> None:
        if self._turns is None:
            return
        if self._turns == 0:
            self._turns = None  # what is cleaned up after this may take its time
            raise EndlessError(f"it goes on and on, at {self._now:g} s:{_who_waits(self)}")
        self._turns -= 1


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, makes it due."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop._count_turn()
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop._threads:
            return super().select(1.0)  # it will wake the loop
        if timeout is None:
            who = _who_waits(self._loop)
            raise DeadlockError(f"every task waits for something that can never happen in virtual time:{who}")
        timer = self._loop._scheduled[0].when()  # type: ignore[attr-defined]  # because: asyncio has no public way
        self._loop._now = max(self._loop._now, timer)
        return ready


def _who_waits(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))
    lines = [f"\n  {task.get_name()} in {where_it_waits(task)}" for task in tasks[:MAX_SHOWN]]
    if len(tasks) > MAX_SHOWN:
        lines.append(f"\n  and {len(tasks) - MAX_SHOWN} more")
    return "".join(lines)


def where_it_waits(task: asyncio.Task[Any]) -> str:
    """The outermost and the innermost function that `task` is in, with the line of either."""
    places = list(_places(task.get_coro()))
    shown = places if len(places) < 2 else [places[0], places[-1]]
    return " > ".join(shown) or "a coroutine that has not begun"


def _places(awaited: Any) -> Iterator[str]:
    """The functions from a coroutine inwards to what it waits for."""
    while awaited is not None:
        for kind in ("cr", "gi", "ag"):
            frame: FrameType | None = getattr(awaited, f"{kind}_frame", None)
            if frame is not None:
                yield f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        awaited = _inwards(awaited)


def _inwards(awaited: Any) -> Any:
    """What a coroutine, a generator or a step of an async generator waits for."""
    if type(awaited).__name__ in ("async_generator_asend", "async_generator_athrow"):
        return next(filter(inspect.isasyncgen, gc.get_referents(awaited)), None)  # it has no public way
    names = ("cr_await", "gi_yieldfrom", "ag_await")
    return next(filter(None, (getattr(awaited, name, None) for name in names)), None)
