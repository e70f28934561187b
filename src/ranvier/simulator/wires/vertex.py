"""Vertex AI: Gemini and Claude below the path of a project of Google Cloud.

Any token is valid, except one that says itself until when: `...until-1767225600` is valid until that time, in
seconds since the epoch.
"""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Ask
from ranvier.simulator.wires.anthropic import AnthropicWire
from ranvier.simulator.wires.gemini import GeminiWire
from ranvier.simulator.wires.reading import Sent, Unacceptable, bearer, invalid

VERSIONS = ("vertex-2023-10-16", "2026-10-21")
"""The values of `anthropic_version` that are accepted."""

_PROJECT = r"/projects/[a-z0-9:.-]+/locations/[a-z0-9-]+"
_GEMINI = re.compile(
    rf"/v1(?:beta1)?(?:{_PROJECT})?/publishers/google/models/([^/:]+):(generateContent|streamGenerateContent)"
)
_CLAUDE = re.compile(
    rf"/v1(?:beta1)?{_PROJECT}/publishers/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)"
)
_UNTIL = re.compile(r"until-(\d+)$")


class GeminiAtVertexWire(GeminiWire):
    """Gemini, with a token or a key; the ids of calls are rejected."""

    name = "vertex"
    suffix = ""
    place: ClassVar = _GEMINI

    def key(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers) or headers.get("x-goog-api-key")

    def checked_key(self, sent: Sent) -> str:
        if "/projects/" not in sent.path and "x-goog-api-key" in sent.headers:
            return sent.headers["x-goog-api-key"]
        return valid_token(sent)

    def read(self, sent: Sent) -> Ask:
        ask = super().read(sent)
        parts = [part for content in sent.body["contents"] for part in content["parts"]]
        calls = [part.get("functionCall") or part.get("functionResponse") or {} for part in parts]
        if any("id" in call for call in calls):
            raise invalid('Invalid JSON payload received. Unknown name "id": Cannot find field.')
        return ask


class ClaudeAtVertexWire(AnthropicWire):
    """Claude: the model is in the path, the version in the body, and marks for the cache are on blocks."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def read(self, sent: Sent) -> Ask:
        place = _CLAUDE.fullmatch(sent.path)
        if place is None:
            raise Unacceptable(404, "not_found")
        key, body = valid_token(sent), sent.body
        if not isinstance(body, dict) or body.get("anthropic_version") not in VERSIONS:
            raise invalid("anthropic_version: Field required")
        for name in ("model", "cache_control"):
            if name in body:
                raise invalid(f"{name}: Extra inputs are not permitted")
        if bool(body.get("stream")) is not (place[2] == "streamRawPredict"):
            raise invalid("stream: does not match the method")
        rest = {name: value for name, value in body.items() if name != "anthropic_version"}
        return self.ask(sent, key, {**rest, "model": place[1]})

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> dict[str, Any]:
        """Anthropic's error; that of a token is Google's, who checks it."""
        if (status, reason) == (401, "auth"):
            return {"error": {"code": status, "message": row["message"], "status": "UNAUTHENTICATED"}}
        return super().error(status, reason, row, wait)


def valid_token(sent: Sent) -> str:
    """The token of a request; raises `Unacceptable` if there is none, or if it has expired."""
    token = bearer(sent.headers)
    until = None if token is None else _UNTIL.search(token)
    if token is None or (until is not None and time.time() >= int(until[1])):
        raise Unacceptable(401, "auth", message=_REJECTED)
    return token


_REJECTED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
