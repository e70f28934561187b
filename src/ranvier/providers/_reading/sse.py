"""Splits bytes into events: Server-Sent Events and JSON lines, in chunks of any size.

Both decoders read every byte once, however the body is chunked, and hold no more than the bytes of one
event. So a body that arrives byte by byte costs no more time or memory than one that arrives at once, and a
chunk may end inside a character or a line ending.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from ranvier.providers._http.port import MAX_BODY_BYTES
from ranvier.providers._reading import json

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
RETURN = ord("\r")


WireEvent = tuple[bytes, str]
"""One event of a stream: its bytes, and its name, which is empty if the wire has none."""


class OversizedEventError(ValueError):
    """An event is longer than the limit."""


class Decoder(ABC):
    """Takes chunks with `feed` and returns the events that they complete; `finish` returns the last one.

    Attributes:
        is_binary: True if the events are not lines of text.
        lenient: True once it has read something that a reader by the specification would not.
    """

    is_binary: ClassVar[bool] = False

    def __init__(self, limit: int = MAX_BODY_BYTES) -> None:
        self.lenient = False
        self._limit = limit
        self._begun = bytearray()  # the unfinished line
        self._size = 0  # bytes of the unfinished event, without that line
        self._after_return = False  # the last chunk ended in \r: a \n that follows belongs to it
        self._at_start = True

    def feed(self, chunk: bytes) -> list[WireEvent]:
        """The events that `chunk` completes.

        Raises:
            OversizedEventError: an event exceeds the limit.
        """
        events: list[WireEvent] = []
        for line in self._lines(chunk):
            event = self._take(line)
            if event is not None:
                events.append(event)
        if self._begun and self._size + len(self._begun) > self._limit:
            raise self._too_long()
        return events

    def finish(self) -> list[WireEvent]:
        """The last event, if the body ended without the line ending that would complete it."""
        line = self._joined(b"")
        events = [self._take(line)] if line else []
        events.append(self._rest())
        return [event for event in events if event is not None]

    @abstractmethod
    def _take(self, line: bytes) -> WireEvent | None:
        """The event that `line`, without its ending, completes."""

    def _rest(self) -> WireEvent | None:
        """The event that the end of the body completes."""
        return None

    def _lines(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their line endings of any kind."""
        if not chunk:
            return []
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        lines = chunk.splitlines()
        unfinished = lines.pop() if lines and not chunk.endswith((b"\n", b"\r")) else b""
        if lines and (self._begun or self._at_start):
            lines[0] = self._joined(lines[0])
        self._begun += unfinished
        return lines

    def _joined(self, end: bytes) -> bytes:
        """The line that ends with `end`."""
        line = bytes(self._begun) + end
        self._begun.clear()
        if self._at_start:
            self._at_start = False
            self.lenient = self.lenient or line.startswith(BYTE_ORDER_MARK)  # which SDKs take for a letter
            line = line.removeprefix(BYTE_ORDER_MARK)
        return line

    def _too_long(self) -> OversizedEventError:
        return OversizedEventError(f"an event of the stream is longer than {self._limit} bytes")


class SseDecoder(Decoder):
    """Decodes Server-Sent Events, each ended by an empty line.

    A line without a field name that begins like JSON is data too: some providers write an error into the
    stream that way. Two lines of data that are an object each are two events, whose empty line is missing:
    joined, they would be no JSON.
    """

    def __init__(self, limit: int = MAX_BODY_BYTES) -> None:
        super().__init__(limit)
        self._name = ""
        self._data: bytes | bytearray | None = None  # of the unfinished event, once a line of it has arrived
        self._bare = False
        self._named_late = False  # the name has come after the data
        self._between = False  # between two events: nothing of the next one has arrived

    def feed(self, chunk: bytes) -> list[WireEvent]:
        if (
            self._between
            and chunk.startswith(b"data: ")
            and RETURN not in chunk
            and len(chunk) <= self._limit
        ):
            line, _, rest = chunk.partition(b"\n")
            if rest == b"\n":  # one event, as in nearly every chunk
                return [(line[6:], "")] if len(line) > 6 else []
            events = chunk[6:-2].split(b"\n\ndata: ")
            if chunk.endswith(b"\n\n") and chunk.count(b"\n") == 2 * len(events):  # several, each in one line
                return [(data, "") for data in events if data]
        return self._feed_lines(chunk)

    def _feed_lines(self, chunk: bytes) -> list[WireEvent]:
        events = super().feed(chunk)
        begun = self._begun or self._name or self._after_return or self._data is not None
        self._between = not (begun or self._at_start)
        return events

    def _take(self, line: bytes) -> WireEvent | None:
        if not line:
            return self._rest()
        if line.startswith(b"data:"):
            data = line[6:] if line.startswith(b" ", 5) else line[5:]
            before = None if self._data is None else self._rest_before(data)
            self._add(data)
            return before
        if self._bare or (self._data is None and line.startswith((b"{", b"["))):
            self._bare = self.lenient = True
            self._add(line)
        elif line.startswith(b"event:"):
            self._name, self._named_late = line[6:].strip().decode("utf-8", "replace"), self._data is not None
        return None

    def _rest_before(self, data: bytes) -> WireEvent | None:
        """The event that ends because `data` begins another; `None` if `data` continues it."""
        if not (self._bare or (data.startswith((b"{", b"[DONE]")) and is_object(self._data))):
            return None
        self.lenient = True
        if not self._named_late:
            return self._rest()
        name, self._name = self._name, ""
        before, self._name = self._rest(), name
        return before

    def _rest(self) -> WireEvent | None:
        data, name = bytes(self._data or b""), self._name
        self._data, self._name, self._bare, self._size = None, "", False, 0
        self._named_late = False
        return (data, name) if data else None

    def _add(self, data: bytes) -> None:
        self._size += len(data) + 1
        if self._size > self._limit:
            raise self._too_long()
        if self._data is None:
            self._data = data  # nearly always the whole event
        else:
            if isinstance(self._data, bytes):
                self._data = bytearray(self._data)
            self._data += b"\n" + data


def is_object(line: bytes | bytearray | None) -> bool:
    """True for one line with the whole of a JSON object; joined lines, which may grow, are no `bytes`."""
    try:
        return isinstance(line, bytes) and isinstance(json.read(line, _unchanged), dict)
    except (ValueError, RecursionError):
        return False


def _unchanged(body: Any) -> Any:
    return body


class LineDecoder(Decoder):
    """Decodes one JSON value per line."""

    def _take(self, line: bytes) -> WireEvent | None:
        if len(line) > self._limit:
            raise self._too_long()
        return (line, "") if line.strip() else None
