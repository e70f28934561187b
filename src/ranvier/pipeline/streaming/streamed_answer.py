"""The state of a streamed answer: its first content, its end, and the release of its resources."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Self

from ranvier.errors.partial import DeadlineExceededError, LayerError, StreamInterruptedError
from ranvier.errors.root import RanvierError
from ranvier.messages.response import Response, StreamEvent
from ranvier.pipeline.asking import schema_repair
from ranvier.pipeline.asking.interruption import (
    LOST_BY_CANCELLATION,
    LOST_BY_CLOSING,
    LOST_WITH_LOOP,
    Loss,
    announce_interrupted,
    breaks,
    expired,
)
from ranvier.pipeline.asking.provider_answers import checked, is_sound
from ranvier.pipeline.outcome import Outcome, notify
from ranvier.pipeline.reporting import recorder
from ranvier.pipeline.reporting.announce import announce_attempt
from ranvier.pipeline.reporting.context import context_of
from ranvier.pipeline.streaming.bounded_events import BoundedEvents
from ranvier.pipeline.streaming.dropped import expiry_of
from ranvier.pipeline.streaming.transform import Transformation
from ranvier.pipeline.timing.limit import CLOSED

if TYPE_CHECKING:
    from ranvier.facts.attempt import Attempt
    from ranvier.pipeline.call import Call


class StreamedAnswer:
    """The pipeline's side of a stream: receives the events, and settles everything once, at the end.

    Attributes:
        response: The whole answer, once the stream has ended normally.
        reader: The task that the stream was handed out to.
    """

    def __init__(self, call: Call, attempt: Attempt | None, source: BoundedEvents) -> None:
        self.response: Response | None = None
        self._call = call
        self._attempt = attempt
        self._source = self.source = source
        self._timer = source.timer
        self._loop = call.pipeline.loop
        self._context = call.record.context  # kept until the stream ends, possibly after its call
        self._clock = call.pipeline.clock
        self._on_end: list[Callable[[Outcome], None]] = []
        self._first: StreamEvent | None = None  # the event from before the hand-out, until it is read
        self._outcome: Outcome | None = None  # set once, by `_end`
        self._failure: DeadlineExceededError | None = None  # occurred between reads; the next one raises it
        self._lost: Loss | None = None  # why it ended, if the reader did not close it
        self._handed_out = False
        self.reader: weakref.ref[asyncio.Task[object]] | None = None
        self._transformation: Transformation | None = None

    @property
    def ended(self) -> bool:
        """True once the stream has ended, broken or been closed."""
        return self._outcome is not None

    @property
    def is_of_provider(self) -> bool:
        """False for the answer of a layer, which has no attempt."""
        return self._attempt is not None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts of this call, oldest first; the last one is this stream."""
        return self._call.record.attempts

    @property
    def received(self) -> Response:
        """What has arrived so far, as a response; its finish reason is `None` until one arrives."""
        deployment = self._call.deployment
        return self._shown(self._source.collector.response(deployment.provider.name, deployment.model))

    def _shown(self, response: Response) -> Response:
        """`response` as the reader sees it, with the record of the call."""
        response.attempts = self.attempts
        response.record = self._call.record
        return response if self._transformation is None else self._transformation.applied_to(response)

    # --- before the hand-out ---------------------------------------------------------------------

    async def begin(self) -> None:
        """Wait for the first content, or for the end if there is no content.

        Raises:
            RanvierError: the stream failed before that; it has ended and released everything.
        """
        while (event := await self._advance()) is not None:
            if event.has_content or event.finish_reason is not None:
                self._note_first_token()
                self._first = event
            if event.has_content:
                return

    def hand_out(self) -> Self:
        """Hand the stream out to its reader; from now on failures are raised, and nothing is repeated."""
        self._handed_out = True
        if self._call.deadline is not None and self._outcome is None:
            self._timer.while_idle(self._call.deadline, expiry_of(self))
        return self

    async def gather(self) -> Response:
        """Wait for the whole answer without showing events to a reader; replaces `begin` and `collect`.

        Raises:
            RanvierError: the stream failed; it has ended and released everything.
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
        """The next event; `None` at the end. The stream settles with the last event, not one read later."""
        try:
            event = await self._source.receive()
            ended = event is None or self._source.ended
            if ended and self._outcome is None:
                self.response = self._complete()
        except BaseException as error:
            await self._failed(error)
            raise
        if ended:
            self._end(Outcome.SUCCEEDED)
            await self._source.aclose()
        return event

    async def _failed(self, error: BaseException) -> None:
        if isinstance(error, (DeadlineExceededError, LayerError)):
            error.received = self.received
            recorder.attach(self._call.record, error)
        if isinstance(error, asyncio.CancelledError) and self._outcome is None:
            self._lost = LOST_BY_CANCELLATION
        self._end(Outcome.of(error), error)
        await self._source.aclose()

    # --- the end ---------------------------------------------------------------------------------

    def _complete(self) -> Response:
        """The whole answer, after all events have arrived.

        Raises:
            InvalidResponseError, ContentFilterError: it does not match the schema, or is no answer.
            LayerError: a transform failed.
        """
        if self._transformation is not None:
            self._transformation.flush(self._source.collector)
        at = self._call.deployment
        answer = checked(self._call, self._source.collector.answer(at.provider.name, at.model))
        response = self._shown(answer)
        if self._call.streaming:  # else `attempt` validates it, and may request a repair
            schema_repair.check(self._call, response)
        return response

    def _end(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Settle everything, once, without waiting."""
        if self._outcome is not None:
            return
        self._outcome = outcome
        self._timer.close()
        try:
            self._write_down(error)
        finally:  # everything is released even if a listener raises
            callbacks, self._on_end = self._on_end, []
            notify(callbacks, outcome, log=not self._call.record.muted)
            self._context = None

    def _write_down(self, error: BaseException | None) -> None:
        """Record how it ended, and emit the events."""
        record, now = self._call.record, self._clock()
        lost = self._call.watch.lost  # then the call may have ended before
        if not lost:
            record.ended = now
        if self._attempt is not None:
            self._end_attempt(self._attempt, now, error)
        if self._call.streaming and not lost:
            if self.response is not None:
                record.outcome = "succeeded"
            elif self._attempt is None or isinstance(error, LayerError):
                record.outcome = error.kind if isinstance(error, RanvierError) else "abandoned"
            elif self._handed_out:
                record.outcome = self._attempt.outcome

    def _end_attempt(self, attempt: Attempt, now: float, error: BaseException | None) -> None:
        """Record how the attempt ended, from the provider's events, before any transform of a layer."""
        self._note_first_token()
        collector = self._source.collector
        attempt.skipped = collector.skipped
        if self.response is not None:
            attempt.succeeded(now, self.response.usage, self.response.details.request_id)
        else:
            recorder.attempt_failed(attempt, now, None if isinstance(error, LayerError) else error)
            if is_sound(collector.usage):  # a custom provider may send anything
                attempt.usage = collector.usage
            if collector.details is not None:
                attempt.request_id = attempt.request_id or collector.details.request_id
            if self._handed_out and breaks(error):
                attempt.outcome = StreamInterruptedError.kind
                announce_interrupted(self._call, error)
        if self.response is None or self._call.streaming or self._call.request.schema is None:
            announce_attempt(self._call, attempt)  # else `attempt` does, after it has validated the answer

    def _drop_unread(self) -> None:
        self._first = None
        if self._transformation is not None:
            self._transformation.ready.clear()

    def _note_first_token(self) -> None:
        if self._attempt is not None and self._source.first is not None:
            self._attempt.first_token = self._source.first - self._attempt.started

    def expire(self) -> None:
        """End the stream, because the deadline has passed between two reads."""
        self._failure = expired(self._call, self.received)
        self.abandon(self._failure)

    def cut_off(self) -> None:
        """End the stream because its pipeline closes; further reads raise an error."""
        if self._outcome is None:
            self._lost = LOST_BY_CLOSING
        self.abandon()

    def abandon(self, error: BaseException | None = None) -> None:
        """End now, even during a read, without waiting; the connection is closed in the background."""
        call = self._call
        context = self._context or call.record.context or Context().run(context_of, call.tenant)
        self._drop_unread()
        context.copy().run(self._end, Outcome.ABANDONED, error)  # also runs the callbacks of layers
        self._timer.interrupt(CLOSED)
        name = f"the cleanup of a stream of {call.deployment}"
        call.pipeline.in_background(self._source.aclose(), context, name)

    def abandon_silently(self) -> None:
        """End after the event loop is closed: release everything, and notify no listeners."""
        self._call.record.muted = True
        if self._outcome is None:
            self._lost = LOST_WITH_LOOP
        self._drop_unread()
        self._end(Outcome.ABANDONED)
