"""Kimi, with Moonshot's API: it shows its reasoning, and requires it in later requests."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from typing import ClassVar

from ranvier.simulator.dialogue import Answer, Ask, ToolUse
from ranvier.simulator.wires.chat import ChatWire, Json
from ranvier.simulator.wires.reading import Sent, Unacceptable, invalid, text_of
from ranvier.simulator.wires.rules.conversation import check_results, check_roles
from ranvier.simulator.wires.rules.media import check_only

_FIXED = ("top_p", "n", "presence_penalty", "frequency_penalty")
"""Settings that are fixed for every kimi-* model, besides the temperature."""

_THINKERS = ("kimi-k3", "kimi-k2.7", "kimi-k2-thinking")
"""Models that cannot stop thinking."""


def _error(kind: str, message: str) -> dict[str, str]:
    return {"message": message, "type": kind}


def _invalid(message: str) -> dict[str, str]:
    return _error("invalid_request_error", message)


class KimiWire(ChatWire):
    """The usage is in the choice of the last chunk; a call's id is made from the tool's name."""

    name = "kimi"
    suffix = "/v1"
    wait_suffix = ", please try again after {wait:g} seconds"
    refusals: ClassVar = {
        (400, "invalid_request"): _invalid("Invalid request: the messages are not valid"),
        (400, "context_length"): _invalid(
            "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)"
        ),
        (400, "unsupported_parameter"): _invalid("invalid temperature: only 1 is allowed for this model"),
        (400, "stream_refused"): _invalid("stream is not supported for this model"),
        (400, "content_filter"): _error(
            "content_filter", "The request was rejected because it was considered high risk"
        ),
        (401, "auth"): _error("incorrect_api_key_error", "Incorrect API key provided"),
        (402, "quota_exhausted"): _error(
            "exceeded_current_quota_error",
            "Your account org-simulated is suspended, please check your plan and billing details",
        ),
        (403, "permission"): _error("permission_denied_error", "Permission denied"),
        (403, "quota_exhausted"): _error(
            "exceeded_current_quota_error",
            "Your account org-simulated is not active, organization exceeded current quota, please check "
            "your plan and billing details",
        ),
        (404, "model_not_found"): _error(
            "resource_not_found_error", "Not found the model {model} or Permission denied"
        ),
        (404, "not_found"): _error("resource_not_found_error", "The requested resource was not found"),
        (408, "timeout"): _error("timeout_error", "Request timed out"),
        (413, "too_large"): _invalid("Request body too large"),
        (429, "rate_limit"): _error(
            "rate_limit_reached_error",
            "Your account org-simulated<ak-simulated> request reached organization max RPM: 20",
        ),
        (429, "quota_exhausted"): _error(
            "exceeded_current_quota_error",
            "You exceeded your current token quota, please check your account balance",
        ),
        (429, "overloaded"): _error(
            "engine_overloaded_error", "The engine is currently overloaded, please try again later"
        ),
        (500, "server_error"): _error("server_error", "Internal server error"),
        (503, "overloaded"): _error(
            "engine_overloaded_error", "The engine is currently overloaded, please try again later"
        ),
        (504, "timeout"): _error("server_error", "Gateway timeout"),
    }

    def without_key(self) -> Unacceptable:
        return Unacceptable(
            401, "auth", message="Invalid Authentication", type="invalid_authentication_error"
        )

    def says_wait_in_header(self, status: int, reason: str | None) -> bool:
        return self._row(status, reason)[0] != (429, "rate_limit")

    def thinks(self, model: str, body: Json) -> bool:
        return model.startswith("kimi") and (body.get("thinking") or {}).get("type") != "disabled"

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        if (body.get("thinking") or {}).get("type") == "disabled" and model.startswith(_THINKERS):
            raise invalid("invalid thinking: only type=enabled is allowed for this model")
        check_roles(messages, ("system", "user", "assistant", "tool"))
        check_results(messages, "Invalid request: ")
        if model.startswith("kimi"):
            _check_settings(body, thinks=self.thinks(model, body))
        for position, message in enumerate(messages):
            _check_message(position, message, thinks=self.thinks(model, body))

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        finish = {**self.finish(answer), "usage": self.usage(answer)}
        return self.chunk(answer, {}, finish) + b"data: [DONE]\n\n"

    def call_id(self, answer: Answer, index: int, use: ToolUse) -> str:
        return f"{use.name}:{index}"

    def usage(self, answer: Answer) -> Json:
        usage = super().usage(answer)
        return {
            **{name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
            "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
            "cached_tokens": 0,
        }


def _check_settings(body: Json, *, thinks: bool) -> None:
    allowed = 1 if thinks else 0.6
    if body.get("temperature", allowed) != allowed:
        raise invalid(f"invalid temperature: only {allowed} is allowed for this model")
    for name in _FIXED:
        if body.get(name) is not None:
            raise invalid(f"invalid {name}: it is fixed for this model")
    if thinks and (body.get("tool_choice") or "auto") not in ("auto", "none"):
        raise invalid("tool_choice 'required' is incompatible with thinking enabled")


def _check_message(position: int, message: Json, *, thinks: bool) -> None:
    calls, content = message.get("tool_calls"), message.get("content")
    check_only(("text", "image_url", "video_url"), message)
    if message["role"] == "assistant" and not calls and not text_of(content):
        raise invalid(
            f"Invalid request: the message at position {position} with role 'assistant' must not be empty"
        )
    if calls and thinks and not message.get("reasoning_content"):
        raise invalid(
            "thinking is enabled but reasoning_content is missing in assistant tool call message at index "
            f"{position}"
        )
    for part in content if isinstance(content, list) else ():
        address = (part.get("image_url") or {}).get("url", "data:")
        if not address.startswith(("data:", "ms://")):
            raise invalid(f"Invalid request: unsupported image url: {address}")
