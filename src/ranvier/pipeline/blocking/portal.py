"""An event loop in a thread of its own, for the calls of threads without one.

anyio's `BlockingPortal` is not used: it waits for the loop twice per call, which costs five times as much,
and its cancel scopes cancel repeatedly, including the cleanup of what they cancel.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.blocking.ask import Ask
from ranvier.pipeline.reporting.context import start_task
from ranvier.pipeline.running.elsewhere import closed_error, loops_of_portals

T = TypeVar("T")

logger = logging.getLogger("ranvier.sync")

GRACE = 5.0
"""Seconds for threads to take their results when the portal ends, and again for its tasks to end."""


class Portal:
    """A daemon thread that runs an event loop until `stop`.

    Attributes:
        loop: The event loop.
        users: The number of threads that are inside a call.
        ended: True once the loop takes no more calls.
        opened: True once the pipeline is open on it.
    """

    def __init__(self) -> None:
        self.users = 0
        self.ended = self.opened = False
        self._asks: set[Ask[Any]] = set()
        self._stopping = asyncio.Event()
        self.loop = _new_loop()
        loops_of_portals.add(self.loop)
        self._thread = threading.Thread(target=self._serve, name="ranvier.sync", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the system cannot start another thread
            self.loop.close()
            raise

    @property
    def is_current(self) -> bool:
        """True in the thread of the portal."""
        return self._thread is threading.current_thread()

    # --- calls -----------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which runs on the loop meanwhile."""
        ask = Ask(work, self.loop)
        try:
            self.submit(ask)
            return ask.outcome()
        except BaseException:
            if not ask.done:  # Ctrl-C between two lines of ours
                ask.cancel()
            raise
        finally:
            del ask  # its error refers to this frame

    def submit(self, ask: Ask[Any]) -> None:
        """Start `ask` on the loop; if the loop has ended, `ask` fails."""
        self._asks.add(ask)
        try:
            self.loop.call_soon_threadsafe(self._start, ask, context=Context())
        except RuntimeError:  # the loop is closed
            self._asks.discard(ask)
            ask.abandon(closed_error())
        if self.ended:  # the loop may have stopped before starting it
            ask.finish(closed_error())

    def _start(self, ask: Ask[Any]) -> None:
        task = ask.start()
        if task is None:
            self._asks.discard(ask)
        else:
            task.add_done_callback(lambda _: self._asks.discard(ask))

    # --- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                try:
                    runner.run(self._until_stopped())
                finally:
                    self.ended = True  # the runner cancels all tasks now
        except (KeyboardInterrupt, SystemExit) as error:  # of a listener, or another task of the pipeline
            logger.error("the event loop of pipeline.sync was ended by a %s", type(error).__name__)
        finally:
            self._end(closed_error())

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    def _end(self, error: BaseException) -> None:
        """End all waits, because the loop has stopped."""
        self.ended = True
        for ask in list(self._asks):
            ask.abandon(error)
        self._asks.clear()

    # --- the end ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the loop and its thread; a thread that has not ended after `GRACE` seconds is logged."""
        self._soon(self._stop)
        self._thread.join(GRACE)
        if self._thread.is_alive():
            logger.warning("the event loop of pipeline.sync does not end: a task ignores its cancellation")
            self._end(closed_error())

    def end_later(self, closing: Coroutine[Any, Any, None] | None) -> None:
        """Run `closing`, then end, without waiting for it: the garbage collector may call this anywhere."""
        if not self._soon(self._close, closing) and closing is not None:
            closing.close()

    def _close(self, closing: Coroutine[Any, Any, None] | None) -> None:
        if closing is None:
            self._stop()
        else:
            start_task(self.loop, closing, None).add_done_callback(lambda _: self._stop())

    def _stop(self) -> None:
        for ask in list(self._asks):
            ask.release()
        self.loop.call_soon(self._stopping.set)

    def _soon(self, step: Any, *arguments: Any) -> bool:
        try:
            self.loop.call_soon_threadsafe(step, *arguments, context=Context())
        except RuntimeError:  # the loop is closed
            return False
        return True

    def lose(self) -> None:
        """Abandon the loop in a forked process, which has its descriptors, but not its thread.

        The loop is marked as closed, so that nothing is unregistered from the selector that both processes
        share. The loop and its tasks are kept alive, because collected tasks would run their cleanup here.
        """
        _inherited.append((self, asyncio.all_tasks(self.loop)))
        self.loop._closed = True  # type: ignore[attr-defined]  # because: `close` would touch the selector
        self._end(ConfigurationError("this call was begun by another process, before os.fork: make it anew"))


_inherited: list[tuple[Portal, set[asyncio.Task[Any]]]] = []
"""Portals inherited from parent processes; each fork adds at most one per pipeline."""


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop of asyncio itself, whatever the policy: uvloop's cannot be abandoned in a forked process."""
    kind = getattr(asyncio, "ProactorEventLoop", asyncio.SelectorEventLoop)  # on Windows, and elsewhere
    loop: asyncio.AbstractEventLoop = kind()
    return loop
