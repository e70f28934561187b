"""OpenAI itself, and compatible servers: the base URL ends in `/v1`."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import math
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.chat import ChatWire, Json, event
from ranvier.simulator.wires.reading import Sent, Unacceptable
from ranvier.simulator.wires.rules.openai import check

_SERVED = {"service_tier": "default", "system_fingerprint": "fp_simulated"}


def _error(
    message: str, code: str | None, kind: str = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param, "code": code}


class OpenAIWire(ChatWire):
    """The usage of a stream comes in a chunk of its own, if requested.

    A provider with a suffix, such as `"openai-eu"`, is a compatible server: it has none of OpenAI's
    rules for its own models, and it answers without a key.
    """

    name = "openai"
    suffix = "/v1"
    choice_fields: ClassVar = {"logprobs": None}
    wait_suffix = " Please try again in {wait:g}s."
    refusals: ClassVar = {
        (400, "invalid_request"): _error("Invalid 'messages'.", "invalid_value", param="messages"),
        (400, "context_length"): _error(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "context_length_exceeded",
            param="messages",
        ),
        (400, "unsupported_parameter"): _error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
            param="max_tokens",
        ),
        (400, "stream_refused"): _error(
            "Your organization must be verified to stream this model. Please go to: "
            "https://platform.openai.com/settings/organization/general and click on Verify Organization.",
            "unsupported_value",
            param="stream",
        ),
        (400, "content_filter"): _error(
            "Your request was rejected as a result of our safety system.", "content_policy_violation"
        ),
        (401, "auth"): _error("Incorrect API key provided: {key}.", "invalid_api_key"),
        (402, "quota_exhausted"): _error(
            "Your credit balance is exhausted.", "credit_balance_exhausted", "insufficient_quota"
        ),
        (403, "permission"): _error("Project does not have access to model `{model}`.", "permission_denied"),
        (404, "model_not_found"): _error(
            "The model `{model}` does not exist or you do not have access to it.", "model_not_found"
        ),
        (404, "not_found"): _error("Invalid URL", None),
        (408, "timeout"): _error("Request timed out.", None, "timeout"),
        (413, "too_large"): _error("Request body is too large.", "request_too_large"),
        (429, "rate_limit"): _error(
            "Rate limit reached for {model} in organization org-simulated on requests per min (RPM): "
            "Limit 500, Used 500, Requested 1.",
            "rate_limit_exceeded",
            "requests",
        ),
        (429, "quota_exhausted"): _error(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        (500, "server_error"): _error("The server had an error. Sorry about that!", None, "server_error"),
        (503, "overloaded"): _error(
            "That model is currently overloaded with other requests. You can retry your request.",
            "server_is_overloaded",
            "server_error",
        ),
        (504, "timeout"): _error("Gateway timeout.", None, "server_error"),
    }

    def needs_key(self, sent: Sent) -> bool:
        return sent.provider == self.name

    def without_key(self) -> Unacceptable:
        return Unacceptable(
            401,
            "auth",
            message="You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            code=None,
        )

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        check(body, model if sent.provider == self.name else "", messages)

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [
            *super().headers(unique),
            ("openai-processing-ms", "23"),
            ("openai-version", "2020-10-01"),
        ]

    def limits(self, answer: Answer) -> list[tuple[str, str]]:
        return [
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", "9999"),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-tokens", str(max(2_000_000 - answer.input_tokens, 0))),
            ("x-ratelimit-reset-tokens", f"{math.ceil(answer.input_tokens * 0.03)}ms"),
        ]

    def whole(self, answer: Answer) -> Json:
        body = super().whole(answer)
        body["choices"][0]["message"].update(refusal=None, annotations=[])
        return {**body, **_SERVED}

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return self.chunk(answer, {"role": "assistant", "content": "", "refusal": None})

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        end = self.chunk(answer, {}, self.finish(answer))
        if ask.reports_usage:
            head = self.head(answer, "chat.completion.chunk")
            end += event({**head, **_SERVED, "choices": [], "usage": self.usage(answer)})
        return end + b"data: [DONE]\n\n"

    def chunk(self, answer: Answer, delta: Json, finish: Json | None = None, **more: Any) -> bytes:
        obfuscation = "x" * (16 - len(str(delta.get("content", ""))) % 16)
        return super().chunk(answer, delta, finish, **_SERVED, usage=None, obfuscation=obfuscation, **more)

    def usage(self, answer: Answer) -> Json:
        usage = super().usage(answer)
        usage["prompt_tokens_details"]["audio_tokens"] = 0
        none = ("audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens")
        usage["completion_tokens_details"].update(dict.fromkeys(none, 0))
        return usage

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        if status != 429 or wait is None:
            return []
        return [
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{wait:g}s"),
        ]
