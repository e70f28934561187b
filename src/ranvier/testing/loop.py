"""An event loop for tests: hours of sleeps, timeouts and cooldowns in milliseconds.

The loop's clock stands still while any task, callback or executor thread of the loop runs, and
jumps to the next timer when none does. Nothing else takes real time, so a test of a 30-second
cooldown is as fast as any other, and the order of events depends on nothing outside the loop.

looptime and aiotools are similar. looptime counts time in whole microseconds, spends dozens of
idle iterations before each jump, and waits in real time when nothing is scheduled; aiotools patches
the event loop class of the whole process. With this loop, a test that waits for something that can
never happen fails at once with a `DeadlockError`.
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
"""The most tasks that an error lists."""


class DeadlockError(RuntimeError):
    """Every task waits, and no timer is left to wake one. The message lists the tasks and where they wait."""


class EndlessError(RuntimeError):
    """A run exceeded the allowed number of loop iterations; most likely it never ends."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual.

    Args:
        start: The loop's initial time, in seconds.
        turns: The most iterations of the loop; `None` means no limit.

    Real sockets do not work on this loop: it does not wait for them between two timers.
    """

    def __init__(self, start: float = 0.0, *, turns: int | None = None) -> None:
        self._now = start
        self._turns = turns
        self._threads = 0  # threads that are running a function for the loop
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Advance the clock without running anything, as when the machine is suspended."""
        self._now += seconds

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run `func` in a thread; virtual time stands still meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        """Wait for the threads to end, in real time: virtual time does not apply to them."""
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
            self._turns = None  # cleaning up after the error is not limited
            raise EndlessError(
                f"more loop iterations than allowed at {self._now:g} s; most likely an endless loop:"
                f"{_waiting_tasks(self)}"
            )
        self._turns -= 1


class _JumpingSelector(selectors.SelectSelector):
    """Moves the clock to the next timer instead of waiting for it."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop._count_turn()
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop._threads:
            return super().select(1.0)  # the thread wakes the loop when it ends
        if timeout is None:
            tasks = _waiting_tasks(self._loop)
            raise DeadlockError(
                f"every task waits for something that can never happen in virtual time:{tasks}"
            )
        timer = self._loop._scheduled[0].when()  # type: ignore[attr-defined]  # because: asyncio has no public way
        self._loop._now = max(self._loop._now, timer)
        return ready


def _waiting_tasks(loop: asyncio.AbstractEventLoop) -> str:
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))
    lines = [f"\n  {task.get_name()} in {where_it_waits(task)}" for task in tasks[:MAX_SHOWN]]
    if len(tasks) > MAX_SHOWN:
        lines.append(f"\n  and {len(tasks) - MAX_SHOWN} more")
    return "".join(lines)


def where_it_waits(task: asyncio.Task[Any]) -> str:
    """The outermost and the innermost function that `task` is in, each with its line."""
    places = list(_places(task.get_coro()))
    shown = places if len(places) < 2 else [places[0], places[-1]]
    return " > ".join(shown) or "a coroutine that has not started"


def _places(awaited: Any) -> Iterator[str]:
    """The functions from a coroutine down to the one that waits."""
    while awaited is not None:
        for kind in ("cr", "gi", "ag"):
            frame: FrameType | None = getattr(awaited, f"{kind}_frame", None)
            if frame is not None:
                yield f"{frame.f_code.co_qualname} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        awaited = _inwards(awaited)


def _inwards(awaited: Any) -> Any:
    """The object that a coroutine, a generator or a step of an async generator waits for."""
    if type(awaited).__name__ in ("async_generator_asend", "async_generator_athrow"):
        return next(filter(inspect.isasyncgen, gc.get_referents(awaited)), None)  # there is no public way
    names = ("cr_await", "gi_yieldfrom", "ag_await")
    return next(filter(None, (getattr(awaited, name, None) for name in names)), None)
