"""Bodies in another format than requested: a complete answer for a stream, a JSON array for events, etc.

Servers that cannot stream answer in one piece, proxies lose the parameter that requests events, and gateways
stream by default, or put each object into one of their own. The start of a body shows which format it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ranvier.providers._http.port import MAX_BODY_BYTES
from ranvier.providers._reading.reading import Json, is_error, parse_object
from ranvier.providers._reading.sse import Decoder, LineDecoder, SseDecoder, WireEvent

BLANK: Final = b"\xef\xbb\xbf \t\r\n"
"""Bytes skipped before a body; the first three are a byte order mark."""

MAX_UNDECIDED: Final = 16 * 1024
"""Maximum number of bytes read to detect the format; after that, the requested format is assumed."""

SSE_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")


def is_sse(content: bytes) -> bool:
    """True for a body that begins like Server-Sent Events."""
    return content.lstrip(BLANK).startswith(SSE_FIELDS)


class AnyForm(Decoder):
    """Detects the format of a body and decodes it; the default is the decoder of the wire.

    Attributes:
        chosen: The matching decoder; `None` while too little has arrived.
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
            if self.chosen is not None:
                self.chosen.lenient = self.chosen is not self._usual
        return [] if self.chosen is None else self.chosen.feed(chunk)

    def finish(self) -> list[WireEvent]:
        if self.chosen is not None:
            return self.chosen.finish()
        return [*self._usual.feed(self._held), *self._usual.finish()]

    def _take(self, line: bytes) -> WireEvent | None:
        raise NotImplementedError("the chosen decoder splits the body")


def _decoder_for(content: bytes, usual: Decoder) -> Decoder | None:
    """The decoder for a body that begins with `content`; `None` if that is too little to decide."""
    start = content.lstrip(BLANK)
    if not start:
        return usual if len(content) > MAX_UNDECIDED else None
    if not isinstance(usual, LineDecoder):
        if start.startswith((b"{", b"[")):
            return ObjectDecoder()
        return SseDecoder() if usual.is_binary and start[:1] in b"deir:" else usual
    if start.startswith(b"{"):  # an object is on one line, unless it is pretty-printed
        lines = start.splitlines()
        if len(lines) == 1 and not start.endswith((b"\n", b"\r")):
            return usual if len(content) > MAX_UNDECIDED else None
        return usual if lines[0].rstrip().endswith(b"}") else ObjectDecoder()
    if start.startswith(b"["):
        return ObjectDecoder()
    return SseDecoder() if start[:1] in b"deir:" else usual


class ObjectDecoder(Decoder):
    """Splits a body into JSON objects: one after another, on any number of lines, or in one array.

    Bytes between objects are skipped. The objects of an array are returned as they arrive.
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
            what, start = mark.group(), mark.start()
            if not self._quoted and len(what) == 2:  # a backslash escapes within strings only
                what, start = what[1:], start + 1
            if self._depth == 0 and what == b"{":
                begin = start
            if self._passes(what):
                events.append((self._whole(chunk[begin : mark.end()]), ""))
        if self._depth:
            self._hold(chunk[begin:])
        return events

    def _passes(self, mark: bytes) -> bool:
        """Process a mark; true if it ends an object."""
        if mark == b'"':
            self._quoted = self._depth > 0 and not self._quoted
        elif mark == b"\\":  # the escaped character comes with the next chunk
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
        """The truncated object, if there is one."""
        return [(bytes(self._begun), "")] if self._begun else []

    def _take(self, line: bytes) -> WireEvent | None:
        raise NotImplementedError("objects are not split by lines")


_MARKS: Final = re.compile(rb'\\.?|["{}]', re.DOTALL)


# --- an object around the answer -----------------------------------------------------------------

WRAPPERS: Final = ("data", "response", "result", "provider")
"""The fields in which gateways put an answer: the third is Cloudflare's, the last OpenRouter's."""

OF_ANSWERS: Final = (
    *("choices", "candidates", "content", "output", "type", "done", "error"),
    *("promptFeedback", "usageMetadata", "messageStart"),
)
"""Fields of answers, of their pieces and of their errors, on any wire."""


def wrapper_of(body: Json) -> str | None:
    """The field of `body` that holds the answer; `None` if `body` is the answer itself, or an error."""
    if _is_of_answer(body) or is_error(body):
        return None
    return next((name for name in WRAPPERS if _is_of_answer(body.get(name))), None)


def unwrapped(body: Json) -> Json:
    """The answer in `body`: nearly always `body` itself."""
    wrapper = wrapper_of(body)
    return body if wrapper is None else body[wrapper]


def parse_within(wrapper: str, content: bytes, on_halves: Callable[[Any], Any]) -> Json | None:
    """The object in that field of the JSON in `content`, or the whole one without such a field."""
    body = parse_object(content, on_halves)
    inner = None if body is None else body.get(wrapper)
    return inner if isinstance(inner, dict) else body


def _is_of_answer(body: object) -> bool:
    return isinstance(body, dict) and any(body.get(name) is not None for name in OF_ANSWERS)
