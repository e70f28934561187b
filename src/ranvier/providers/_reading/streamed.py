"""Turns the chunks of a streamed body into events, and detects how the stream ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from ranvier.errors.provider import AttemptTimeoutError, ContextLengthError, ProviderError
from ranvier.messages.collector import Step
from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent
from ranvier.providers._http.port import MAX_STREAM_BYTES
from ranvier.providers._reading.forms import AnyForm, parse_within, wrapper_of
from ranvier.providers._reading.halves import Halves
from ranvier.providers._reading.reading import (
    PREVIEW_BYTES,
    ErrorFactory,
    Json,
    NoAnswerError,
    is_error,
    is_page,
    no_object,
    parse_object,
)
from ranvier.providers._reading.received import raw_of
from ranvier.providers._reading.sse import Decoder, OversizedEventError
from ranvier.providers._wire.endings import AnswerReader


class StreamedBody:
    """Turns the chunks of a streamed body into events, and detects how the stream ends.

    Attributes:
        error: Why the stream failed, once that is known; to be raised after the events so far.
    """

    def __init__(self, decoder: Decoder, reader: AnswerReader, errors: ErrorFactory) -> None:
        self.error: ProviderError | AttemptTimeoutError | None = None
        self._form = AnyForm(decoder)
        self._decoder: Decoder = self._form  # until the first object has shown the format of the body
        self._parse: Callable[[bytes, Callable[[Any], Any]], Json | None] = parse_object
        self._reader = reader
        self._errors = errors
        self._size = 0  # bytes received so far
        self._understood = False  # an object has arrived
        self._start = b""  # the start of the body, until an object has arrived
        self._halves: Halves | None = None  # set once half of a surrogate pair has arrived

    @property
    def understood(self) -> bool:
        """True once an object of the wire has arrived."""
        return self._understood

    @property
    def lenient(self) -> bool:
        """True once something was read that other readers of the wire would not read."""
        return self._decoder.lenient or self._reader.lenient

    @property
    def finished(self) -> bool:
        """True when nothing that matters can follow."""
        return self._reader.finished

    def feed(self, chunk: bytes) -> list[Step]:
        """The steps that `chunk` completes; an empty chunk is the end of the body."""
        reader = self._reader
        events = reader.events = []
        if not self._understood and self._begins_a_page(chunk):
            return self._read_page(ended=not chunk)
        try:
            self._size += len(chunk)
            if self._size > MAX_STREAM_BYTES:
                raise NoAnswerError(f"the stream is longer than {MAX_STREAM_BYTES} bytes")
            for data, name in self._decoder.feed(chunk) if chunk else self._decoder.finish():
                self._take(data, name)
                if self.error is not None or reader.finished:
                    self._keep_whole(data)
                    break
            if not (chunk or self.error or reader.finished):
                reader.end()
        except (NoAnswerError, OversizedEventError) as reason:
            self._fail(reason)
        if not chunk:
            reader.finished = True
        if self._halves is not None:
            events = self._whole_characters(self._halves)
        if not events and not reader.finished:
            events.append(SIGN_OF_LIFE)
        return events

    def _begins_a_page(self, chunk: bytes) -> bool:
        """True for HTML: none of its lines is an event, whatever they look like."""
        if len(self._start) < PREVIEW_BYTES:
            self._start = (self._start + chunk)[:PREVIEW_BYTES]
        return is_page(self._start)

    def _read_page(self, *, ended: bool) -> list[Step]:
        if not ended and len(self._start) < PREVIEW_BYTES:
            return [SIGN_OF_LIFE]
        self._fail(no_object(self._start))
        return []

    def _take(self, data: bytes, name: str) -> None:
        reader = self._reader
        if data.startswith(b"[DONE]"):
            reader.done()
            return
        body, first = self._parse(data, self._with_halves), False
        if not self._understood and body is not None:
            self._understood = first = True
            self._decoder = self._form.chosen or self._decoder
            if (wrapper := wrapper_of(body)) is not None:
                self._parse, body = partial(parse_within, wrapper), body[wrapper]
            if wrapper is not None or (reader.names_events and not name):
                self._decoder.lenient = True
        if name == "error" or (body is not None and is_error(body)):
            error = self._errors.from_body(body if body is not None else data)
            self.error = None if self._is_ignorable(error) else error
        if self.error is not None:
            return
        if body is None:
            reader.events.append(StreamEvent(skipped=1))
        elif reader.stopped is None:
            reader.read(body)
        else:
            reader.read_on(body)
        if first:
            self._tell_details()

    def _tell_details(self) -> None:
        """Give the details to the first event, before the last: they grow, and a stream may break."""
        for step in self._reader.events:
            if isinstance(step, StreamEvent):
                step.details = step.details or self._reader.details
                return
        self._reader.events.append(StreamEvent(details=self._reader.details))

    def _keep_whole(self, data: bytes) -> None:
        """Keep the whole answer, if the last event, of these `data`, has held it."""
        reply = self._reader.details.reply
        if reply is not None and self._reader.whole is not None:
            reply.raw = raw_of(self._reader.whole, data, self._errors.reply.request.secret)

    def _is_ignorable(self, error: Exception) -> bool:
        """True for an error after a complete answer, or one that only repeats that a limit was reached."""
        return self._reader.complete and (self._reader.answered or isinstance(error, ContextLengthError))

    def ends_by(self, error: ProviderError) -> bool:
        """True if the finish reason counts: then a connection that breaks with `error` is only its end."""
        error.in_stream = True
        error.status = self._errors.reply.status
        error.request_id = self._errors.reply.request_id
        reader = self._reader
        return reader.complete or (reader.stopped is not None and reader.failure is not None)

    def _with_halves(self, body: Any) -> Any:
        """`body` unchanged: the second half of a surrogate pair may come in the next event."""
        self._halves = self._halves or Halves()
        return body

    def _whole_characters(self, halves: Halves) -> list[Step]:
        try:
            return [*halves.joined(self._reader.events)]
        except NoAnswerError as reason:
            self.error = self.error or self._errors.no_answer(reason)
            return []

    def _fail(self, reason: Exception) -> None:
        if not isinstance(reason, NoAnswerError):
            reason = NoAnswerError(str(reason))
        error = self._errors.no_answer(reason, self._start if not self._understood else b"")
        if self._reader.complete and (reason.provider_error is None or self._is_ignorable(error)):
            self._finish()
        else:
            self.error = error

    def _finish(self) -> None:
        try:
            self._reader.end()
            self._reader.finished = True
        except NoAnswerError as reason:
            self.error = self._errors.no_answer(reason)


class AnswerStream(AsyncIterator[StreamEvent]):
    """The events of a streamed answer, one by one, or in one list for each chunk of the body.

    Attributes:
        some: Await `some()` for the steps of the next chunk, which may be none.
        chunks: The generator of these lists, which closes itself if this stream is never closed.
    """

    def __init__(self, chunks: AsyncGenerator[list[Step], None]) -> None:
        self.some = chunks.__anext__
        self.chunks = chunks
        self._left: Iterator[Step] = iter(())

    async def __anext__(self) -> StreamEvent:
        while True:
            for step in self._left:
                return StreamEvent(text=step) if isinstance(step, str) else step
            self._left = iter(await self.some())

    async def aclose(self) -> None:
        """Close the connection."""
        await self.chunks.aclose()
