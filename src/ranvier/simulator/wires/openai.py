"""OpenAI's chat completions: `POST {base}/chat/completions`, where the base ends in `/v1`."""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask, Tool
from ranvier.simulator.wires.reading import (
    Unacceptable,
    bearer,
    last_words,
    length_of,
    messages_of,
    model_of,
)
from ranvier.simulator.wires.wire import Wire, encode


def _error(
    message: str, code: str | None, kind: str = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": param, "code": code}


class OpenAIWire(Wire):
    """Unnamed events, each a chunk of choices, then `[DONE]`; a refusal's row is its error object."""

    name = "openai"
    suffix = "/v1"
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

    def key(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def read(self, provider: str, path: str, headers: Mapping[str, str], body: Any) -> Ask:
        if path != f"{self.suffix}/chat/completions":
            raise Unacceptable(404, "not_found")
        key = self.key(headers)
        if key is None:
            raise Unacceptable(401, "auth")
        messages, model = messages_of(body), model_of(body)
        choice = body.get("tool_choice")
        must_call = choice["function"]["name"] if isinstance(choice, dict) else {"required": ""}.get(choice)
        tools = () if choice == "none" else body.get("tools") or ()
        return Ask(
            provider,
            key,
            model,
            streaming=body.get("stream") is True,
            prompt=last_words(messages),
            input_tokens=length_of(messages),
            limit=body.get("max_completion_tokens") or body.get("max_tokens"),
            tools=tuple(_tool(tool["function"]) for tool in tools),
            must_call=must_call,
            answers_tool=messages[-1].get("role") == "tool",
            reports_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        )

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [
            ("x-request-id", f"req_{unique}"),
            ("openai-processing-ms", "23"),
            ("openai-version", "2020-10-01"),
            ("server", "cloudflare"),
        ]

    def whole(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(answer.text) if answer.text or not answer.tools else None,
            "refusal": None,
        }
        if answer.reasoning:
            message["reasoning_content"] = "".join(answer.reasoning)
        if answer.tools:
            message["tool_calls"] = [_call(use.id, use.name, encode(use.arguments)) for use in answer.tools]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
        return {**_head(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return _chunk(answer, {"role": "assistant", "content": "", "refusal": None})

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"reasoning_content": token} for token in answer.reasoning]
        deltas += [{"content": token} for token in answer.text]
        for index, use in enumerate(answer.tools):
            arguments = encode(use.arguments)
            deltas.append({"tool_calls": [{"index": index, **_call(use.id, use.name, "")}]})
            for piece in (arguments[:5], arguments[5:]):
                deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        return [_chunk(answer, delta) for delta in deltas]

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        end = _chunk(answer, {}, answer.finish)
        if ask.reports_usage:
            usage = {**_head(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)}
            end += f"data: {encode(usage)}\n\n".encode()
        return end + b"data: [DONE]\n\n"

    def error(self, reason: str, row: Any, ask: Ask, wait: float | None) -> dict[str, Any]:
        message = row["message"].format(model=ask.model, key=_masked(ask.key or ""))
        if wait is not None and reason == "rate_limit":
            message += f" Please try again in {wait:g}s."
        return {"error": {**row, "message": message}}

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        if status != 429 or wait is None:
            return []
        return [
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{wait:g}s"),
        ]


def _head(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer.id}", "object": kind, "created": answer.created, "model": answer.model}


def _chunk(answer: Answer, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {**_head(answer, "chat.completion.chunk"), "choices": [choice], "usage": None}
    return f"data: {encode(chunk)}\n\n".encode()


def _call(unique: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{unique}", "type": "function", "function": function}


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning), "audio_tokens": 0},
    }


def _tool(function: dict[str, Any]) -> Tool:
    return Tool(function["name"], function.get("parameters", {}))


def _masked(key: str) -> str:
    """A key as OpenAI quotes it: its ends, and stars between them."""
    return f"{key[:4]}{'*' * 8}{key[-4:]}" if len(key) > 8 else "*" * len(key)
