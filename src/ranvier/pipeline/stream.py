"""A streamed answer as its reader, and the layers around it, see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self

from ranvier.errors import LayerError
from ranvier.messages.response import ParsedT_co, Response, StreamEvent
from ranvier.pipeline.dropped import settle_later, warn_of_drop
from ranvier.pipeline.elsewhere import refuse_elsewhere
from ranvier.pipeline.interruption import (
    breaks,
    interrupted,
    lost,
)
from ranvier.pipeline.limit import CLOSED
from ranvier.pipeline.outcome import Outcome
from ranvier.pipeline.transform import Flush, Transform, Transformation

if TYPE_CHECKING:
    from ranvier.pipeline.price import Prices
    from ranvier.pipeline.story import Story


from ranvier.pipeline.streamed_answer import StreamedAnswer


class ResponseStream(StreamedAnswer, Generic[ParsedT_co]):
    """The events of one answer: read it with `async for`, inside `async with`.

    It is handed out once its first content has arrived; from then on nothing is repeated silently.
    Time that the reader holds an event is not charged to the provider, but the deadline runs on.

    Attributes:
        response: The whole answer, `parsed` where a `schema` asks for it, once the stream has ended well.

    Raises, while it is read:
        StreamInterruptedError: it broke, or its answer does not fit the `schema`; `received` has what came.
            Also each read after one that was cancelled, which closes the stream, and after its pipeline
            was closed.
        DeadlineExceededError: the call's time is over; `received` has what came.
        LayerError: a transform of one of your layers failed; `received` has what came.
    """

    response: Response[ParsedT_co] | None

    # --- for the reader --------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """True once it has ended with an answer that holds nothing: see `Response.empty`."""
        return self.response is not None and self.response.empty

    @property
    def story(self) -> Story:
        """Where the seconds of the call have gone, those in which the reader held events included."""
        if not self.ended:
            self._call.record.ended = self._clock()
        return self._call.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """The same as a few lines to be read, quoting nobody; `prices` are as in `Story.explain`."""
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
            refuse_elsewhere(self._loop)
        if self._watch.waiting:
            raise RuntimeError("another task is waiting for the next event of this stream")
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
        """Read the stream to its end.

        Raises:
            RuntimeError: it was closed before its end.
            RanvierError: as when it is read.
        """
        async for _ in self:
            pass
        if self.response is None:
            raise RuntimeError("the stream was closed before its end: there is no whole response")
        return self.response

    async def aclose(self) -> None:
        """Stop here: the connection is closed, nothing is counted against the provider."""
        if asyncio.get_running_loop() is not self._loop and self._loop.is_closed():
            self.forsake()
            return
        refuse_elsewhere(self._loop)
        self._end(Outcome.ABANDONED)
        self._drop_unread()
        if self._watch.waiting:  # another task reads; its read ends as if the stream had
            self._watch.interrupt(CLOSED)
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
            warn_of_drop(self.reader, self._call.deployment, self._loop)

    def _leftover(self) -> BaseException:
        """What a read after the end gives: the failure met while nobody read, then the end.

        A stream that was lost, though nobody closed it, never seems to have ended.
        """
        failure, self._failure = self._failure, None
        if failure is None and self._lost is not None:
            return lost(self._call, self._lost, self.received)
        return failure or StopAsyncIteration()

    # --- for the layers --------------------------------------------------------------------------

    def on_end(self, callback: Callable[[Outcome], None]) -> None:
        """Call `callback` once, with the outcome, when the stream ends, breaks or is closed."""
        if self._outcome is None:
            self._on_end.append(callback)
        else:
            callback(self._outcome)

    def transform(self, function: Transform, flush: Flush | None = None) -> None:
        """Change what the reader sees: text, `parsed`, and the collected response are made of it.

        Call it before the reader has read anything: in `handle`, on what `inner` returned. The functions
        of inner layers come first. Usage and the provider's health are taken from its own events. The
        functions must not wait; their time is not the provider's silence, but the deadline runs on.

        Args:
            function: Called with each event that has content. Returns the event to show, several, or
                `None` to hold the content back.
            flush: Returns what is still held back, before the event that says why the model stopped.
        """
        if self._transformation is None:
            self._transformation = Transformation()
        self._transformation.add(function, flush)
