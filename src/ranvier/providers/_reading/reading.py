"""Understanding what came back: JSON of the promised shape, or an error that says what it is.

A body may echo the key, and tracebacks are often logged with their locals. So whoever sees a body
returns the error, and who raises it holds no body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ranvier.errors.provider import AttemptTimeoutError, InvalidResponseError, ProviderError
from ranvier.messages.characters import mended
from ranvier.providers._failures.classify import classify
from ranvier.providers._failures.error_body import as_text, says_error, title
from ranvier.providers._failures.shown import MAX_PREVIEW, MAX_WORDS
from ranvier.providers._http.port import HttpReply
from ranvier.providers._reading import json

Json = dict[str, Any]
"""A JSON object."""

_OBJECTS: Final = frozenset((dict,))

PREVIEW_BYTES: Final = 4 * MAX_PREVIEW
"""How much of a body that is no answer is looked at: the key is masked before the cut, and no part stays."""


class NoAnswerError(Exception):
    """What came back is not the answer that the API promises.

    Attributes:
        kind: The error that says so.
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


# --- the parts of a JSON body, and what they must be ---------------------------------------------


def text(value: object, what: str) -> str:
    """`value` as text; `null` is none."""
    if isinstance(value, str):
        return value
    if value is not None:
        raise NoAnswerError(f"{what} is {_article(value)} where a text belongs")
    return ""


def entry(value: object, what: str) -> Json:
    """`value` as an object; `null` is an empty one."""
    if isinstance(value, dict):
        return value
    if value is not None:
        raise NoAnswerError(f"{what} is {_article(value)} where an object belongs")
    return {}


def entries(value: object, what: str) -> list[Json]:
    """`value` as a list of objects; `null` is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not _OBJECTS.issuperset(map(type, value)):  # in one pass, and in C
        raise NoAnswerError(f"{what} is {_article(value)} where a list of objects belongs")
    return value


def count(value: object, what: str) -> int:
    """`value` as a number of things, which may be written as a text; `null` is none."""
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is not None:
        raise NoAnswerError(f"{what} is {_article(value)} where a whole number belongs")
    return 0


def label(value: object) -> str | None:
    """`value` if it is a name; an answer is not refused for an odd id."""
    return value if isinstance(value, str) and value else None


def _article(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number")


def parse_object(content: bytes, on_halves: Callable[[Any], Any] = mended) -> Json | None:
    """The JSON object of a body, out of its list where it stands alone in one; `None` if it is none.

    Half characters in it become U+FFFD, or what `on_halves` makes of them: see `json.read`.

    Raises:
        NoAnswerError: it begins like one but is cut or broken.
    """
    try:
        value = json.read(content, on_halves)
    except (ValueError, RecursionError):
        if content.lstrip().startswith((b"{", b"[")):
            raise NoAnswerError("a JSON object is cut or broken") from None
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, dict) else None


def no_object(content: bytes) -> NoAnswerError:
    """What a body is that holds no JSON object."""
    if not content.strip():
        return NoAnswerError("the answer is empty")
    if is_page(content):
        named = " ".join(title(as_text(content).strip()).split())
        return NoAnswerError(f"the answer is no JSON but a page of HTML: {named[:100]}")
    return NoAnswerError("the answer is no JSON object")


def is_page(content: bytes) -> bool:
    """True for HTML, of a proxy or of a gateway, say."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def is_error(body: Mapping[str, Any]) -> bool:
    """True for a body that is an error, whatever its status says, wrapped or bare."""
    if body.get("choices"):  # every chunk of an answer comes by here: what it nearly always is goes first
        return bool(body.get("error"))
    if body.get("type") in _ANSWERING or body.get("candidates") or "done" in body:
        return bool(body.get("error"))
    return says_error(body)


_ANSWERING: Final = (
    *("content_block_delta", "message", "ping", "content_block_start", "content_block_stop"),
    *("message_start", "message_delta", "message_stop"),
)
"""The types of Anthropic's bodies and events that are no errors, the commonest first."""

BROKEN_OFF: Final = frozenset((
    *("network_error", "error", "server_error", "internal_error", "upstream_error", "provider_error"),
    *("timeout", "abort", "aborted", "cancelled", "failed", "insufficient_system_resource"),
))  # fmt: skip
"""Finish reasons that are none: the answer was cut on the provider's side.

GLM, OpenRouter, vLLM, DeepSeek, and gateways that speak another's wire.
"""


def stop_word(value: object, what: str) -> str:
    """The provider's word for why the model stopped; empty while it has not, in whatever way that is said."""
    word = text(value or None, what)
    return "" if word.lower() in UNSAID else word


UNSAID: Final = frozenset(("null", "none", "undefined", "finish_reason_unspecified"))
"""Words of gateways, and of Google, for no finish reason."""


def check_finish(raw: str) -> None:
    """Refuse a finish reason that says that the answer broke off.

    Raises:
        NoAnswerError: it does.
    """
    if raw.lower() in BROKEN_OFF:
        raise NoAnswerError(f"the provider broke the answer off: {raw}")


# --- errors about one reply ----------------------------------------------------------------------


class ErrorFactory:
    """Makes the errors about one `reply`."""

    def __init__(self, reply: HttpReply, *, in_stream: bool = False) -> None:
        self.reply = reply
        self._in_stream = in_stream

    def refusal(self, body: object) -> ProviderError | AttemptTimeoutError:
        """The error that `body` is about."""
        request, self.reply.said = self.reply.request, body
        return classify(
            body,
            status=self.reply.status,
            headers=self.reply.headers,
            in_stream=self._in_stream,
            secret=request.secret,
            **request.facts,
        )

    def no_answer(self, reason: NoAnswerError, body: bytes = b"") -> ProviderError | AttemptTimeoutError:
        """The error for a `body` that cannot be used, for that reason."""
        if reason.provider_error is not None:
            return self.refusal({"error": reason.provider_error})
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
