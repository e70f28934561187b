"""Recognizes the requests for answers among all that an SDK sends, and reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from ranvier.messages.message import Message
from ranvier.messages.native import CHAT_COMPLETIONS, RESPONSES
from ranvier.providers._wire.written_request import WrittenRequest, texts

ANTHROPIC: Final = "anthropic"
GEMINI: Final = "gemini"

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of a request that is read; a larger one passes untouched."""

PATHS: Final = {"/chat/completions": CHAT_COMPLETIONS, "/responses": RESPONSES, "/messages": ANTHROPIC}
"""The wires by the end of the path of a request for an answer; Gemini's paths end with one of `METHODS`."""

METHODS: Final = {":generateContent": False, ":streamGenerateContent": True}
"""The methods of Gemini; true for those that stream."""

KEPT_BY_A_SERVER: Final = frozenset(
    ("previous_response_id", "conversation", "background", "cachedContent", "container", "prompt")
)
"""Fields that refer to state on one server."""

IDS_OF_A_SERVER: Final = frozenset(("file_id", "file_uri", "fileUri"))
"""Fields anywhere in a request that refer to a file on one server."""

LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens")

OF_A_KEY: Final = frozenset(("authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"))
OF_A_CONNECTION: Final = frozenset((
    *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "accept-encoding"),
    *("content-type", "content-encoding", "te", "upgrade", "proxy-authorization"),
))  # fmt: skip
OF_AN_ADDRESS: Final = frozenset(("api-version", "key", "alt"))
"""Parameters of a URL that depend on the server."""


def wire_of(method: str, path: str) -> str | None:
    """The wire of a request for an answer; `None` for every other request."""
    if method != "POST":
        return None
    if path.endswith(tuple(METHODS)):
        return GEMINI
    return next((wire for end, wire in PATHS.items() if path.endswith(end)), None)


def written_request(
    wire: str, path: str, query: str, headers: Mapping[str, str], content: bytes
) -> WrittenRequest | None:
    """The request with this body; `None` if it is not JSON of that wire, and so for the server to reject."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    model, streamed = _model_of(wire, path, fields)
    if not model:
        return None
    generation = fields.get("generationConfig")
    limits = [each for each in (generation, fields) if isinstance(each, dict)]
    return WrittenRequest(
        (Message("user", "\n".join(texts(fields)) or model),),
        max_tokens=next(
            (each[name] for each in limits for name in LIMITS if _is_count(each.get(name))), None
        ),
        extra={name: fields[name] for name in ("tools", "store", "background") if fields.get(name)},
        wire=wire,
        content=content,
        fields=fields,
        headers={name: value for name, value in headers.items() if name not in OF_A_KEY | OF_A_CONNECTION},
        query=urlencode([pair for pair in parse_qsl(query) if pair[0] not in OF_AN_ADDRESS]),
        model=model,
        streamed=streamed,
    )


def refers_to_a_server(fields: Mapping[str, Any]) -> bool:
    """True if a request refers to state that only one server has."""
    if any(fields.get(name) for name in KEPT_BY_A_SERVER):
        return True
    left: list[object] = [fields]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            if each.get("type") == "item_reference" or any(each.get(name) for name in IDS_OF_A_SERVER):
                return True
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return False


def _model_of(wire: str, path: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
    """The model, and whether the answer is streamed."""
    if wire == GEMINI:
        name, _, method = path.rpartition("/")[2].rpartition(":")
        return unquote(name), METHODS[f":{method}"]
    model = fields.get("model")
    return model if isinstance(model, str) else "", fields.get("stream") is True


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
