"""OpenRouter: chat completions of other providers, with comments in the stream while it waits for them."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask
from ranvier.simulator.wires.chat import ChatWire, Json, event
from ranvier.simulator.wires.opaque import signature_of, signs
from ranvier.simulator.wires.reading import Sent, Unacceptable, invalid
from ranvier.simulator.wires.rules.conversation import check_results, check_roles
from ranvier.simulator.wires.rules.media import check_chat

_NATIVE = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

_THINKERS = ("claude-sonnet-5-5", "claude-opus-5-5", "gemini-3.6-flash", "glm-5.3", "kimi-k2.7")
"""Models that cannot stop thinking on OpenRouter's routes."""

_NO_PREFILL = {
    "raw": '{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support '
    'assistant message prefill. The conversation must end with a user message."}}',
    "provider_name": "Anthropic",
}
_UNSIGNED = {
    "raw": '{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid '
    '`signature` in `thinking` block"}}',
    "provider_name": "Anthropic",
}

_DETAIL = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}


def _error(message: str, **metadata: Any) -> dict[str, Any]:
    return {"message": message, **({"metadata": metadata} if metadata else {})}


def _upstream(raw: str) -> dict[str, Any]:
    return _error("Provider returned error", raw=raw, provider_name="Simulated")


class OpenRouterWire(ChatWire):
    """An error's code is its status; a failed stream ends with the finish reason `error`."""

    name = "openrouter"
    suffix = "/api/v1"
    choice_fields: ClassVar = {"logprobs": None}
    refusals: ClassVar = {
        (400, "invalid_request"): _error('Input required: specify "prompt" or "messages"'),
        (400, "context_length"): _error(
            "This endpoint's maximum context length is 200000 tokens. However, you requested about 269030 "
            "tokens. Please reduce the length of either one, or use the context-compression plugin to "
            "compress your prompt automatically.",
            error_type="context_length_exceeded",
        ),
        (400, "unsupported_parameter"): _upstream(
            '{"type":"error","error":{"type":"invalid_request_error",'
            '"message":"`temperature` is deprecated for this model."}}'
        ),
        (400, "stream_refused"): _upstream('{"error":{"message":"streaming is not supported"}}'),
        (400, "model_not_found"): _error("{model} is not a valid model ID"),
        (400, "content_filter"): _error("Provider returned error", error_type="content_policy_violation"),
        (401, "auth"): _error("User not found."),
        (402, "quota_exhausted"): _error(
            "Insufficient credits. Add more using https://openrouter.ai/settings/credits"
        ),
        (403, "permission"): _error("No allowed providers are available for the selected model."),
        (403, "content_filter"): _error(
            '{model} requires moderation on Simulated. Your input was flagged for "violence". '
            "No credits were charged.",
            reasons=["violence"],
            flagged_input="...",
            provider_name="Simulated",
        ),
        (404, "model_not_found"): _error("No endpoints found for {model}."),
        (404, "not_found"): _error("Not Found"),
        (408, "timeout"): _error("Request timed out"),
        (413, "too_large"): _error("Request Entity Too Large"),
        (429, "rate_limit"): _upstream(
            "{model} is temporarily rate-limited upstream. Please retry shortly, or add your own key to "
            "accumulate your rate limits: https://openrouter.ai/settings/integrations"
        ),
        (429, "quota_exhausted"): _error(
            "Rate limit exceeded: free-models-per-day. "
            "Add 10 credits to unlock 1000 free model requests per day",
            headers={
                "X-RateLimit-Limit": "50",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": "1777420800000",
            },
            provider_name=None,
        ),
        (500, "server_error"): _error("Internal Server Error"),
        (502, "server_error"): _upstream("upstream error"),
        (503, "overloaded"): _error("Provider overloaded", error_type="provider_overloaded"),
        (504, "timeout"): _error("Provider timed out", error_type="timeout"),
    }

    def without_key(self) -> Unacceptable:
        return Unacceptable(401, "auth", message="No auth credentials found")

    def thinks(self, model: str, body: Json) -> bool:
        reasoning = body.get("reasoning") or {}
        effort = reasoning.get("effort", body.get("reasoning_effort"))
        enabled = effort not in (None, "none") or reasoning.get("enabled") or reasoning.get("max_tokens")
        return bool(enabled) and not reasoning.get("exclude")

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        check_roles(messages, ("system", "developer", "user", "assistant", "tool"))
        check_results(messages, "")
        for position, message in enumerate(messages):
            check_chat(f"messages[{position}]", message, fetches=True)
        reasoning = body.get("reasoning") or {}
        if {"effort", "max_tokens"} <= reasoning.keys():
            raise invalid('Only one of "reasoning.effort" and "reasoning.max_tokens" can be specified')
        if reasoning.get("effort") == "none" and model.rsplit("/", 1)[-1].startswith(_THINKERS):
            raise invalid("Reasoning is mandatory for this endpoint and cannot be disabled")
        if messages[-1]["role"] == "assistant" and "claude" in model and "4.5" not in model:
            raise Unacceptable(400, "unsupported_parameter", metadata=_NO_PREFILL)
        for detail in (each for message in messages for each in message.get("reasoning_details") or ()):
            if "claude" in model and not signs(str(detail.get("signature")), detail.get("text") or ""):
                raise Unacceptable(400, "unsupported_parameter", metadata=_UNSIGNED)

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-generation-id", f"gen-{unique}"), ("server", "cloudflare")]

    def head(self, answer: Answer, kind: str) -> Json:
        return {**super().head(answer, kind), "id": f"gen-{answer.id}", "provider": "Simulated"}

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return self.ping() * 2 + super().opening(answer, ask)

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        """The last chunk is sent twice: first without the usage, then with it."""
        return self.chunk(
            answer, {"role": "assistant", "content": ""}, self.finish(answer)
        ) + super().closing(answer, ask)

    def finish(self, answer: Answer) -> Json:
        return {**super().finish(answer), "native_finish_reason": _NATIVE.get(answer.finish, answer.finish)}

    def thought(self, token: str) -> Json:
        detail = {**_DETAIL, "text": token}
        return {"role": "assistant", "content": "", "reasoning": token, "reasoning_details": [detail]}

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        pieces = super().tokens(answer, ask)
        if answer.reasoning and "claude" in answer.model:
            signed = {"content": "", "reasoning_details": [{**_DETAIL, "signature": signature_of(answer)}]}
            pieces.insert(len(answer.reasoning), self.chunk(answer, signed))
        return pieces

    def thoughts(self, answer: Answer) -> Json:
        if not answer.reasoning:
            return {"reasoning": None, "refusal": None}
        words = "".join(answer.reasoning)
        signature = {"signature": signature_of(answer)} if "claude" in answer.model else {}
        detail = {**_DETAIL, "text": words, **signature}
        return {"refusal": None, "reasoning": words, "reasoning_details": [detail]}

    def usage(self, answer: Answer) -> Json:
        read, written = 1e-6 * answer.input_tokens, 5e-6 * answer.output_tokens
        usage = super().usage(answer)
        usage["prompt_tokens_details"].update(cache_write_tokens=0, audio_tokens=0, video_tokens=0)
        usage["completion_tokens_details"].update(image_tokens=0, audio_tokens=0)
        costs = {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": read,
            "upstream_inference_completions_cost": written,
        }
        return {**usage, "cost": read + written, "cost_details": costs, "is_byok": False}

    def ping(self) -> bytes:
        return b": OPENROUTER PROCESSING\n\n"

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> Json:
        return {"error": {"code": status, **row}, "user_id": "user_simulated"}

    def error_event(self, body: Json, headers: Mapping[str, str]) -> bytes:
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
        head = {"id": headers["x-generation-id"], "object": "chat.completion.chunk", "provider": "Simulated"}
        return event({**head, "error": body["error"], "choices": [choice]}) + b"data: [DONE]\n\n"
