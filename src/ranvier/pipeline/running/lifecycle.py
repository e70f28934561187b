"""From its first use to its end: what a pipeline has in flight, and on which event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine, Iterable
from contextvars import Context
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any

from ranvier.clock import clock_of
from ranvier.pipeline.reporting.context import start_task
from ranvier.pipeline.running.elsewhere import closed, elsewhere
from ranvier.pipeline.running.loops import renew_slots
from ranvier.pipeline.running.shutdown import Shutdown, close_again
from ranvier.pipeline.timing.timer_wheel import TimerWheel

if TYPE_CHECKING:
    from ranvier.facts.record import Record
    from ranvier.pipeline.deployment import Provider
    from ranvier.pipeline.runtime import Runtime
    from ranvier.pipeline.streaming.bounded_events import BoundedEvents
    from ranvier.pipeline.streaming.stream import ResponseStream


class Lifecycle:
    """Opens the providers on first use, knows what is in flight, and ends it when it has to.

    A pipeline belongs to the event loop of its first use, open or closed. When that loop has been closed,
    the next use opens it on another one; the state of its layers is kept.

    Attributes:
        state: new -> open -> closing -> closed, and from there to new by `renew`.
        loop: The event loop that it belongs to, once it is open.
        calls: In flight, each in its task. A stream leaves at its hand-out.
        quiet: Made by a closing; done when calls and streams are gone.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.state = "new"
        self.providers = list(providers)
        self.calls: dict[Record, asyncio.Task[Any]] = {}
        self.quiet: asyncio.Future[None] | None = None
        # Handed out and not yet ended. A dropped stream leaves its source here: it is closed by us.
        self._streams: dict[BoundedEvents, weakref.ref[ResponseStream]] = {}
        self._background: dict[asyncio.Task[None], str] = {}  # with a name for the log
        self._home: asyncio.AbstractEventLoop | None = None  # the loop, once there is one
        self._opening = RLock()  # of two threads that open it at once one gets it
        self._undoing: asyncio.Task[None] | None = None  # closes again what a failed opening had opened
        self._closing: Shutdown | None = None

    def enter(self, record: Record) -> asyncio.Task[Any] | None:
        """Count a call as in flight in the running task; `None` where it has to `open` first."""
        if self.state != "open" or self._thread != get_ident():
            return None
        task = asyncio.current_task(self.loop)  # in this thread: so it runs, and no other loop does
        if task is not None:
            self.calls[record] = task
        return task

    async def enter_late(self, pipeline: Runtime, record: Record) -> asyncio.Task[Any]:
        """The same where the pipeline is not open here.

        Raises:
            ConfigurationError: it is closed, or belongs to another loop.
        """
        await self.open(pipeline)
        task = self.enter(record)
        assert task is not None
        return task

    # --- opening ---------------------------------------------------------------------------------

    async def open(self, pipeline: Runtime) -> None:
        """Belong to the running loop, if not already; all providers are open then, or none.

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
        """Wait until what a failed opening had opened is closed again."""
        undoing = self._undoing
        if undoing is not None and undoing.get_loop() is asyncio.get_running_loop():
            await asyncio.wait([undoing])

    def _open(self, pipeline: Runtime, loop: asyncio.AbstractEventLoop) -> None:
        if self._belongs_elsewhere(loop):
            raise elsewhere(self.loop)
        if self.state == "open" and self.loop is not loop:
            self._forsake()
        self.refuse_if_closed()
        self._thread = get_ident()
        if self.state == "open":
            return
        self.loop = self._home = pipeline.loop = loop
        pipeline.clock = clock_of(loop)
        self._timers = pipeline.timers = TimerWheel(loop, pipeline.clock)
        opened: list[Provider] = []
        try:
            self._open_all(pipeline, opened)
        except BaseException:
            self._timers.close()
            self._undoing = start_task(loop, close_again(opened, loop), None)
            raise
        self.state = "open"

    def _open_all(self, pipeline: Runtime, opened: list[Provider]) -> None:
        for layer in pipeline.layers:
            layer.opened(pipeline)
        pipeline.credentials.opened(pipeline)
        for provider in self.providers:
            renew_slots(provider, self.loop)
            if hasattr(provider, "open"):
                provider.open(pipeline)
            opened.append(provider)
        pipeline.events.deliveries.start_anew()

    def _belongs_elsewhere(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True while another loop has it that still lives."""
        undoing = self._undoing is not None and not self._undoing.done()
        held = self.state in ("open", "closing") or undoing
        return held and self.loop is not loop and not self.loop.is_closed()

    def refuse_other_loops(self) -> None:
        """Raise a `ConfigurationError` while it belongs to another loop that still lives."""
        if self._belongs_elsewhere(asyncio.get_running_loop()):
            raise elsewhere(self.loop)

    def refuse_if_closed(self) -> None:
        """Raise a `ConfigurationError` once it closes, as long as the loop lives on which it did."""
        if self.state in ("closing", "closed"):
            if self._home is None or not self._home.is_closed():
                raise closed()
            self._forsake()

    def renew(self) -> None:
        """Let a closed pipeline be opened again, by any loop."""
        if self.state == "closed" or (self.state == "closing" and self.loop.is_closed()):
            self._forsake()

    def _forsake(self) -> None:
        """Its loop is closed: forget what was in flight there, and tell nobody."""
        for record in self.calls:
            record.muted = True
        streams, self._streams, self.calls = self.streams(), {}, {}
        self._background, self._undoing, self._closing, self.quiet = {}, None, None, None
        self.state = "new"
        for stream in streams:
            stream.forsake()

    # --- what is in flight -----------------------------------------------------------------------

    def leave(self, record: Record) -> None:
        """A call is no more in flight."""
        task = self.calls.pop(record, None)  # forgotten already, where its loop was closed
        if record.cut_off and task is not None:
            task.uncancel()  # whatever has become of our cancellation
        if self.quiet is not None:
            self.check_quiet()

    def follow(self, stream: ResponseStream) -> None:
        """A stream has been handed out."""
        source = stream.source
        self._streams[source] = weakref.ref(stream)
        stream.on_end(lambda outcome: self._unfollow(source))

    def _unfollow(self, source: BoundedEvents) -> None:
        self._streams.pop(source, None)
        if self.quiet is not None:
            self.check_quiet()

    def streams(self) -> list[ResponseStream]:
        """Those that were handed out, and have neither ended nor been dropped."""
        return [stream for each in list(self._streams.values()) if (stream := each()) is not None]

    def in_background(
        self, work: Coroutine[Any, Any, None], context: Context | None = None, name: str = "background work"
    ) -> None:
        """Run `work`, which must not raise, beside the calls, in a copy of `context`; closing waits for it.

        `name` says in the log what it is, should it never end.
        """
        task = start_task(self.loop, work, context)
        self._background[task] = name
        task.add_done_callback(lambda task: self._background.pop(task, None), context=Context())

    @property
    def background(self) -> dict[asyncio.Task[None], str]:
        """What runs beside the calls, with its name."""
        return dict(self._background)

    @property
    def under_way(self) -> tuple[int, int]:
        """How many calls, and how many streams."""
        return len(self.calls), len(self._streams)

    def check_quiet(self) -> None:
        """Let a closing know when nothing is left."""
        quiet, closing = self.quiet, self._closing
        if quiet is None or quiet.done() or closing is None or self._thread != get_ident():
            return
        if len(self.calls) + len(self._streams) <= closing.inside:
            quiet.set_result(None)

    # --- the end ---------------------------------------------------------------------------------

    async def close(self, pipeline: Runtime, drain: float) -> None:
        """Refuse what is new, let the rest go on for `drain` seconds, then end it and the providers.

        Raises:
            ConfigurationError: it belongs to another loop.
        """
        await self.undone()
        self.refuse_other_loops()
        if self.state == "closing" and self._closing is not None and not self.loop.is_closed():
            await self._closing.done()
            return
        if self.state != "open":
            self.renew()
            self.state = "closed"
            return
        if self.loop.is_closed():
            self._forsake()
            self.loop = self._home = asyncio.get_running_loop()
        self.state, self._thread = "closing", get_ident()
        self._closing = Shutdown(self, pipeline.events)
        self.check_quiet()
        await self._closing.run(drain)

    def finish(self) -> None:
        """All is closed."""
        self.state, self.quiet, self._closing = "closed", None, None
        self._timers.close()
