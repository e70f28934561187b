"""Bodies in another form than was asked for: a whole answer for a stream, a JSON array for events, and so on.

Servers that cannot stream answer whole, proxies lose the parameter that asks for events, and gateways stream
unless they are told not to. How a body begins says which form it has.
"""

from __future__ import annotations

import re
from typing import Final

from ranvier.providers._http.port import MAX_BODY_BYTES
from ranvier.providers._reading.sse import Decoder, LineDecoder, SseDecoder, WireEvent

BLANK: Final = b"\xef\xbb\xbf \t\r\n"
"""May stand before a body; the first three bytes are a byte order mark."""

MAX_UNDECIDED: Final = 16 * 1024
"""Bytes that may come before the form of a body shows; after that it is read as it was asked for."""

SSE_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_sse(content: bytes) -> bool:
    """True for a body that begins as Server-Sent Events do."""
    return content.lstrip(BLANK).startswith(SSE_FIELDS)


class AnyForm(Decoder):
    """Decodes a body as the decoder of its wire does, unless it begins in another form.

    Attributes:
        chosen: The decoder that fits; `None` while too little has come.
    """

    def __init__(self, usual: Decoder) -> None:
        super().__init__()
        self.chosen: Decoder | None = None
        self._usual = usual
        self._held = b""

    def feed(self, chunk: bytes) -> list[WireEvent]:
        if self.chosen is None:
            chunk = self._held + chunk
            self.chosen = _decoder_for(chunk, self._usual)
            self._held = chunk if self.chosen is None else b""
        return [] if self.chosen is None else self.chosen.feed(chunk)

    def finish(self) -> list[WireEvent]:
        if self.chosen is not None:
            return self.chosen.finish()
        return [*self._usual.feed(self._held), *self._usual.finish()]

    def _take(self, line: bytes) -> WireEvent | None:
        raise NotImplementedError("another decoder cuts it into lines")


def _decoder_for(content: bytes, usual: Decoder) -> Decoder | None:
    """What decodes a body that begins like that; `None` where that is not enough to tell."""
    start = content.lstrip(BLANK)
    if not start:
        return usual if len(content) > MAX_UNDECIDED else None
    if not isinstance(usual, LineDecoder):
        return ObjectDecoder() if start.startswith((b"{", b"[")) else usual
    if start.startswith(b"{"):  # a line holds all of its object, unless that is written over many lines
        lines = start.splitlines()
        if len(lines) == 1 and not start.endswith((b"\n", b"\r")):
            return usual if len(content) > MAX_UNDECIDED else None
        return usual if lines[0].rstrip().endswith(b"}") else ObjectDecoder()
    if start.startswith(b"["):
        return ObjectDecoder()
    return SseDecoder() if start[:1] in b"deir:" else usual


class ObjectDecoder(Decoder):
    """JSON objects one after the other, on however many lines, or in one array.

    What stands between them is skipped. An array of chunks is read chunk by chunk, as they come.
    """

    def __init__(self, limit: int = MAX_BODY_BYTES) -> None:
        super().__init__(limit)
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, chunk: bytes) -> list[WireEvent]:
        events: list[WireEvent] = []
        begin, at = 0, 1 if self._escaped and chunk else 0
        self._escaped = self._escaped and not chunk
        for mark in _MARKS.finditer(chunk, at):
            what = mark.group()
            if self._depth == 0 and what == b"{":
                begin = mark.start()
            if self._passes(what):
                events.append((self._whole(chunk[begin : mark.end()]), ""))
        if self._depth:
            self._hold(chunk[begin:])
        return events

    def _passes(self, mark: bytes) -> bool:
        """Take note of a mark; true where it ends an object."""
        if mark == b'"':
            self._quoted = self._depth > 0 and not self._quoted
        elif mark == b"\\":  # what it escapes comes with the next chunk
            self._escaped = self._quoted
        elif mark == b"{" and not self._quoted:
            self._depth += 1
        elif mark == b"}" and not self._quoted and self._depth:
            self._depth -= 1
            return self._depth == 0
        return False

    def _hold(self, piece: bytes) -> None:
        self._begun += piece
        if len(self._begun) > self._limit:
            raise self._too_long()

    def _whole(self, end: bytes) -> bytes:
        self._hold(end)
        content = bytes(self._begun)
        self._begun.clear()
        return content

    def finish(self) -> list[WireEvent]:
        """The object that was cut, if one was."""
        return [(bytes(self._begun), "")] if self._begun else []

    def _take(self, line: bytes) -> WireEvent | None:
        raise NotImplementedError("objects are not told by lines")


_MARKS: Final = re.compile(rb'\\.?|["{}]', re.DOTALL)
