"""Reads the body of a reply: JSON of the expected shape, or an error that says what it is instead.

A body may echo the key, and tracebacks are often logged with their locals. So a function that holds a
body returns the error, and a caller without the body raises it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ranvier.errors.provider import AttemptTimeoutError, InvalidResponseError, ProviderError
from ranvier.messages.characters import mended
from ranvier.providers._failures.classify import classify
from ranvier.providers._failures.error_body import as_text, is_told, says_error, title
from ranvier.providers._failures.shown import MAX_PREVIEW, MAX_WORDS
from ranvier.providers._http.port import HttpReply
from ranvier.providers._reading import json

Json = dict[str, Any]
"""A JSON object."""

_OBJECTS: Final = frozenset((dict,))

PREVIEW_BYTES: Final = 4 * MAX_PREVIEW
"""How much of an invalid body is examined: the key is masked before the preview is cut to size."""


class NoAnswerError(Exception):
    """The body is not an answer as the API specifies it.

    Attributes:
        kind: The class of the error to raise.
        provider_error: The provider's own error, if it sent one: that is then classified instead.
    """

    def __init__(
        self,
        message: str,
        kind: type[ProviderError] = InvalidResponseError,
        provider_error: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.provider_error = provider_error


# --- the fields of a JSON body, and their types --------------------------------------------------


def text(value: object, what: str) -> str:
    """`value` as a str; `null` is empty, and so are an empty list and the like."""
    if isinstance(value, str):
        return value
    if not _is_nothing(value):
        raise NoAnswerError(f"{what} is {_article(value)}, not a string")
    return ""


def entry(value: object, what: str) -> Json:
    """`value` as an object; `null` is an empty one, and so is the empty list that PHP writes."""
    if isinstance(value, dict):
        return value
    if not _is_nothing(value):
        raise NoAnswerError(f"{what} is {_article(value)}, not an object")
    return {}


def entries(value: object, what: str) -> list[Json]:
    """`value` as a list of objects, without those that are `null`; `null` is an empty list."""
    if _is_nothing(value):
        return []
    if isinstance(value, list):
        if _OBJECTS.issuperset(map(type, value)):  # in one pass, and in C
            return value
        present = [each for each in value if each is not None]
        if _OBJECTS.issuperset(map(type, present)):
            return present
    raise NoAnswerError(f"{what} is {_article(value)}, not a list of objects")


def _is_nothing(value: object) -> bool:
    """True for what servers write where there is no value: `null`, and what is empty, of any type."""
    return value is None or value == "" or value == [] or value == {}


def count(value: object, what: str) -> int:
    """`value` as an integer, which may be written as a string; `null` is 0."""
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is not None:
        raise NoAnswerError(f"{what} is {_article(value)}, not an integer")
    return 0


def first(choices: list[Json]) -> Json:
    """The only choice that was requested: that of index 0, or without one; empty if it is missing."""
    return next((choice for choice in choices if count(choice.get("index"), "index") == 0), {})


def label(value: object) -> str | None:
    """`value` if it is a non-empty str, else `None`; an odd id does not invalidate an answer."""
    return value if isinstance(value, str) and value else None


def _article(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def parse_object(content: bytes, on_halves: Callable[[Any], Any] = mended) -> Json | None:
    """The JSON object of a body, also as the only item of a list; `None` if there is none.

    Halves of surrogate pairs become U+FFFD, or what `on_halves` returns: see `json.read`.

    Raises:
        NoAnswerError: the body begins like a JSON object but is truncated or broken.
    """
    try:
        value = json.read(content, on_halves)
    except (ValueError, RecursionError):
        if content.lstrip().startswith((b"{", b"[")):
            raise NoAnswerError("a JSON object is truncated or broken") from None
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def no_object(content: bytes) -> NoAnswerError:
    """The error for a body without a JSON object."""
    if not content.strip():
        return NoAnswerError("the answer is empty")
    if is_page(content):
        named = " ".join(title(as_text(content).strip()).split())
        return NoAnswerError(f"the answer is not JSON but a page of HTML: {named[:100]}")
    return NoAnswerError("the answer is not a JSON object")


def is_page(content: bytes) -> bool:
    """True for HTML, for example from a proxy or a gateway."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def is_error(body: Mapping[str, Any]) -> bool:
    """True for a body that is an error, whatever its status, wrapped in `error` or bare."""
    if body.get("choices"):  # every chunk of an answer is checked here: the commonest case comes first
        return "error" in body and is_told(body["error"])
    if body.get("type") in _ANSWERING or body.get("candidates") or "done" in body or _OF_CONVERSE in body:
        return "error" in body and is_told(body["error"])
    return says_error(body)


_ANSWERING: Final = (
    *("content_block_delta", "message", "ping", "content_block_start", "content_block_stop"),
    *("message_start", "message_delta", "message_stop", "response.output_text.delta"),
    *("response.function_call_arguments.delta", "response.output_item.added", "response.output_item.done"),
)
"""The types of bodies and events that are not errors, the commonest first: Anthropic's, and of Responses."""

_OF_CONVERSE: Final = "contentBlockDelta"

# --- errors about one reply ----------------------------------------------------------------------


class ErrorFactory:
    """Makes the errors for one `reply`."""

    def __init__(self, reply: HttpReply, *, in_stream: bool = False) -> None:
        self.reply = reply
        self._in_stream = in_stream

    def from_body(self, body: object) -> ProviderError | AttemptTimeoutError:
        """The error that `body` describes."""
        request, self.reply.error_body = self.reply.request, body
        return classify(
            body,
            status=self.reply.status,
            headers=self.reply.headers,
            in_stream=self._in_stream,
            secret=request.secret,
            **request.facts,
        )

    def no_answer(self, reason: NoAnswerError, body: bytes = b"") -> ProviderError | AttemptTimeoutError:
        """The error for a `body` that is no answer, for that reason."""
        if reason.provider_error is not None:
            return self.from_body({"error": reason.provider_error})
        request = self.reply.request
        preview = request.shown(body[:PREVIEW_BYTES].decode("utf-8", "replace"), MAX_PREVIEW)
        return reason.kind(
            f"{request.target}: {request.shown(str(reason), MAX_WORDS)}",
            status=self.reply.status,
            request_id=self.reply.request_id,
            in_stream=self._in_stream,
            body_preview=preview or None,
            **request.facts,
        )
