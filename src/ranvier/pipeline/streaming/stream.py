"""A streamed answer: the interface for its reader and for layers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

from ranvier.errors.partial import LayerError
from ranvier.messages.response import ParsedT_co, Response, StreamEvent
from ranvier.pipeline.asking.interruption import breaks, interrupted, lost
from ranvier.pipeline.outcome import Outcome
from ranvier.pipeline.running.elsewhere import check_loop
from ranvier.pipeline.streaming.dropped import settle_later, warn_of_drop
from ranvier.pipeline.streaming.transform import Flush, Transform, Transformation
from ranvier.pipeline.timing.limit import CLOSED

if TYPE_CHECKING:
    from ranvier.facts.price import Prices
    from ranvier.facts.story import Story


from ranvier.pipeline.streaming.streamed_answer import StreamedAnswer


class ResponseStream(StreamedAnswer, Generic[ParsedT_co]):
    """The events of one answer: read it with `async for`, inside `async with`.

    The stream is handed out once its first content has arrived; from then on nothing is repeated silently.
    Time that the reader spends on an event is not charged to the provider, but the deadline of the call
    continues.

    Attributes:
        response: The whole answer, once the stream has ended normally; `parsed` if a `schema` was given.

    Raises, while it is read:
        StreamInterruptedError: the stream broke, or its answer does not match the `schema`. A cancelled read
            closes the stream, and so does closing the pipeline: later reads raise this error as well.
        DeadlineExceededError: the deadline of the call has passed.
        LayerError: a transform of a custom layer failed.

    The `received` of each error has what had arrived.
    """

    response: Response[ParsedT_co] | None

    # --- for the reader --------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """True once it has ended with an empty answer: see `Response.empty`."""
        return self.response is not None and self.response.empty

    @property
    def reply(self) -> object:
        """The reply as it came, to the request of an SDK; else `None`."""
        return self._source.events.reply

    @property
    def story(self) -> Story:
        """Where the seconds of the call went, including those in which the reader processed events."""
        if not self.ended:
            self._call.record.ended = self._clock()
        return self._call.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """`story` as a few lines of text, without prompts or messages; `prices` as in `Story.explain`."""
        return self.story.explain(prices)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, StreamEvent]:
        if self._transformation is None:
            return self._next()
        return self._next_transformed(self._transformation)

    async def _next_transformed(self, transformation: Transformation) -> StreamEvent:
        ready = transformation.ready
        while not ready:
            try:
                event = await self._next()
            except StopAsyncIteration:
                if not ready:
                    raise
                break
            try:
                transformation.feed(event, self._source.collector)
            except LayerError as error:
                await self._failed(error)
                raise
        return ready.popleft()

    async def _next(self) -> StreamEvent:
        if self._first is not None:
            event, self._first = self._first, None
            return event
        if self._outcome is not None:
            raise self._leftover()
        if asyncio.get_running_loop() is not self._loop:
            check_loop(self._loop)
        if self._timer.waiting:
            raise RuntimeError("another task is already waiting for the next event of this stream")
        try:
            next_event = await self._advance()
        except Exception as error:
            if not (self._handed_out and breaks(error)):
                raise
            raise interrupted(self._call, error, self.received) from error
        if next_event is None:
            raise self._leftover()
        return next_event

    async def collect(self) -> Response[ParsedT_co]:
        """Read the stream to its end, and return the whole answer.

        Raises:
            RuntimeError: it was closed before its end.
            RanvierError: the errors of reading it.
        """
        async for _ in self:
            pass
        if self.response is None:
            raise RuntimeError("the stream was closed before its end: there is no whole response")
        return self.response

    async def aclose(self) -> None:
        """Stop the stream: its connection is closed, and nothing is counted against the provider."""
        if asyncio.get_running_loop() is not self._loop and self._loop.is_closed():
            self.abandon_silently()
            return
        check_loop(self._loop)
        self._end(Outcome.ABANDONED)
        self._drop_unread()
        if self._timer.waiting:  # another task reads; its read ends like at the end of the stream
            self._timer.interrupt(CLOSED)
        else:
            await self._source.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if getattr(self, "_outcome", Outcome.ABANDONED) is None:  # dropped without being closed
            settle_later(self, self._loop)
            self._outcome = Outcome.ABANDONED  # settled: a generator finalized together may still close it
            warn_of_drop(self.reader, self._call.deployment, self._loop)

    def may_be_dropped(self) -> None:
        """Do not warn if the stream is dropped before its end: its reader never entered it."""
        self.reader = None

    def _leftover(self) -> BaseException:
        """The exception for a read after the end: first a failure that occurred between reads, then the end.

        A stream that ended early, without being closed by its reader, raises an error at every read.
        """
        failure, self._failure = self._failure, None
        if failure is None and self._lost is not None:
            return lost(self._call, self._lost, self.received)
        return failure or StopAsyncIteration()

    # --- for layers ------------------------------------------------------------------------------

    def on_end(self, callback: Callable[[Outcome], None]) -> None:
        """Call `callback` once, with the outcome, when the stream ends, breaks or is closed."""
        if self._outcome is None:
            self._on_end.append(callback)
        else:
            callback(self._outcome)

    def transform(self, function: Transform, flush: Flush | None = None) -> None:
        """Change the events that the reader sees, and with them `parsed` and the collected response.

        Call it in `handle`, on the stream that `inner` returned, before anything is read. The functions of
        inner layers run first. Usage and the provider's health are taken from the original events. The
        functions must not wait; their time is not charged to the provider, but the deadline continues.

        Args:
            function: Called with each event that has content. Returns the event to show, several events, or
                `None` to hold the content back.
            flush: Returns what is still held back; called before the event with the finish reason.
        """
        if self._transformation is None:
            self._transformation = Transformation()
        self._transformation.add(function, flush)
