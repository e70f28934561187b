"""Decodes an event stream of AWS: binary frames, each with headers, a payload and two checksums.

    length of the frame, length of its headers, CRC32 of both | headers | payload | CRC32 of all before

An event becomes an object with its payload under its name, `{"contentBlockDelta": {...}}`, and an exception
the error that its payload describes. botocore parses the frames and checks the checksums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http.port import MAX_BODY_BYTES
from ranvier.providers._reading import json
from ranvier.providers._reading.reading import Json, NoAnswerError
from ranvier.providers._reading.sse import Decoder, OversizedEventError, WireEvent

if TYPE_CHECKING:
    from botocore.eventstream import EventStreamBuffer, EventStreamMessage

PRELUDE: Final = 12
"""The bytes of a frame that hold its two lengths and their checksum."""


def check_botocore() -> None:
    """Check that frames can be parsed, before a stream is requested.

    Raises:
        ConfigurationError: botocore is not installed.
    """
    try:
        import botocore.eventstream  # noqa: F401  # because: it is an extra
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f'streams of Converse need {missing.name}: pip install "ranvier[bedrock]"'
        ) from None


class FrameDecoder(Decoder):
    """Splits an event stream into events; it reads every byte once, however the body is chunked."""

    is_binary = True

    def __init__(self, limit: int = MAX_BODY_BYTES) -> None:
        super().__init__(limit)
        self._frames: EventStreamBuffer | None = None  # until bytes arrive: a whole answer needs no botocore
        self._missing = PRELUDE  # bytes that complete the prelude, or the frame whose prelude has arrived
        self._broken: Exception | None = None  # what is wrong after the events that were returned last

    def feed(self, chunk: bytes) -> list[WireEvent]:
        """The events that `chunk` completes.

        Raises:
            NoAnswerError: the bytes are no event stream, or were damaged on the way.
            OversizedEventError: a frame exceeds the limit.
        """
        if self._broken is not None:
            raise self._broken
        events: list[WireEvent] = []
        self._begun += chunk
        start = 0
        try:
            while len(self._begun) - start >= self._missing:
                end = start + self._missing
                if (message := self._parsed(bytes(self._begun[start:end]))) is not None:
                    events.append(_event(message))
                start = end
        except (NoAnswerError, OversizedEventError) as reason:
            if not events:
                raise
            self._broken = reason  # the events before it count
        del self._begun[:start]
        return events

    def finish(self) -> list[WireEvent]:
        """Nothing: a frame that has no end has no content.

        Raises:
            NoAnswerError, OversizedEventError: what follows the last events is no frame.
        """
        if self._broken is not None:
            raise self._broken
        return []

    def _take(self, line: bytes) -> WireEvent | None:
        raise NotImplementedError("frames are not split by lines")

    def _parsed(self, piece: bytes) -> EventStreamMessage | None:
        """The frame that `piece` completes; `None` if it is a prelude."""
        try:
            self._frames = frames = self._frames or _new_buffer()
            frames.add_data(piece)
            message: EventStreamMessage | None = next(frames, None)
        except Exception as reason:  # because: botocore raises errors of many kinds
            raise NoAnswerError(f"the event stream is damaged: {reason}") from None
        if message is not None:
            self._missing = PRELUDE
            return message
        size = int.from_bytes(piece[:4])
        if size > self._limit:
            raise self._too_long()
        self._missing = size - PRELUDE
        return None


def _new_buffer() -> EventStreamBuffer:
    from botocore.eventstream import EventStreamBuffer  # because: it is an extra

    return EventStreamBuffer()


def _event(message: EventStreamMessage) -> WireEvent:
    headers, payload = message.headers, message.payload
    if headers.get(":message-type") != "event":
        return _error(headers, payload)
    name = json.write(str(headers.get(":event-type", "")))
    return b"{%b:%b}" % (name, payload or b"{}"), ""


def _error(headers: Json, payload: bytes) -> WireEvent:
    """An exception, which its payload describes, or an error, which only its headers describe."""
    name = headers.get(":exception-type") or headers.get(":error-code") or "exception"
    try:
        fields = json.read(payload) if payload else {}
    except (ValueError, RecursionError):
        fields = payload.decode("utf-8", "replace")
    if not isinstance(fields, dict):
        fields = {"message": str(fields)}
    message = fields.get("message") or headers.get(":error-message")
    return json.write({"error": {**fields, "type": str(name), "message": message}}), "error"
