"""Understanding what came back: JSON of the promised shape, or an error that says what it is.

A body may echo the key, and tracebacks are often logged with their locals. So whoever sees a body
returns the error, and who raises it holds no body.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ranvier.errors import AttemptTimeoutError, InvalidResponseError, ProviderError
from ranvier.messages import SIGN_OF_LIFE, StreamEvent
from ranvier.providers._classify import classify
from ranvier.providers._http import HttpReply
from ranvier.providers._sse import Decoder, OversizedEventError, WireEvent

Json = dict[str, Any]
"""A JSON object."""

PREVIEW_CHARACTERS: Final = 500
"""How much of a body that is no answer an error shows."""


class NoAnswerError(Exception):
    """What came back is not the answer that the API promises; `kind` is the error that says so."""

    def __init__(self, message: str, kind: type[ProviderError] = InvalidResponseError) -> None:
        super().__init__(message)
        self.kind = kind


# --- the parts of a JSON body, and what they must be ---------------------------------------------


def text(value: object, what: str) -> str:
    """`value` as text; `null` is none."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NoAnswerError(f"{what} is {_article(value)} where a text belongs")
    return value


def entry(value: object, what: str) -> Json:
    """`value` as an object; `null` is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise NoAnswerError(f"{what} is {_article(value)} where an object belongs")
    return value


def entries(value: object, what: str) -> list[Json]:
    """`value` as a list of objects; `null` is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise NoAnswerError(f"{what} is {_article(value)} where a list of objects belongs")
    return value


def count(value: object, what: str) -> int:
    """`value` as a number of things; `null` is none."""
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int):
        raise NoAnswerError(f"{what} is {_article(value)} where a whole number belongs")
    return value


def label(value: object) -> str | None:
    """`value` if it is a name; an answer is not refused for an odd id."""
    return value if isinstance(value, str) and value else None


def _article(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number")


def parse_object(content: bytes) -> Json | None:
    """The JSON object of a body, out of its list where it stands alone in one; `None` if it is none.

    Raises:
        NoAnswerError: it begins like one but is cut or broken.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        if content.lstrip().startswith((b"{", b"[")):
            raise NoAnswerError("a JSON object is cut or broken") from None
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def is_error(body: Mapping[str, Any]) -> bool:
    """True for a body that is an error, whatever its status says."""
    return bool(body.get("error")) or body.get("type") == "error"


# --- errors about one reply ----------------------------------------------------------------------


class Judge:
    """Makes the errors about one reply."""

    def __init__(self, reply: HttpReply, *, in_stream: bool = False) -> None:
        self._reply = reply
        self._in_stream = in_stream

    def refusal(self, body: object) -> ProviderError | AttemptTimeoutError:
        """The error that `body` is about."""
        request = self._reply.request
        return classify(
            body,
            status=self._reply.status,
            headers=self._reply.headers,
            in_stream=self._in_stream,
            secret=request.secret,
            **request.facts,
        )

    def no_answer(self, reason: NoAnswerError, body: bytes = b"") -> ProviderError:
        """The error for a `body` that cannot be used, for that reason."""
        request = self._reply.request
        preview = request.masked(body[: 4 * PREVIEW_CHARACTERS].decode("utf-8", "replace"))
        return reason.kind(
            f"{request.target}: {reason}",
            status=self._reply.status,
            request_id=self._reply.request_id,
            in_stream=self._in_stream,
            body_preview=preview[:PREVIEW_CHARACTERS] or None,
            **request.facts,
        )


# --- streams -------------------------------------------------------------------------------------


class AnswerReader(ABC):
    """Understands the events of one streamed answer.

    Attributes:
        complete: The wire's own terminal event has come, so that the answer is whole.
        finished: Nothing that matters can follow.
    """

    complete = False
    finished = False

    @abstractmethod
    def read(self, body: Json) -> Iterable[StreamEvent]:
        """What one event of the wire says.

        Raises:
            NoAnswerError: not what the API promises.
        """

    def done(self) -> None:
        """The marker `[DONE]` has come; alone it proves nothing."""
        if not self.complete:
            raise NoAnswerError("the stream says that it is done, but the answer has no end")
        self.finished = True


class StreamedBody:
    """Turns the chunks of a streamed body into events, and notices how it ends.

    Attributes:
        error: Why the stream is no answer, once that is known; to be raised after the events so far.
    """

    def __init__(self, decoder: Decoder, reader: AnswerReader, judge: Judge) -> None:
        self.error: ProviderError | AttemptTimeoutError | None = None
        self._decoder = decoder
        self._reader = reader
        self._judge = judge

    @property
    def complete(self) -> bool:
        """True once the answer is whole: what breaks after that does not matter."""
        return self._reader.complete

    @property
    def finished(self) -> bool:
        """True when there is nothing more to wait for."""
        return self._reader.finished

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that `chunk` completes; an empty one is the end of the body."""
        events: list[StreamEvent] = []
        try:
            for wire_event in self._decoder.feed(chunk) if chunk else self._decoder.finish():
                self._take(wire_event, events)
                if self.error is not None or self._reader.finished:
                    return events
            if not chunk and not self._reader.complete:
                raise NoAnswerError("the stream was cut: it ended before the answer did")
        except (NoAnswerError, OversizedEventError) as reason:
            self._fail(reason)
        if not chunk:
            self._reader.finished = True
        elif not events:
            events.append(SIGN_OF_LIFE)
        return events

    def _take(self, wire_event: WireEvent, events: list[StreamEvent]) -> None:
        if wire_event.data.startswith(b"[DONE]"):
            self._reader.done()
            return
        body = parse_object(wire_event.data)
        named_error = wire_event.name == "error"
        if not self._reader.complete and (named_error or (body is not None and is_error(body))):
            self.error = self._judge.refusal(body if body is not None else wire_event.data)
        elif body is None:
            events.append(StreamEvent(skipped=1))
        else:
            events.extend(self._reader.read(body))

    def _fail(self, reason: Exception) -> None:
        if self._reader.complete:
            self._reader.finished = True
            return
        if not isinstance(reason, NoAnswerError):
            reason = NoAnswerError(str(reason))
        self.error = self._judge.no_answer(reason)
