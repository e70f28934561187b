"""Recognizes the requests for answers among all that an SDK sends, and reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from ranvier.headers import FRAMING, HOLD_KEYS
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

LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens", "maxOutputTokens")

NOT_SENT: Final = FRAMING | HOLD_KEYS | {"cookie"}
"""Headers of the SDK's connection, and with its key."""

SIGNED: Final = "x-amz-"
"""The beginning of the headers that belong to a signature of AWS; one has a session token."""

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
    params = parse_qsl(query, keep_blank_values=True)
    if not model or (wire == GEMINI and streamed and ("alt", "sse") not in params):  # a stream in one array
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
        headers={name: value for name, value in headers.items() if _is_sent(name)},
        query=urlencode([pair for pair in params if pair[0] not in OF_AN_ADDRESS]),
        model=model,
        streamed=streamed,
    )


def _model_of(wire: str, path: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
    """The model, and whether the answer is streamed."""
    if wire == GEMINI:
        resource, _, method = path.rpartition(":")
        *_, collection, name = ["", *unquote(resource).split("/")]
        return name if collection == "models" else f"{collection}/{name}", METHODS[f":{method}"]
    model = fields.get("model")
    return model if isinstance(model, str) else "", fields.get("stream") is True


def _is_sent(header: str) -> bool:
    return header not in NOT_SENT and not header.startswith(SIGNED)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
