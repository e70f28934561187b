"""From its first use to its end: what a pipeline has under way, and on which event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine, Iterable
from threading import get_ident
from typing import TYPE_CHECKING, Any

from ranvier.clock import clock_of
from ranvier.closing import Steps
from ranvier.errors import ConfigurationError
from ranvier.pipeline.foreign import Complaints
from ranvier.pipeline.timers import Timers

if TYPE_CHECKING:
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.pipeline.record import Record
    from ranvier.pipeline.stream import ResponseStream

CUT_OFF_GRACE = 5.0
"""Seconds that a cancelled call may take to clean up when its pipeline closes."""


class Lifecycle:
    """Opens the providers on first use, knows what is under way, and ends it when it has to.

    Attributes:
        state: new -> open -> closing -> closed, and from there to new by `renew`.
        loop: The event loop that it belongs to, once it is open.
        complaints: Logs what the code of others does wrong.
        calls: Under way, each in its task. A stream leaves at its hand-out.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.state = "new"
        self.complaints = Complaints()
        self._providers = list(providers)
        self.calls: dict[Record, asyncio.Task[Any]] = {}
        self._streams: weakref.WeakSet[ResponseStream] = weakref.WeakSet()  # handed out and not yet ended
        self._background: set[asyncio.Task[None]] = set()
        self._quiet: asyncio.Event | None = None  # made by `close`; set when calls and streams are gone
        self._done: asyncio.Event | None = None  # made by `close`; set when all is closed

    def enter(self, pipeline: Pipeline, record: Record) -> asyncio.Task[Any]:
        """Write a call down as under way in the running task, and open on the first.

        Raises:
            ConfigurationError: closed, or it belongs to another loop.
        """
        if self.state != "open" or self._thread != get_ident():
            self.open(pipeline)
        task = asyncio.current_task(self.loop)  # in this thread: so it runs, and no other loop does
        if task is None:
            self.refuse_other_loops()
        assert task is not None
        self.calls[record] = task
        return task

    def open(self, pipeline: Pipeline) -> None:
        """Belong to the running loop, from the first time on.

        Raises:
            ConfigurationError: closed, or it belongs to another loop.
        """
        loop = asyncio.get_running_loop()
        if self.state == "open":
            self.refuse_other_loops()
            self._thread = get_ident()
            return
        self.refuse_if_closed()
        self.loop, self.state, self._thread = loop, "open", get_ident()
        pipeline.loop, pipeline.clock = loop, clock_of(loop)
        self._timers = pipeline.timers = Timers(loop, pipeline.clock)
        for provider in self._providers:
            if hasattr(provider, "open"):
                provider.open(pipeline)

    def refuse_other_loops(self) -> None:
        """Raise a `ConfigurationError` on any loop but its own."""
        if asyncio.get_running_loop() is not self.loop:
            raise ConfigurationError(
                "this pipeline belongs to another event loop: aclose() it there, or build one a loop"
            )

    def refuse_if_closed(self) -> None:
        """Raise a `ConfigurationError` once it closes."""
        if self.state in ("closing", "closed"):
            raise closed()

    def renew(self) -> None:
        """Let a closed pipeline be opened again, by any loop."""
        if self.state == "closed":
            self.state = "new"

    # --- what is under way -----------------------------------------------------------------------

    def leave(self, record: Record) -> None:
        """A call is no more under way."""
        del self.calls[record]
        if self._quiet is not None:
            self._check_quiet()

    def follow(self, stream: ResponseStream) -> None:
        """A stream has been handed out."""
        self._streams.add(stream)
        stream.on_end(lambda outcome: self._check_quiet())

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run beside the calls; closing waits for it."""
        task = self.loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    @property
    def under_way(self) -> tuple[int, int]:
        """How many calls, and how many streams."""
        return len(self.calls), sum(1 for stream in self._streams if not stream.ended)

    def _check_quiet(self) -> None:
        if self._quiet is not None and self.under_way == (0, 0):
            self._quiet.set()

    # --- the end ---------------------------------------------------------------------------------

    async def close(self, drain: float, tell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Refuse what is new, let the rest go on for `drain` seconds, then end it and the providers.

        Between the two `tell` is awaited: it may still have to say what happened. Whatever is
        cancelled or fails on the way, everything is closed.
        """
        self.state = "closing"
        self._quiet, self._done = asyncio.Event(), asyncio.Event()
        async with Steps() as steps:  # from the last to the first
            steps.callback(self._finish)
            for provider in reversed(self._providers):
                if hasattr(provider, "aclose"):
                    steps.then(provider.aclose)
            steps.then(tell)
            steps.then(self._cut_off)
            await self._wait_until_quiet(drain)

    async def closing(self) -> None:
        """Wait for the end of a closing that is under way."""
        assert self._done is not None
        await self._done.wait()

    def _finish(self) -> None:
        assert self._done is not None
        self.state = "closed"
        self._timers.close()
        self._done.set()

    async def _wait_until_quiet(self, seconds: float) -> None:
        assert self._quiet is not None
        self._check_quiet()
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            pass

    async def _cut_off(self) -> None:
        for record, task in self.calls.items():
            record.cut_off = True
            task.cancel()
        async with Steps() as steps:  # from the last to the first
            steps.then(self._wait_for_background)
            steps.then(self._wait_until_quiet, CUT_OFF_GRACE)
            for stream in list(self._streams):
                steps.then(stream.cut_off)

    async def _wait_for_background(self) -> None:
        if self._background:
            await asyncio.wait(self._background)


def closed() -> ConfigurationError:
    """What a closed pipeline answers."""
    return ConfigurationError("this pipeline is closed: build another, or enter it anew with `async with`")
