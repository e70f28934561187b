"""Azure OpenAI: chat completions and Responses, on the paths of v1 and on the classic ones.

A classic path needs a version, and that of v1 takes none. A request has a key or a token, never both. A
token that says itself until when is valid until that time: `...until-1767225600`, in seconds since the epoch.
"""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qs

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.chat import event
from ranvier.simulator.wires.openai import OpenAIWire
from ranvier.simulator.wires.reading import Sent, Unacceptable, bearer
from ranvier.simulator.wires.responses import ResponsesWire

NAME = "azure"

_V1 = re.compile(r"/openai/v1/(chat/completions|responses)")
_CLASSIC = re.compile(r"/openai/(?:deployments/([^/]+)/(chat/completions)|(responses))")
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_UNTIL = re.compile(r"until-(\d+)$")

_FILTERED = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
_SAFE = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


class AzureWire(OpenAIWire):
    """Chat completions; a stream begins with the results of the content filter and without choices."""

    name = NAME
    suffix = ""
    refusals: ClassVar = {
        **OpenAIWire.refusals,
        (400, "content_filter"): {
            "message": _FILTERED,
            "type": None,
            "param": "prompt",
            "code": "content_filter",
        },
        (401, "auth"): {
            "code": "401",
            "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
            "provide a valid key for an active subscription and use a correct regional API endpoint for your "
            "resource.",
        },
        (404, "model_not_found"): {
            "code": "DeploymentNotFound",
            "message": "The API deployment for this resource does not exist. If you created the deployment "
            "within the last 5 minutes, please wait a moment and try again.",
        },
        (404, "not_found"): {"code": "404", "message": "Resource not found"},
    }

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("api-key") or bearer(headers)

    def read(self, sent: Sent) -> Ask:
        check_key(sent)
        return super().read(replace(sent, path=path_of(sent)))

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("apim-request-id", f"apim-{unique}"), *super().headers(unique)]

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        results = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        return event({**first, "prompt_filter_results": results}) + super().opening(answer, ask)


class ResponsesAtAzureWire(ResponsesWire):
    """The Responses API."""

    name = NAME
    refusals: ClassVar = AzureWire.refusals

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("api-key") or bearer(headers)

    def read(self, sent: Sent) -> Ask:
        check_key(sent)
        path_of(sent)
        return super().read(sent)


def check_key(sent: Sent) -> None:
    """Raise `Unacceptable` without a key or a valid token, or with both."""
    token, has_key = bearer(sent.headers), bool(sent.headers.get("api-key"))
    until = None if token is None else _UNTIL.search(token)
    expired = until is not None and time.time() >= int(until[1])
    if has_key == (token is not None) or expired:
        raise Unacceptable(401, "auth")


def path_of(sent: Sent) -> str:
    """The path behind the resource and the deployment; raises `Unacceptable` if there is no such resource."""
    version = parse_qs(sent.query).get("api-version", [""])[0]
    if (v1 := _V1.fullmatch(sent.path)) and version in ("", "preview", "latest"):
        return f"/{v1[1]}"
    classic = _CLASSIC.fullmatch(sent.path)
    if classic is None or v1 or not _DATED.fullmatch(version):
        raise Unacceptable(404, "not_found")
    model = sent.body.get("model") if isinstance(sent.body, dict) else None
    if classic[1] not in (None, model):
        raise Unacceptable(404, "model_not_found")
    return f"/{classic[2] or classic[3]}"
