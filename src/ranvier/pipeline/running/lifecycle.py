"""The lifecycle of a pipeline: its event loop, its state, and what is in flight."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any

from ranvier.clock import clock_of
from ranvier.pipeline.asking.optional_members import open_of
from ranvier.pipeline.asking.users_function import ask
from ranvier.pipeline.reporting.context import start_task
from ranvier.pipeline.running.background import Background
from ranvier.pipeline.running.elsewhere import closed_error, wrong_loop_error
from ranvier.pipeline.running.joining import Joining
from ranvier.pipeline.running.loops import renew_slots
from ranvier.pipeline.running.retiring import WATCHING, Retiring
from ranvier.pipeline.running.shutdown import Shutdown, close_again
from ranvier.pipeline.timing.timer_wheel import TimerWheel

if TYPE_CHECKING:
    from ranvier.facts.record import Record
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.runtime import Runtime, Work
    from ranvier.pipeline.streaming.bounded_events import BoundedEvents
    from ranvier.pipeline.streaming.stream import ResponseStream
    from ranvier.store.protocol import Store


class Lifecycle(Background):
    """Opens the providers on first use, tracks what is in flight, and ends it on closing.

    A pipeline belongs to the event loop of its first use, open or closed. After that loop is closed,
    the next use opens it on another one; the state of its layers is kept.

    Attributes:
        state: new -> opening -> open -> closing -> closed, and from there to new by `renew`.
        loop: The event loop that it belongs to, once it is open.
        providers: The providers to open and to close.
        retiring: Closes providers that a reload has removed, when no call uses them any more.
        calls: Calls in flight, with their tasks. A streaming call is removed when its stream is handed out.
        quiet: Created by a shutdown; done when no calls and streams are in flight.
        watch: Watches the pipeline's file while it is open, for automatic reloads.
        joining: Makes the pipeline a worker of its store.
    """

    def __init__(self, store: Store | None = None) -> None:
        super().__init__()
        self.state, self.retiring = "new", Retiring(self)
        self.providers: list[Provider] = []
        self.calls: dict[Record, asyncio.Task[Any]] = {}
        self.quiet: asyncio.Future[None] | None = None
        # Streams that are handed out and have not ended; a dropped stream's source stays until it is closed.
        self._streams: dict[BoundedEvents, weakref.ref[ResponseStream]] = {}
        self.watch: Callable[[], Work] | None = None
        self.joining = Joining(store)
        self._home: asyncio.AbstractEventLoop | None = None  # the loop of the first use
        self._opening = RLock()  # if two threads open it concurrently, only one succeeds
        self._undoing: asyncio.Task[None] | None = None  # closes providers after a failed opening
        self._closing: Shutdown | None = None

    def enter(self, record: Record) -> asyncio.Task[Any] | None:
        """Count a call as in flight in the running task; `None` if the pipeline must `open` first."""
        if self.state != "open" or self._thread != get_ident():
            return None
        task = asyncio.current_task(self.loop)  # the loop runs in this thread, so it is the running loop
        if task is not None:
            self.calls[record] = task
        return task

    async def enter_late(self, pipeline: Runtime, record: Record) -> asyncio.Task[Any]:
        """Open the pipeline on the running loop first, then `enter`.

        Raises:
            ConfigurationError: it is closed, or belongs to another loop.
        """
        await self.open(pipeline)
        task = self.enter(record)
        assert task is not None
        return task

    # --- opening ---------------------------------------------------------------------------------

    async def open(self, pipeline: Runtime) -> None:
        """Open on the running loop, if not open already. All providers are opened, or none.

        Raises:
            ConfigurationError: it is closed, or belongs to another loop.
        """
        await self.undone()
        try:
            with self._opening:
                self._open(pipeline, asyncio.get_running_loop())
        except Exception:
            await self.undone()
            raise

    async def undone(self) -> None:
        """Wait until the providers of a failed opening are closed."""
        undoing = self._undoing
        if undoing is not None and undoing.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([undoing])

    def _open(self, pipeline: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        if self._belongs_elsewhere(loop):
            raise wrong_loop_error(self.loop)
        if self.state == "open" and self.loop is not loop:
            self._forget_loop()
        self.check_not_closed()
        self._thread = get_ident()
        if self.state == "open":
            return
        self.loop = self._home = pipeline.loop = loop
        pipeline.clock = clock_of(loop)
        self._timers = pipeline.timers = TimerWheel(loop, pipeline.clock)
        opened: list[Provider] = []
        self.state = "opening"
        try:
            self.joining.prepare(pipeline)
            self._open_all(pipeline, opened)
        except BaseException:
            self.state = "new"
            self._timers.close()
            self.joining.leave()
            self._undoing = start_task(loop, close_again(opened, loop), None)
            raise
        self.state = "open"
        self.joining.join()
        if self.watch is not None:
            self.in_background(self.watch(), None, WATCHING, cut_off=True)

    def _open_all(self, pipeline: Runtime, opened: list[Provider]) -> None:
        for layer in pipeline.layers:
            ask(f"{type(layer).__qualname__}.opened", layer.opened, pipeline)
        pipeline.credentials.opened(pipeline)
        for provider in self.providers:
            renew_slots(provider, self.loop)
            if (open_provider := open_of(provider)) is not None:
                ask(f"the open() of {provider.name}", open_provider, pipeline)
            opened.append(provider)
        pipeline.events.deliveries.restart()

    def _belongs_elsewhere(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True while it belongs to another loop that is not closed."""
        return self.holds_loop not in (None, loop)

    @property
    def holds_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop on which it is in use; `None` if it is not, or if that is closed."""
        undoing = self._undoing is not None and not self._undoing.done()
        held = self.state in ("opening", "open", "closing") or undoing
        return self.loop if held and not self.loop.is_closed() else None

    def check_loop(self) -> None:
        """Raise a `ConfigurationError` while it belongs to another loop that is not closed."""
        if self._belongs_elsewhere(asyncio.get_running_loop()):
            raise wrong_loop_error(self.loop)

    def check_not_closed(self) -> None:
        """Raise a `ConfigurationError` if it is closing or closed, unless its loop is closed too."""
        if self.state in ("closing", "closed"):
            if self._home is None or not self._home.is_closed():
                raise closed_error()
            self._forget_loop()

    def renew(self) -> None:
        """Allow a closed pipeline to be opened again, on any loop."""
        if self.state == "closed" or (self.state == "closing" and self.loop.is_closed()):
            self._forget_loop()

    def _forget_loop(self) -> None:
        """Forget what was in flight on a loop that is closed, without notifying listeners."""
        for record in self.calls:
            record.muted = True
        streams, self._streams, self.calls, self.cut_off = self.streams(), {}, {}, set()
        self._background, self._undoing, self._closing, self.quiet = {}, None, None, None
        self.state, self.retiring = "new", Retiring(self)
        for stream in streams:
            stream.abandon_silently()

    def forked(self) -> None:
        """Replace the lock in a forked process: a thread of the parent may hold it."""
        self._opening = RLock()

    # --- what is in flight -----------------------------------------------------------------------

    def leave(self, record: Record) -> None:
        """A call is no longer in flight."""
        task = self.calls.pop(record, None)  # None if its loop was closed
        if record.cut_off and task is not None:
            task.uncancel()  # undo our cancellation, even if it was swallowed
        if self.quiet is not None:
            self.check_quiet()

    def follow(self, stream: ResponseStream) -> None:
        """Track a stream that has been handed out, until it ends."""
        source = stream.source
        self._streams[source] = weakref.ref(stream)
        stream.on_end(lambda outcome: self._unfollow(source))

    def _unfollow(self, source: BoundedEvents) -> None:
        self._streams.pop(source, None)
        if self.quiet is not None:
            self.check_quiet()

    def streams(self) -> list[ResponseStream]:
        """The streams that were handed out, and have neither ended nor been dropped."""
        return [stream for each in list(self._streams.values()) if (stream := each()) is not None]

    @property
    def in_flight(self) -> tuple[int, int]:
        """The number of calls and of streams in flight."""
        return len(self.calls), len(self._streams)

    def check_quiet(self) -> None:
        """Let a shutdown continue once nothing is in flight."""
        quiet, closing = self.quiet, self._closing
        if quiet is None or quiet.done() or closing is None or self._thread != get_ident():
            return
        if len(self.calls) + len(self._streams) <= closing.inside:
            quiet.set_result(None)

    async def close(self, pipeline: Runtime, drain: float) -> None:
        """Reject new calls, let others continue for `drain` seconds, then end them and close the providers.

        Raises:
            ConfigurationError: it belongs to another loop.
        """
        await self.undone()
        self.check_loop()
        if self.state == "closing" and self._closing is not None and not self.loop.is_closed():
            await self._closing.done()
            return
        if self.state != "open":
            self.renew()
            self.state = "closed"
            return
        if self.loop.is_closed():
            self._forget_loop()
            self.loop = self._home = asyncio.get_running_loop()
        self.state, self._thread = "closing", get_ident()
        self._closing = Shutdown(self, pipeline.events)
        self.check_quiet()
        await self._closing.run(drain)

    def finish(self) -> None:
        """Record that everything is closed."""
        self.state, self.quiet, self._closing, self.retiring = "closed", None, None, Retiring(self)
        self._timers.close()
        self.joining.leave()
