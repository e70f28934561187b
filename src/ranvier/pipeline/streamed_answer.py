"""A streamed answer on its way: its first content, its end, and what is given back then."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from ranvier.errors import DeadlineExceededError, LayerError, RanvierError, StreamInterruptedError
from ranvier.messages import Response, StreamEvent
from ranvier.pipeline import form
from ranvier.pipeline.call_events import tell_attempt
from ranvier.pipeline.context import kept_context
from ranvier.pipeline.dropped import expiry_of
from ranvier.pipeline.interruption import (
    LOST_BY_CANCELLATION,
    LOST_BY_CLOSING,
    LOST_WITH_LOOP,
    Loss,
    breaks,
    expired,
    tell_interrupted,
)
from ranvier.pipeline.limit import CLOSED
from ranvier.pipeline.outcome import Outcome, tell
from ranvier.pipeline.source import Source
from ranvier.pipeline.transform import Transformation

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.record import Attempt


class StreamedAnswer:
    """The pipeline's side of a stream: it receives the events, and settles everything once, at the end.

    Attributes:
        response: The whole answer, once the stream has ended well.
        reader: The task whose call ended with it.
    """

    def __init__(self, call: Call, attempt: Attempt | None, source: Source) -> None:
        self.response: Response | None = None
        self._call = call
        self._attempt = attempt
        self._source = self.source = source
        self._watch = source.watch
        self._loop = call.pipeline.loop
        self._context = call.record.context  # until it ends, which may be after its call
        self._clock = call.pipeline.clock
        self._on_end: list[Callable[[Outcome], None]] = []
        self._first: StreamEvent | None = None  # arrived before the hand-out, not yet read
        self._outcome: Outcome | None = None  # set once, by `_end`
        self._failure: DeadlineExceededError | None = None  # met while nobody read; raised at the next read
        self._lost: Loss | None = None  # the reader has lost it, and did not close it
        self._handed_out = False
        self.reader: weakref.ref[asyncio.Task[object]] | None = None
        self._transformation: Transformation | None = None

    @property
    def ended(self) -> bool:
        """True once the stream has ended, broken or been closed."""
        return self._outcome is not None

    @property
    def is_of_provider(self) -> bool:
        """False for the answer of a layer, which no attempt belongs to."""
        return self._attempt is not None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What was tried for this call, oldest first; the last one is this stream."""
        return self._call.record.attempts

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

    # --- until the hand-out ----------------------------------------------------------------------

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
        """The next event, `None` at the end.

        The stream settles with the last event, and not when its reader comes back for more.
        """
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
            self._transformation.flush(self._source.collector)
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
            self._context = None

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
        call, context = self._call, self._context or kept_context(self._call)
        self._drop_unread()
        context.copy().run(self._end, Outcome.ABANDONED, error)  # with what layers do at its end
        self._watch.interrupt(CLOSED)
        name = f"the cleanup of a stream of {call.deployment}"
        call.pipeline.lifecycle.in_background(self._source.aclose(), context, name)

    def forsake(self) -> None:
        """End where no loop runs any more: give back what was taken, and tell nobody."""
        self._call.record.muted = True
        if self._outcome is None:
            self._lost = LOST_WITH_LOOP
        self._drop_unread()
        self._end(Outcome.ABANDONED)
