"""Ollama's own chat API: `POST {base}/api/chat`, one JSON object per line."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask, Tool, ToolUse
from ranvier.simulator.wires.reading import (
    Sent,
    Unacceptable,
    bearer,
    invalid,
    last_words,
    length_of,
    messages_of,
    model_of,
    schema_in_messages,
)
from ranvier.simulator.wires.wire import Wire, encode

ROLES = ("system", "user", "assistant", "tool")
THOUGHTLESS = ("llama3", "gemma2", "gemma3", "mistral", "phi3")
"""Models for which thinking cannot be enabled."""


class OllamaWire(Wire):
    """Lines instead of events, and error messages as plain strings, which are the rows of `refusals`."""

    name = "ollama"
    stream_type = "application/x-ndjson"
    frame_end = b"\n"
    edge = frozenset()
    refusals: ClassVar = {
        (400, "invalid_request"): "invalid request",
        (400, "context_length"): "prompt too long; exceeded max context length by 1119 tokens",
        (400, "unsupported_parameter"): '"{model}" does not support thinking',
        (400, "stream_refused"): '"{model}" does not support streaming',
        (401, "auth"): "unauthorized",
        (
            403,
            "permission",
        ): "this model requires a subscription, upgrade for access: https://ollama.com/upgrade",
        (404, "model_not_found"): "model '{model}' not found",
        (404, "not_found"): "404 page not found",
        (408, "timeout"): "request timed out",
        (413, "too_large"): "http: request body too large",
        (429, "rate_limit"): "too many requests",
        (429, "quota_exhausted"): "you have reached your weekly usage limit, please upgrade to continue",
        (402, "quota_exhausted"): "payment required: add credit at https://ollama.com/settings",
        (500, "server_error"): (
            "model runner has unexpectedly stopped, this may be due to resource limitations "
            "or an internal error, check ollama server logs for details"
        ),
        (502, "server_error"): "upstream error",
        (503, "overloaded"): "server busy, please try again.  maximum pending requests exceeded",
        (504, "timeout"): "upstream timed out",
    }

    def key(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def read(self, sent: Sent) -> Ask:
        if sent.path != "/api/chat":
            raise Unacceptable(404, "not_found")
        body = sent.body
        messages, model = messages_of(body), model_of(body)
        _check(body, model, messages)
        limit = (body.get("options") or {}).get("num_predict")
        return Ask(
            sent.provider,
            self.key(sent.headers),
            model,
            streaming=body.get("stream") is not False,
            prompt=last_words(messages),
            input_tokens=length_of(messages),
            limit=limit if limit is not None and limit >= 0 else None,
            tools=tuple(_tool(tool["function"]) for tool in body.get("tools") or ()),
            answers_tool=messages[-1].get("role") == "tool",
            thinks=bool(body.get("think")),
            schema=_schema(body, messages),
        )

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-request-id", unique)]

    def whole(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(answer.text)}
        if answer.reasoning:
            message["thinking"] = "".join(answer.reasoning)
        if answer.tools:
            message["tool_calls"] = [_call(index, use) for index, use in enumerate(answer.tools)]
        return _end(answer, message)

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return b""

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        messages: list[dict[str, Any]] = [{"content": "", "thinking": token} for token in answer.reasoning]
        messages += [{"content": token} for token in answer.text]
        messages += [{"content": "", "tool_calls": [_call(*one)]} for one in enumerate(answer.tools)]
        return [_line(_part(answer, {"role": "assistant", **message}, done=False)) for message in messages]

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        return _line(_end(answer, {"role": "assistant", "content": ""}))

    def stopping(self) -> bytes:
        return _line({"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"})

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> dict[str, Any]:
        return {"error": row}

    def error_event(self, body: dict[str, Any], headers: Mapping[str, str]) -> bytes:
        return _line(body)

    def ping(self) -> bytes:
        return b"\n"

    def noise(self) -> bytes:
        return b"<keep-alive>\n"


def _line(body: dict[str, Any]) -> bytes:
    return encode(body).encode() + b"\n"


def _part(answer: Answer, message: dict[str, Any], *, done: bool) -> dict[str, Any]:
    created = datetime.datetime.fromtimestamp(answer.created, datetime.UTC)
    return {
        "model": answer.model,
        "created_at": f"{created:%Y-%m-%dT%H:%M:%S}.1Z",
        "message": message,
        "done": done,
    }


def _end(answer: Answer, message: dict[str, Any]) -> dict[str, Any]:
    return {
        **_part(answer, message, done=True),
        # Ollama has no finish reason of its own for a tool call.
        "done_reason": "length" if answer.finish == "length" else "stop",
        "total_duration": 5_000_000 * (1 + answer.output_tokens),
        "load_duration": 1_000_000,
        "prompt_eval_count": answer.input_tokens,
        "prompt_eval_duration": 1_000_000,
        "eval_count": answer.output_tokens,
        "eval_duration": 5_000_000 * answer.output_tokens,
    }


def _call(index: int, use: ToolUse) -> dict[str, Any]:
    return {
        "id": f"call_{use.id}",
        "function": {"index": index, "name": use.name, "arguments": use.arguments},
    }


def _tool(function: dict[str, Any]) -> Tool:
    return Tool(function["name"], function.get("parameters", {}))


def _check(body: dict[str, Any], model: str, messages: list[dict[str, Any]]) -> None:
    """Raise `Unacceptable` if Ollama would reject the request, which is rare."""
    for message in messages:
        if message.get("role") not in ROLES:
            known = ", ".join(f'"{role}"' for role in ROLES)
            raise invalid(f'invalid role: "{message.get("role")}", role must be one of [{known}]')
        if not isinstance(message.get("content", ""), str):
            words = "cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
            raise invalid(f"json: {words}")
        for call in message.get("tool_calls") or ():
            if not isinstance(call["function"]["arguments"], dict):
                raise invalid(
                    "json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls."
                    "function.arguments of type api.ToolCallFunctionArguments"
                )
        for image in message.get("images") or ():
            if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", image):
                raise invalid("illegal base64 data at input byte 4")
    if body.get("think") and model.startswith(THOUGHTLESS):
        raise Unacceptable(400, "unsupported_parameter", message=f'"{model}" does not support thinking')


def _schema(body: dict[str, Any], messages: list[dict[str, Any]]) -> Mapping[str, Any] | None:
    requested: Mapping[str, Any] | str | None = body.get("format")
    return schema_in_messages(messages) if requested == "json" else requested or None  # type: ignore[return-value]
