"""Writes our errors in the format of a wire, so that an SDK raises its own exceptions.

Each has the header `x-should-retry: false`, because the pipeline has already retried if that could help.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NamedTuple

from ranvier.errors.all_failed import AllDeploymentsFailedError
from ranvier.errors.provider import ProviderError
from ranvier.errors.root import RanvierError
from ranvier.integrations.transport.recognition import ANTHROPIC, GEMINI
from ranvier.messages.native import RESPONSES
from ranvier.providers._wire.verbatim import VerbatimReply
from ranvier.providers._wire.written_request import WrittenRequest

STATUSES: Final = {
    "auth": 401, "permission": 403, "credential_missing": 401, "credential_unusable": 401,
    "rate_limit": 429, "throttled": 429, "paced": 429, "quota_exhausted": 429, "spend_limit": 429,
    "invalid_request": 400, "context_length": 400, "content_filter": 400, "not_allowed": 403,
    "model_not_found": 404, "timeout": 504, "deadline_exceeded": 504,
}  # fmt: skip
"""The HTTP status by the kind of an error; 503 for all other kinds."""

TYPES: Final = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
                404: "not_found_error", 429: "rate_limit_error", 504: "timeout_error"}  # fmt: skip
"""The type of an error by its status, as OpenAI and Anthropic write it; of all others, `api_error`."""


class Refusal(NamedTuple):
    """An HTTP response with an error, or with an answer that a content filter has stopped."""

    status: int
    headers: dict[str, str]
    content: bytes


def refusal(written: WrittenRequest, error: RanvierError) -> Refusal:
    """The response for a failed call: the provider's own if it has sent one, otherwise ours.

    A refusal of the model is handed back with its status 200, as the SDK expects it.
    """
    own = primary(error)
    if isinstance(own, ProviderError):
        reply: VerbatimReply | None = written.rejections.get(f"{own.provider}/{own.model}")
        if reply is not None and reply.status == own.status:
            return Refusal(reply.status, {**reply.headers, "x-should-retry": "false"}, reply.take())
    status = STATUSES.get(own.kind, 503)
    headers = {"content-type": "application/json", "x-should-retry": "false"}
    if error.retry_after is not None and math.isfinite(error.retry_after):  # a layer may give any number
        headers["retry-after"] = str(math.ceil(error.retry_after))
    return Refusal(status, headers, json.dumps(_body(written.wire, status, str(own))).encode())


def primary(error: RanvierError) -> RanvierError:
    """The most informative error: of several targets, that of the first that received a request."""
    return error.primary if isinstance(error, AllDeploymentsFailedError) else error


def event_of(wire: str, error: RanvierError) -> bytes:
    """The last event of a stream that has failed."""
    status = STATUSES.get(primary(error).kind, 503)
    body = _body(wire, status, str(primary(error)))
    if wire == RESPONSES:
        code, message = "server_error", body["error"]["message"]
        own = {"code": code, "message": message, "param": None}
        body = {"type": "error", **own, "error": own}  # twice: SDKs raise only what is under `error`
    name = f"event: {body['type']}\n" if "type" in body else ""
    return f"{name}data: {json.dumps(body)}\n\n".encode()


def _body(wire: str, status: int, message: str) -> dict[str, Any]:
    """The JSON of an error."""
    kind = TYPES.get(status, "api_error")
    if wire == ANTHROPIC:
        return {"type": "error", "error": {"type": kind, "message": message}}
    if wire == GEMINI:
        word = {400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 504: "DEADLINE_EXCEEDED"}
        return {"error": {"code": status, "message": message, "status": word.get(status, "UNAVAILABLE")}}
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
