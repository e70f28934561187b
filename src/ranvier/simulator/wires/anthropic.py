"""Anthropic's Messages API: `POST {base}/v1/messages`."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask, Tool
from ranvier.simulator.wires.opaque import signature_of
from ranvier.simulator.wires.reading import (
    Sent,
    Unacceptable,
    bearer,
    invalid,
    last_words,
    length_of,
    messages_of,
    model_of,
)
from ranvier.simulator.wires.rules.anthropic import check
from ranvier.simulator.wires.wire import Wire, encode

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}

_SERVED = {
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "service_tier": "standard",
}
"""Fields of the usage beside the token counts, except at the end of a stream."""


def _error(kind: str, message: str, code: str | None = None) -> dict[str, Any]:
    error = {"type": kind, "message": message}
    return {**error, "details": {"error_code": code}} if code else error


def _invalid(message: str) -> dict[str, Any]:
    return _error("invalid_request_error", message)


class AnthropicWire(Wire):
    """Named events, content blocks, and typed error objects, which are the rows of `refusals`."""

    name = "anthropic"
    refusals: ClassVar = {
        (400, "invalid_request"): _invalid("messages: at least one message is required"),
        (400, "context_length"): _invalid("prompt is too long: 213423 tokens > 200000 maximum"),
        (400, "unsupported_parameter"): _invalid("`temperature` is deprecated for this model."),
        (400, "stream_refused"): _invalid("stream: streaming is not supported for this model"),
        (400, "content_filter"): _invalid("Output blocked by content filtering policy"),
        (400, "quota_exhausted"): _invalid("Your credit balance is too low to access the Anthropic API."),
        (401, "auth"): _error("authentication_error", "invalid x-api-key"),
        (402, "quota_exhausted"): _error("billing_error", "There is an issue with your billing."),
        (403, "permission"): _error("permission_error", "Your API key cannot use the specified resource."),
        (404, "model_not_found"): _error("not_found_error", "model: {model}"),
        (404, "not_found"): _error("not_found_error", "Not Found"),
        (408, "timeout"): _error("timeout_error", "Request timed out"),
        (413, "too_large"): _error("request_too_large", "Request exceeds the maximum size"),
        (429, "rate_limit"): _error("rate_limit_error", "This request would exceed your rate limit."),
        (429, "quota_exhausted"): _error(
            "rate_limit_error",
            "You have reached your specified API usage limits.",
            "enforced_spend_limit_reached",
        ),
        (500, "server_error"): _error("api_error", "Internal server error"),
        (503, "overloaded"): _error("overloaded_error", "Overloaded"),
        (504, "timeout"): _error("timeout_error", "Request timed out"),
        (529, "overloaded"): _error("overloaded_error", "Overloaded"),
    }

    def key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("x-api-key") or bearer(headers)

    def read(self, sent: Sent) -> Ask:
        if sent.path != "/v1/messages":
            raise Unacceptable(404, "not_found")
        key = self.key(sent.headers)
        if key is None:
            raise Unacceptable(401, "auth", message="x-api-key header is required")
        body = sent.body
        messages, model = messages_of(body), model_of(body)
        if "anthropic-version" not in sent.headers:
            raise invalid("anthropic-version: header is required")
        check(body, "" if sent.provider.startswith(f"{self.name}-") else model, messages)
        choice = body.get("tool_choice") or {}
        must_call = {"any": "", "tool": choice.get("name", "")}.get(choice.get("type", ""))
        tools = () if choice.get("type") == "none" else body.get("tools") or ()
        return Ask(
            sent.provider,
            key,
            model,
            streaming=body.get("stream") is True,
            prompt=last_words(messages),
            input_tokens=length_of(messages),
            limit=body["max_tokens"],
            tools=tuple(Tool(tool["name"], tool.get("input_schema", {})) for tool in tools),
            must_call=must_call,
            answers_tool=_ends_in_result(messages),
            thinks=_shows_thoughts(body.get("thinking") or {}),
            schema=((body.get("output_config") or {}).get("format") or {}).get("schema"),
        )

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [
            ("request-id", f"req_011{unique}"),
            ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
            ("server", "cloudflare"),
        ]

    def whole(self, answer: Answer) -> dict[str, Any]:
        return {
            **self._message(answer),
            "content": [{**block, **content} for block, content, _ in _blocks(answer)],
            "stop_reason": _STOP_REASONS[answer.finish],
            "usage": {**_usage(answer, answer.output_tokens), **_SERVED},
        }

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        message = {**self._message(answer), "usage": {**_usage(answer, 1), **_SERVED}}
        return _event("message_start", message=message) + self.ping()

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        pieces: list[bytes] = []
        for index, (block, _, deltas) in enumerate(_blocks(answer)):
            events = [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
            # A block starts with its first token and stops with its last, so that a cut after a token
            # is a cut between two events.
            events[0] = _event("content_block_start", index=index, content_block=block) + events[0]
            events[-1] += _event("content_block_stop", index=index)
            pieces += events
        return pieces

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        delta = {"stop_reason": _STOP_REASONS[answer.finish], "stop_sequence": None}
        usage = _usage(answer, answer.output_tokens)
        return _event("message_delta", delta=delta, usage=usage) + _event("message_stop")

    def stopping(self) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return _event("message_delta", delta=delta, usage={"output_tokens": 1})

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> dict[str, Any]:
        return {"type": "error", "error": row}

    def refusal_headers(self, status: int, reason: str | None, wait: float | None) -> list[tuple[str, str]]:
        temporary = status >= 500 or status in (408, 409) or (status == 429 and reason != "quota_exhausted")
        return [("x-should-retry", "true" if temporary else "false")]

    def signed(self, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        return {**body, "request_id": headers["request-id"]}

    def error_event(self, body: dict[str, Any], headers: Mapping[str, str]) -> bytes:
        return f"event: error\ndata: {encode(body)}\n\n".encode()

    def ping(self) -> bytes:
        return b'event: ping\ndata: {"type": "ping"}\n\n'

    def _message(self, answer: Answer) -> dict[str, Any]:
        return {
            "id": f"msg_01{answer.id}",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]]:
    """Each content block: its fields at the start, its final fields, and its deltas."""
    if answer.reasoning:
        thoughts = [{"type": "thinking_delta", "thinking": token} for token in answer.reasoning]
        signature = signature_of(answer)
        held = {"thinking": "".join(answer.reasoning), "signature": signature}
        signed = {"type": "signature_delta", "signature": signature}
        yield {"type": "thinking", "thinking": "", "signature": ""}, held, [*thoughts, signed]
    if answer.text:
        deltas = [{"type": "text_delta", "text": token} for token in answer.text]
        yield {"type": "text", "text": ""}, {"text": "".join(answer.text)}, deltas
    for use in answer.tools:
        arguments = encode(use.arguments) if use.arguments else ""
        pieces = ("", arguments[:5], arguments[5:]) if arguments else ("",)
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        block = {"type": "tool_use", "id": f"toolu_01{use.id}", "name": use.name, "input": {}}
        yield block, {"input": use.arguments}, deltas


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {encode({'type': kind, **fields})}\n\n".encode()


def _usage(answer: Answer, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": answer.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


def _ends_in_result(messages: list[dict[str, Any]]) -> bool:
    content = messages[-1].get("content")
    return isinstance(content, list) and any(part.get("type") == "tool_result" for part in content)


def _shows_thoughts(thinking: dict[str, Any]) -> bool:
    """True if thinking is enabled and its display is not omitted."""
    return thinking.get("type") in ("enabled", "adaptive") and thinking.get("display") != "omitted"
