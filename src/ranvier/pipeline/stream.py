"""A streamed answer, from its first content to its end."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ranvier.errors import DeadlineExceededError, StreamInterruptedError
from ranvier.messages import FinishReason, Response, StreamEvent
from ranvier.pipeline import form
from ranvier.pipeline.call_events import tell_attempt
from ranvier.pipeline.interruption import breaks, expired, interrupted, tell_interrupted
from ranvier.pipeline.outcome import Outcome, tell
from ranvier.pipeline.source import Source
from ranvier.pipeline.watch import CLOSED

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
        DeadlineExceededError: the call's time is over; `received` has what came.
    """

    def __init__(self, call: Call, attempt: Attempt, source: Source) -> None:
        self.response: Response | None = None
        self._call = call
        self._attempt = attempt
        self._source = source
        self._watch = source.watch
        self._clock = call.pipeline.clock
        self._on_end: list[Callable[[Outcome], None]] = []
        self._first: StreamEvent | None = None  # arrived before the hand-out, not yet read
        self._outcome: Outcome | None = None  # set once, by `_end`
        self._failure: DeadlineExceededError | None = None  # met while nobody read; raised at the next read
        self._handed_out = False

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
        received = self._source.collector.response(deployment.provider.name, deployment.model)
        received.attempts = self.attempts
        received.record = self._call.record
        return received

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        if self._first is not None:
            event, self._first = self._first, None
            return event
        if self._outcome is not None:
            raise self._leftover()
        self._call.pipeline.lifecycle.refuse_other_loops()
        if self._watch.waiting:
            raise RuntimeError("another task is waiting for the next event of this stream")
        try:
            next_event = await self._advance()
        except Exception as error:
            if not (self._handed_out and breaks(error)):
                raise
            raise interrupted(self._call, error, self.received) from error
        if next_event is None:
            raise StopAsyncIteration
        return next_event

    async def collect(self) -> Response:
        """Read the stream to its end.

        Raises:
            RuntimeError: it was closed before its end.
        """
        async for _ in self:
            pass
        if self.response is None:
            raise RuntimeError("the stream was closed before its end: there is no whole response")
        return self.response

    async def aclose(self) -> None:
        """Stop here: the connection is closed, nothing is counted against the provider."""
        self._end(Outcome.ABANDONED)
        self._first = None
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
        # Dropped without being closed. The generator of the provider is closed by the loop's own hook.
        if getattr(self, "_outcome", Outcome.ABANDONED) is None:
            self._end(Outcome.ABANDONED)

    # --- for the layers --------------------------------------------------------------------------

    def on_end(self, callback: Callable[[Outcome], None]) -> None:
        """Call `callback` once, with the outcome, when the stream ends, breaks or is closed."""
        if self._outcome is None:
            self._on_end.append(callback)
        else:
            callback(self._outcome)

    async def begin(self) -> None:
        """Wait for the first content, or for the end where there is none.

        Raises:
            RanvierError: the stream failed before; it has ended and given everything back.
        """
        while (event := await self._advance()) is not None:
            if event.has_content or event.finish_reason is not None:
                self._attempt.first_token = self._clock() - self._attempt.started
                self._first = event
            if event.has_content:
                return

    def hand_out(self) -> Self:
        """From here on the reader has it: what breaks it is told, and never repeated."""
        self._handed_out = True
        if self._call.deadline is not None and self._outcome is None:
            # Weak, or else a dropped stream would live on in its timer.
            stream = weakref.ref(self)
            self._watch.while_idle(self._call.deadline, lambda: _expire(stream()))
        return self

    async def _advance(self) -> StreamEvent | None:
        """The next event; the stream has ended, and settled, once there is none."""
        try:
            event = await self._source.receive()
            if event is None and self._outcome is None:
                self.response = self._complete()
        except BaseException as error:
            if isinstance(error, DeadlineExceededError):
                error.received = self.received
                self._call.record.attach(error)
            self._end(Outcome.of(error), error)
            await self._source.aclose()
            raise
        if event is None:
            self._end(Outcome.SUCCEEDED)
            await self._source.aclose()
        return event

    # --- the end ---------------------------------------------------------------------------------

    def _complete(self) -> Response:
        """The whole answer, now that all of it has come.

        Raises:
            InvalidResponseError, ContentFilterError: it does not have the form that was asked for.
        """
        response = self.received
        if response.finish_reason is None:  # a function's stream ends by returning
            response.finish_reason = FinishReason.TOOL_CALLS if response.tool_calls else FinishReason.STOP
        if self._call.streaming:  # else whoever collects it looks at its form, and may ask again
            form.check(self._call, response)
        return response

    def _end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Settle everything, once, without waiting."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._watch.close()
        self._attempt.skipped = self._source.collector.skipped
        now = self._clock()
        if self.response is not None:
            self._attempt.succeeded(now, self.response.usage)
        else:
            self._attempt.failed(now, error)
            self._attempt.usage = self._source.collector.usage
            if self._handed_out and breaks(error):
                self._attempt.outcome = StreamInterruptedError.kind
                tell_interrupted(self._call, error)
        self._call.record.ended = now
        if self.response is None or self._call.streaming or self._call.request.schema is None:
            tell_attempt(self._call, self._attempt)  # else whoever looks at its form does
        callbacks, self._on_end = self._on_end, []
        tell(callbacks, outcome)

    def _leftover(self) -> BaseException:
        """What a read after the end gives: the failure met while nobody read, then always the end."""
        failure, self._failure = self._failure, None
        return failure or StopAsyncIteration()

    def expire(self) -> None:
        """The deadline has passed while the reader held an event."""
        self._failure = expired(self._call, self.received)
        self._first = None
        self._end(Outcome.ABANDONED, self._failure)
        self._call.pipeline.lifecycle.in_background(self._source.aclose())


def _expire(stream: ResponseStream | None) -> None:
    if stream is not None:
        stream.expire()
