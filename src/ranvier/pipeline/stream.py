"""A streamed answer, from its first content to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ranvier.errors import DeadlineExceededError, LayerError, RanvierError, StreamInterruptedError
from ranvier.messages import Response, StreamEvent
from ranvier.pipeline import form
from ranvier.pipeline.call_events import tell_attempt
from ranvier.pipeline.context import kept_context
from ranvier.pipeline.dropped import expiry_of, settle_later
from ranvier.pipeline.elsewhere import refuse_elsewhere
from ranvier.pipeline.interruption import (
    LOST_BY_CANCELLATION,
    LOST_BY_CLOSING,
    Loss,
    breaks,
    expired,
    interrupted,
    lost,
    tell_interrupted,
)
from ranvier.pipeline.limit import CLOSED
from ranvier.pipeline.outcome import Outcome, tell
from ranvier.pipeline.source import Source
from ranvier.pipeline.transform import Flush, Transform, Transformation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.price import Prices
    from ranvier.pipeline.record import Attempt
    from ranvier.pipeline.story import Story


class ResponseStream:
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

    def __init__(self, call: Call, attempt: Attempt | None, source: Source) -> None:
        self.response: Response | None = None
        self._call = call
        self._attempt = attempt
        self._source = self.source = source
        self._watch = source.watch
        self._loop = call.pipeline.loop
        self._clock = call.pipeline.clock
        self._on_end: list[Callable[[Outcome], None]] = []
        self._first: StreamEvent | None = None  # arrived before the hand-out, not yet read
        self._outcome: Outcome | None = None  # set once, by `_end`
        self._failure: DeadlineExceededError | None = None  # met while nobody read; raised at the next read
        self._lost: Loss | None = None  # the reader has lost it, and did not close it
        self._handed_out = False
        self._transformation: Transformation | None = None

    # --- for the reader --------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True once the stream has ended, broken or been closed."""
        return self._outcome is not None

    @property
    def empty(self) -> bool:
        """True once it has ended with an answer that holds nothing: see `Response.empty`."""
        return self.response is not None and self.response.empty

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried for this call, oldest first; the last one is this stream."""
        return self._call.record.attempts

    @property
    def story(self) -> Story:
        """Where the seconds of the call have gone, those in which the reader held events included."""
        if not self.ended:
            self._call.record.ended = self._clock()
        return self._call.record.story()

    def explain(self, prices: Prices | None = None) -> str:
        """The same as a few lines to be read, quoting nobody; `prices` are as in `Story.explain`."""
        return self.story.explain(prices)

    @property
    def received(self) -> Response:
        """What has arrived so far, as a response without a finish reason until there is one."""
        deployment = self._call.deployment
        return self._shown(self._source.collector.response(deployment.provider.name, deployment.model))

    def _shown(self, response: Response) -> Response:
        """`response` as the reader sees it, with the record of the call."""
        response.attempts = self.attempts
        response.record = self._call.record
        return response if self._transformation is None else self._transformation.applied_to(response)

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

    async def collect(self) -> Response:
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

    async def begin(self) -> None:
        """Wait for the first content, or for the end where there is none.

        Raises:
            RanvierError: the stream failed before; it has ended and given everything back.
        """
        while (event := await self._advance()) is not None:
            if event.has_content or event.finish_reason is not None:
                self._note_first_token()
                self._first = event
            if event.has_content:
                return

    def hand_out(self) -> Self:
        """From here on the reader has it: what breaks it is told, and never repeated."""
        self._handed_out = True
        if self._call.deadline is not None and self._outcome is None:
            self._watch.while_idle(self._call.deadline, expiry_of(self))
        return self

    async def gather(self) -> Response:
        """Wait for the whole answer, of which nobody is shown a part; instead of `begin` and `collect`.

        Raises:
            RanvierError: the stream failed; it has ended and given everything back.
        """
        try:
            await self._source.gather()
            self.response = self._complete()
        except BaseException as error:
            await self._failed(error)
            raise
        self._end(Outcome.SUCCEEDED)
        await self._source.aclose()
        return self.response

    async def _advance(self) -> StreamEvent | None:
        """The next event; the stream has ended, and settled, once there is none."""
        try:
            event = await self._source.receive()
            if event is None and self._outcome is None:
                self.response = self._complete()
        except BaseException as error:
            await self._failed(error)
            raise
        if event is None:
            self._end(Outcome.SUCCEEDED)
            await self._source.aclose()
        return event

    async def _failed(self, error: BaseException) -> None:
        if isinstance(error, (DeadlineExceededError, LayerError)):
            error.received = self.received
            self._call.record.attach(error)
        if isinstance(error, asyncio.CancelledError) and self._outcome is None:
            self._lost = LOST_BY_CANCELLATION
        self._end(Outcome.of(error), error)
        await self._source.aclose()

    # --- the end ---------------------------------------------------------------------------------

    def _complete(self) -> Response:
        """The whole answer, now that all of it has come.

        Raises:
            InvalidResponseError, ContentFilterError: it does not have the form that was asked for.
            LayerError: a transform failed.
        """
        if self._transformation is not None:
            self._transformation.flush()
        deployment = self._call.deployment
        response = self._shown(self._source.collector.answer(deployment.provider.name, deployment.model))
        if self._call.streaming:  # else whoever collects it looks at its form, and may ask again
            form.check(self._call, response)
        return response

    def _end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Settle everything, once, without waiting."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._watch.close()
        try:
            self._write_down(error)
        finally:  # whatever a listener raises, all is given back
            callbacks, self._on_end = self._on_end, []
            tell(callbacks, outcome, log=not self._call.record.muted)

    def _write_down(self, error: BaseException | None) -> None:
        """Write down how it ended, and tell of it."""
        record, now = self._call.record, self._clock()
        record.ended = now
        if self._attempt is not None:
            self._end_attempt(self._attempt, now, error)
        if self._call.streaming:
            if self.response is not None:
                record.outcome = "succeeded"
            elif self._attempt is None or isinstance(error, LayerError):
                record.outcome = error.kind if isinstance(error, RanvierError) else "abandoned"

    def _end_attempt(self, attempt: Attempt, now: float, error: BaseException | None) -> None:
        """Write down how the attempt ended; whatever a layer made of its events, it was the provider's."""
        self._note_first_token()
        attempt.skipped = self._source.collector.skipped
        if self.response is not None:
            attempt.succeeded(now, self.response.usage)
        else:
            attempt.failed(now, None if isinstance(error, LayerError) else error)
            attempt.usage = self._source.collector.usage
            if self._handed_out and breaks(error):
                attempt.outcome = StreamInterruptedError.kind
                tell_interrupted(self._call, error)
        if self.response is None or self._call.streaming or self._call.request.schema is None:
            tell_attempt(self._call, attempt)  # else whoever looks at its form does

    def _drop_unread(self) -> None:
        self._first = None
        if self._transformation is not None:
            self._transformation.ready.clear()

    def _note_first_token(self) -> None:
        if self._attempt is not None and self._source.first is not None:
            self._attempt.first_token = self._source.first - self._attempt.started

    def _leftover(self) -> BaseException:
        """What a read after the end gives: the failure met while nobody read, then the end.

        A stream that was lost, though nobody closed it, never seems to have ended.
        """
        failure, self._failure = self._failure, None
        if failure is None and self._lost is not None:
            return lost(self._call, self._lost, self.received)
        return failure or StopAsyncIteration()

    def expire(self) -> None:
        """The deadline has passed while the reader held an event."""
        self._failure = expired(self._call, self.received)
        self.abandon(self._failure)

    def cut_off(self) -> None:
        """End it for a reader who did not want that, since its pipeline closes: reading on is an error."""
        if self._outcome is None:
            self._lost = LOST_BY_CLOSING
        self.abandon()

    def abandon(self, error: BaseException | None = None) -> None:
        """End now, whoever reads, without waiting; the provider is let go in the background."""
        call, context = self._call, kept_context(self._call)
        self._drop_unread()
        self._end(Outcome.ABANDONED, error)
        self._watch.interrupt(CLOSED)
        name = f"the cleanup of a stream of {call.deployment}"
        call.pipeline.lifecycle.in_background(self._source.aclose(), context, name)

    def forsake(self) -> None:
        """End where no loop runs any more: give back what was taken, and tell nobody."""
        self._call.record.muted = True
        self._drop_unread()
        self._end(Outcome.ABANDONED)
