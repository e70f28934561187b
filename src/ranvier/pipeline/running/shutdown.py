"""Ends the calls of a pipeline and closes its providers, within a fixed time."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ranvier.clock import clock_of
from ranvier.closing import Steps
from ranvier.pipeline.asking.optional_members import aclose_of
from ranvier.pipeline.reporting.context import start_task

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.reporting.emitter import Events
    from ranvier.pipeline.running.lifecycle import Lifecycle

logger = logging.getLogger("ranvier.closing")

CUT_OFF_GRACE = 5.0
"""Seconds for calls, streams and listeners to end when their pipeline closes, and again for its providers."""

MAX_DRAIN = 1e9

Tasks = dict[asyncio.Task[None], str]
"""Running tasks, with their names for the log."""


class Shutdown:
    """One shutdown of a pipeline: the drain, a grace period for calls, and one for the providers.

    Tasks still running at the end of a period are cancelled; tasks still running at the end of the last
    period are left, and logged by name.

    Attributes:
        inside: The number of calls that themselves wait for this shutdown.
    """

    def __init__(self, lifecycle: Lifecycle, events: Events) -> None:
        loop = asyncio.get_running_loop()
        self._lifecycle = lifecycle
        self._events = events
        self._loop = loop
        self._clock = clock_of(loop)
        self._own = asyncio.current_task()
        self._quiet = lifecycle.quiet = loop.create_future()
        self._done: asyncio.Future[None] = loop.create_future()
        self._providers: Tasks = {}
        self._begun: set[asyncio.Task[Any] | None] = set()  # closing tasks of providers that have started
        self.inside = sum(1 for task in lifecycle.calls.values() if task is self._own)

    async def run(self, drain: float) -> None:
        """Close everything, even if a step is cancelled or fails."""
        async with Steps() as steps:  # from the last to the first
            steps.callback(self._finish)
            steps.then(self._close_providers)
            steps.then(self._end_calls)
            await asyncio.wait([self._quiet], timeout=min(drain, MAX_DRAIN))

    async def done(self) -> None:
        """Wait for the end of a shutdown that another task has started."""
        await asyncio.wait([self._done])

    def _finish(self) -> None:
        self._lifecycle.finish()
        if not self._done.done():
            self._done.set_result(None)

    # --- calls, streams, listeners ---------------------------------------------------------------

    async def _end_calls(self) -> None:
        self._cancels_at = self._clock() + CUT_OFF_GRACE
        self._leaves_at = self._cancels_at + CUT_OFF_GRACE
        for record, task in list(self._lifecycle.calls.items()):
            if task is not self._own:
                record.cut_off = True
                task.cancel()
        for attempt in list(self._lifecycle.cut_off):
            attempt.cancel()
        for stream in self._lifecycle.streams():
            stream.cut_off()
        self._events.deliveries.resume()
        try:
            await self._wait(lambda: self._tasks() | self._calls(), self._cancels_at)
        finally:
            self._cancel_leftovers()

    def _cancel_leftovers(self) -> None:
        for record, task in self._lifecycle.calls.items():
            if record.cut_off:  # cancel again, without counting it twice: see `Lifecycle.leave`
                task.uncancel()
                task.cancel()
        if self._events.deliveries.tasks:
            self._events.drop_undelivered()
        for each in self._tasks():
            each.cancel()

    def _calls(self) -> set[asyncio.Future[None]]:
        return set() if self._quiet.done() else {self._quiet}

    def _tasks(self) -> set[asyncio.Future[None]]:
        """Our running tasks, which run user code."""
        tasks = {*self._lifecycle.background, *self._events.deliveries.tasks, *self._providers}
        return {task for task in tasks if task is not self._own and not task.done()}

    async def _wait(self, left: Callable[[], set[asyncio.Future[None]]], until: float) -> None:
        while (tasks := left()) and (seconds := until - self._clock()) > 0:
            await asyncio.wait(tasks, timeout=seconds)

    # --- providers -------------------------------------------------------------------------------

    async def _close_providers(self) -> None:
        every = (*self._lifecycle.retiring.providers, *self._lifecycle.providers)
        self._providers = closings(reversed(every), self._loop, self._begun)
        cancelled: asyncio.CancelledError | None = None
        for until in (min(self._clock() + CUT_OFF_GRACE, self._leaves_at), self._leaves_at):
            try:
                await self._wait(self._tasks, until)
            except asyncio.CancelledError as by_caller:
                cancelled = cancelled or by_caller
            for task in self._providers:
                if task in self._begun:  # else this shutdown was cancelled before it could start
                    task.cancel()
        self._log_leftovers()
        errors = failures(self._providers)
        for name, error in errors if cancelled else errors[:-1]:
            log_failure(name, error)
        if cancelled is not None:
            raise cancelled
        if errors:
            raise errors[-1][1]

    def _log_leftovers(self) -> None:
        lifecycle = self._lifecycle
        names = {**lifecycle.background, **self._providers}
        names.update(dict.fromkeys(self._events.deliveries.tasks, "an async listener"))
        left = [name for task, name in names.items() if task is not self._own and not task.done()]
        left += ["a call that ignores its cancellation"] * (len(lifecycle.calls) - self.inside)
        if left:
            logger.warning("the pipeline is closed, but still running: %s", ", ".join(sorted(left)))


def closings(
    providers: Iterable[Provider],
    loop: asyncio.AbstractEventLoop,
    begun: set[asyncio.Task[Any] | None],
) -> Tasks:
    """A task for each provider that closes it, and adds itself to `begun` first."""

    async def close(aclose: Callable[[], Any]) -> None:
        begun.add(asyncio.current_task())
        closing = aclose()
        if inspect.isawaitable(closing):  # else it is a plain function of a user's, and has closed all
            await closing

    return {
        start_task(loop, close(aclose), copy_context()): f"provider {provider.name}"
        for provider in providers
        if (aclose := aclose_of(provider)) is not None
    }


def failures(tasks: Tasks) -> list[tuple[str, BaseException]]:
    """The errors of tasks that failed, with their names."""
    ended = [(name, task) for task, name in tasks.items() if task.done() and not task.cancelled()]
    return [(name, error) for name, task in ended if (error := task.exception()) is not None]


def log_failure(name: str, error: BaseException) -> None:
    """Log an error that is not raised."""
    logger.error("%s could not be closed: %s", name, type(error).__name__, exc_info=error)


async def close_again(providers: list[Provider], loop: asyncio.AbstractEventLoop) -> None:
    """Close the providers that were opened before another one failed to open, within two grace periods."""
    tasks = closings(reversed(providers), loop, set())
    for _ in range(2):
        if running := {task for task in tasks if not task.done()}:
            await asyncio.wait(running, timeout=CUT_OFF_GRACE)
            for task in tasks:
                task.cancel()
    for name, error in failures(tasks):
        log_failure(name, error)
