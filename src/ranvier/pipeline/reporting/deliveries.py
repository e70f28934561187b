"""Delivers events to async listeners."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context

from ranvier.caller import Caller, shielded
from ranvier.pipeline.reporting.context import start_task

Listener = Callable[..., object]

Delivery = tuple[Listener, Callable[[], Awaitable[object]], Context | None]
"""The listener, a function that returns the awaitable, and the context of the call of the event."""


class Deliveries:
    """Awaits async listeners, one delivery after the other, each in a task with its own context.

    A worker task starts them, and exists only while there are deliveries. If either task is cancelled from
    outside, the remaining deliveries resume at the next `add`, or at `drain`.

    Args:
        report: Called with a listener that raised, while its error is being handled.
    """

    def __init__(self, report: Callable[[Listener], None]) -> None:
        self._report = report
        self._left: deque[Delivery] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._delivery: asyncio.Task[None] | None = None  # the delivery that the worker waits for
        self._begun = False  # True once that delivery has started
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop of both tasks
        self._home: asyncio.AbstractEventLoop | None = None  # the loop of the pipeline, once it was opened

    def __len__(self) -> int:
        """The number of deliveries that have not started."""
        return len(self._left)

    @property
    def unheard(self) -> int:
        """The number of deliveries that have not started or are in flight."""
        return len(self._left) + self._begun

    def add(
        self, listener: Listener, deliver: Callable[[], Awaitable[object]], context: Context | None
    ) -> None:
        """Await `deliver()` for `listener`, after all others, in a copy of `context`."""
        self._left.append((listener, deliver, context))
        self.resume()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The tasks that are running; empty if the current task is one of them."""
        tasks = {task for task in (self._worker, self._delivery) if task is not None and not task.done()}
        return set() if asyncio.current_task() in tasks else tasks

    async def drain(self) -> None:
        """Wait until everything added so far is delivered; returns at once if a listener calls it."""
        self.resume()
        while tasks := self.tasks:
            await asyncio.wait(tasks)
            self.resume()

    def drop(self) -> int:
        """Cancel the delivery in flight, drop the others, and return their number."""
        dropped = len(self._left)
        self._left.clear()
        for task in self.tasks:
            task.cancel()
        return dropped

    def restart(self) -> None:
        """Forget the tasks of a closed loop; from now on deliveries run on the running loop."""
        self._worker = self._delivery = None
        self._home = asyncio.get_running_loop()
        self.resume()

    def resume(self) -> None:
        """Start the worker if there are deliveries and it does not run, for example after a cancellation."""
        loop = asyncio._get_running_loop()  # None if a call ends after its loop is closed
        if not self._left or (self._worker is not None and not self._worker.done()):
            return
        home = self._home
        if home is not None and home is not loop and not home.is_closed():
            # An operator in another thread has changed a circuit that several pipelines share.
            with suppress(RuntimeError):  # the loop was closed just now
                home.call_soon_threadsafe(self.resume, context=Context())
        elif loop is not None:
            self._loop = loop
            self._worker = start_task(self._loop, self._work(), None)

    async def _work(self) -> None:
        assert self._loop is not None
        if self._delivery is not None and not self._delivery.done():  # left by a worker that was cancelled
            await asyncio.wait([self._delivery])
        while self._left:
            context = self._left[0][2]
            self._delivery = start_task(self._loop, self._deliver_next(), context)
            try:
                await asyncio.wait([self._delivery])  # if it is cancelled, this task is not
            except asyncio.CancelledError:
                self._delivery.cancel()
                raise
        self._worker = self._delivery = None

    async def _deliver_next(self) -> None:
        """Start the next delivery; it is removed only when it starts, so that a closed loop loses none."""
        listener, deliver, _ = self._left.popleft()
        self._begun = True
        caller = Caller()
        try:
            await shielded(deliver())
        except asyncio.CancelledError:
            if caller.has_cancelled:  # else the listener raised it itself
                raise
            self._report(listener)
        except Exception:
            self._report(listener)
        finally:
            self._begun = False


class Returned:
    """An awaitable that a plain listener returned; Python does not warn if it is dropped without await."""

    __slots__ = ("_awaitable",)

    def __init__(self, awaitable: Awaitable[object]) -> None:
        self._awaitable = awaitable

    def __call__(self) -> Awaitable[object]:
        """The awaitable."""
        return self._awaitable

    def __del__(self) -> None:
        if inspect.iscoroutine(self._awaitable):
            self._awaitable.close()  # does nothing if it has been awaited


def is_async(listener: Listener) -> bool:
    """True if `listener` is an async function or object: calling it only returns a coroutine."""
    call = getattr(listener, "__call__", None)  # noqa: B004  # because: an object may have an async one
    return inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call)
