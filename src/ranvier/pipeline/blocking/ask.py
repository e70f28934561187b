"""Work on the event loop of a portal, and the thread that waits for its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from ranvier.pipeline.reporting.context import start_task
from ranvier.pipeline.running.elsewhere import closed_error

T = TypeVar("T")


class Ask(Generic[T]):
    """One coroutine that runs on the loop of a portal in a copy of the caller's context.

    Whatever it raises is raised in the waiting thread, even a `SystemExit`, which would end the loop. A
    signal that ends the wait, such as Ctrl-C, cancels the coroutine once, and waits for its cleanup.

    Attributes:
        done: True once the result or `error` is set.
        error: What the coroutine raised.
    """

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self.done = False
        self.error: BaseException | None = None
        self._result: T | None = None
        self._work = work
        self._loop = loop
        self._context = copy_context()
        self._cancelled = False
        self._task: asyncio.Task[None] | None = None
        self._to_end = [self]  # popped by the thread that ends it, so that only one does
        self._running = threading.Lock()
        self._running.acquire()

    # --- on the loop -----------------------------------------------------------------------------

    def start(self) -> asyncio.Task[None] | None:
        """Run the coroutine in a task; `None` if the wait has ended already."""
        if self.done:
            self._work.close()
            return None
        self._task = start_task(self._loop, self._run(), self._context)
        self._task.add_done_callback(self._task_ended)
        if self._cancelled:
            self._task.cancel()
        return self._task

    async def _run(self) -> None:
        try:
            self._result = await self._work
        except asyncio.CancelledError:  # the thread that waits has its own error, or the loop ends
            self.error = closed_error()
        except BaseException as error:  # KeyboardInterrupt and SystemExit too: they would end the loop
            self.error = error

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before its first step
            self._work.close()
            self.error = closed_error()
        self.finish(self.error)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def release(self) -> None:
        """Stop waiting for other threads, because the portal ends."""

    # --- in any thread ---------------------------------------------------------------------------

    def finish(self, error: BaseException | None) -> bool:
        """End the wait with `error`, or with the result; false if it has ended before."""
        try:
            self._to_end.pop()
        except IndexError:
            return False
        self.error = error
        self.done = True
        self._running.release()
        return True

    def abandon(self, error: BaseException) -> None:
        """End the wait with `error`, because the loop has stopped; close a coroutine that has not begun."""
        self.finish(error)
        if self._task is None:
            self._work.close()

    def cancel(self) -> None:
        """Cancel the coroutine once, without waiting."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed, and nothing runs on it
            self.finish(closed_error())

    def wait(self) -> None:
        """Wait for the end."""
        if not self.done:
            with self._running:
                pass

    def outcome(self) -> T:
        """Wait for the end, and return the result.

        Raises:
            BaseException: what the coroutine raised, or what a signal handler raised meanwhile.
        """
        try:
            self.wait()
        except BaseException:
            self.cancel()
            self.wait()  # for the cleanup; a second Ctrl-C ends this wait too
            raise
        if self.error is None:
            return self._result  # type: ignore[return-value]  # because: it has ended without an error
        try:
            raise self.error
        finally:
            del self  # the traceback refers to this frame: do not complete a cycle
