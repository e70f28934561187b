"""A streamed body on its way: chunks become events, and how it ends is noticed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from ranvier.errors.provider import AttemptTimeoutError, ContextLengthError, ProviderError
from ranvier.messages.collector import Step
from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent
from ranvier.providers._http.port import MAX_STREAM_BYTES
from ranvier.providers._reading.forms import AnyForm
from ranvier.providers._reading.halves import Halves
from ranvier.providers._reading.reading import (
    PREVIEW_BYTES,
    ErrorFactory,
    NoAnswerError,
    is_error,
    is_page,
    no_object,
    parse_object,
)
from ranvier.providers._reading.sse import Decoder, OversizedEventError
from ranvier.providers._wire.endings import AnswerReader


class StreamedBody:
    """Turns the chunks of a streamed body into events, and notices how it ends.

    Attributes:
        error: Why the stream is no answer, once that is known; to be raised after the events so far.
    """

    def __init__(self, decoder: Decoder, reader: AnswerReader, judge: ErrorFactory) -> None:
        self.error: ProviderError | AttemptTimeoutError | None = None
        self._form = AnyForm(decoder)
        self._decoder: Decoder = self._form  # until an object has come, and shown the form of the body
        self._reader = reader
        self._judge = judge
        self._size = 0  # of all that has come
        self._understood = False  # an object has come
        self._start = b""  # of the body, as long as nothing in it could be understood
        self._halves: Halves | None = None  # once half of a character has come

    @property
    def understood(self) -> bool:
        """True once an object of the wire has come."""
        return self._understood

    @property
    def finished(self) -> bool:
        """True when there is nothing more to wait for."""
        return self._reader.finished

    def feed(self, chunk: bytes) -> list[Step]:
        """The steps that `chunk` completes; an empty one is the end of the body."""
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
        """True for HTML: whatever its lines look like, none of them is an event."""
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
        body = parse_object(data, self._with_halves)
        if not self._understood and body is not None:
            self._understood = True
            self._decoder = self._form.chosen or self._decoder
        if name == "error" or (body is not None and is_error(body)):
            error = self._judge.refusal(body if body is not None else data)
            self.error = None if self._says_nothing_new(error) else error
        if self.error is not None:
            return
        if body is None:
            reader.events.append(StreamEvent(skipped=1))
        elif reader.stopped is None:
            reader.read(body)
        else:
            reader.read_on(body)

    def _says_nothing_new(self, error: Exception) -> bool:
        """True for an error that is told when the answer is whole, or has met the limit that it tells of."""
        return self._reader.complete and (self._reader.answered or isinstance(error, ContextLengthError))

    def ends_by(self, error: ProviderError) -> bool:
        """True where the connection breaks by `error` after the answer is whole: that is only its end."""
        error.in_stream = True
        error.status = self._judge.reply.status
        error.request_id = self._judge.reply.request_id
        return self._reader.complete

    def _with_halves(self, body: Any) -> Any:
        """`body` as it is: the second half of a character may come in the next event."""
        self._halves = self._halves or Halves()
        return body

    def _whole_characters(self, halves: Halves) -> list[Step]:
        try:
            return [*halves.joined(self._reader.events)]
        except NoAnswerError as reason:
            self.error = self.error or self._judge.no_answer(reason)
            return []

    def _fail(self, reason: Exception) -> None:
        if not isinstance(reason, NoAnswerError):
            reason = NoAnswerError(str(reason))
        error = self._judge.no_answer(reason, self._start if not self._understood else b"")
        if self._reader.complete and (reason.provider_error is None or self._says_nothing_new(error)):
            self._end_well()
        else:
            self.error = error

    def _end_well(self) -> None:
        try:
            self._reader.end()
            self._reader.finished = True
        except NoAnswerError as reason:
            self.error = self._judge.no_answer(reason)


class AnswerStream(AsyncIterator[StreamEvent]):
    """The events of a streamed answer, one by one; or all that one chunk of the body has brought.

    Attributes:
        some: Await it for the steps of the next chunk, which may be none.
        chunks: The generator of these, so that it is closed even where nobody closes this.
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
