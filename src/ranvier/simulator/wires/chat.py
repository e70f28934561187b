"""Chat completions: `POST {base}/chat/completions`, the API of OpenAI and of many others.

Each provider that speaks it is a subclass of `ChatWire` with its own error bodies and differences.
"""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask, Tool, ToolUse
from ranvier.simulator.wires.reading import (
    Sent,
    Unacceptable,
    bearer,
    last_words,
    length_of,
    messages_of,
    model_of,
    schema_in_messages,
)
from ranvier.simulator.wires.wire import Wire, encode

Json = dict[str, Any]


class ChatWire(Wire):
    """Unnamed events, each a chunk of choices, then `[DONE]`; the rows of `refusals` are error objects.

    Attributes:
        finish_reasons: The provider's finish reasons that differ from OpenAI's.
        whole_tool_calls: True if a stream sends each tool call in one piece.
        choice_fields: Constant further fields of a choice.
        wait_suffix: The end of a rate limit's message, which has the seconds to wait.
    """

    finish_reasons: ClassVar[Mapping[str, str]] = {}
    whole_tool_calls: ClassVar[bool] = False
    choice_fields: ClassVar[Mapping[str, Any]] = {}
    wait_suffix: ClassVar[str] = ""

    # --- requests --------------------------------------------------------------------------------

    def key(self, headers: Mapping[str, str]) -> str | None:
        return bearer(headers)

    def read(self, sent: Sent) -> Ask:
        if sent.path != f"{self.suffix}/chat/completions":
            raise Unacceptable(404, "not_found")
        key = self.key(sent.headers)
        if key is None and self.needs_key(sent):
            raise self.without_key()
        body = sent.body
        messages, model = messages_of(body), model_of(body)
        self.check(sent, body, model, messages)
        choice = body.get("tool_choice")
        must_call = choice["function"]["name"] if isinstance(choice, dict) else {"required": ""}.get(choice)
        tools = () if choice == "none" else body.get("tools") or ()
        return Ask(
            sent.provider,
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
            thinks=self.thinks(model, body),
            schema=_schema(body, messages),
        )

    def needs_key(self, sent: Sent) -> bool:
        """False if the request is answered without a key."""
        return True

    def without_key(self) -> Unacceptable:
        """The rejection of a request without a key."""
        return Unacceptable(401, "auth")

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        """Raise `Unacceptable` if this provider would reject the request."""

    def thinks(self, model: str, body: Json) -> bool:
        """True if the model shows its reasoning for this request."""
        return False

    # --- answers ---------------------------------------------------------------------------------

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-request-id", f"req_{unique}"), ("server", "cloudflare")]

    def whole(self, answer: Answer) -> Json:
        message: Json = {
            "role": "assistant",
            "content": "".join(answer.text) if answer.text or not answer.tools else None,
            **self.thoughts(answer),
        }
        if answer.tools:
            message["tool_calls"] = [self._call(answer, *each) for each in enumerate(answer.tools)]
        choice = {"index": 0, "message": message, **self.choice_fields, **self.finish(answer)}
        return {**self.head(answer, "chat.completion"), "choices": [choice], "usage": self.usage(answer)}

    def opening(self, answer: Answer, ask: Ask) -> bytes:
        return self.chunk(answer, {"role": "assistant", "content": ""})

    def tokens(self, answer: Answer, ask: Ask) -> list[bytes]:
        deltas = [self.thought(token) for token in answer.reasoning]
        deltas += [{"content": token} for token in answer.text]
        for index, use in enumerate(answer.tools):
            deltas += [{"tool_calls": [piece]} for piece in self._pieces(answer, index, use)]
        return [self.chunk(answer, delta) for delta in deltas]

    def closing(self, answer: Answer, ask: Ask) -> bytes:
        """The last chunk and `[DONE]`; like most providers, with the usage beside the finish reason."""
        ending = {"role": "assistant", "content": ""}
        return self.chunk(answer, ending, self.finish(answer), usage=self.usage(answer)) + b"data: [DONE]\n\n"

    def stopping(self) -> bytes:
        return event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    # --- differences between providers -----------------------------------------------------------

    def head(self, answer: Answer, kind: str) -> Json:
        """The first fields of every answer and every chunk."""
        return {
            "id": f"chatcmpl-{answer.id}",
            "object": kind,
            "created": answer.created,
            "model": answer.model,
        }

    def chunk(self, answer: Answer, delta: Json, finish: Json | None = None, **more: Any) -> bytes:
        """One event of a stream."""
        choice = {"index": 0, "delta": delta, **self.choice_fields, **(finish or {"finish_reason": None})}
        return event({**self.head(answer, "chat.completion.chunk"), "choices": [choice], **more})

    def finish(self, answer: Answer) -> Json:
        """The finish reason, as fields of the choice."""
        return {"finish_reason": self.finish_reasons.get(answer.finish, answer.finish)}

    def thought(self, token: str) -> Json:
        """A piece of reasoning, as fields of a delta."""
        return {"reasoning_content": token}

    def thoughts(self, answer: Answer) -> Json:
        """The whole reasoning, as fields of a message."""
        return {"reasoning_content": "".join(answer.reasoning)} if answer.reasoning else {}

    def call_id(self, answer: Answer, index: int, use: ToolUse) -> str:
        """The id of a tool call."""
        return f"call_{use.id}"

    def usage(self, answer: Answer) -> Json:
        """The usage of the answer."""
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        }

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> Json:
        suffix = self.wait_suffix.format(wait=wait) if wait is not None and reason == "rate_limit" else ""
        return {"error": {**row, "message": row["message"] + suffix}}

    # --- tool calls ------------------------------------------------------------------------------

    def _call(self, answer: Answer, index: int, use: ToolUse, arguments: str | None = None) -> Json:
        encoded = encode(use.arguments) if arguments is None else arguments
        function = {"name": use.name, "arguments": encoded}
        return {"id": self.call_id(answer, index, use), "type": "function", "function": function}

    def _pieces(self, answer: Answer, index: int, use: ToolUse) -> list[Json]:
        if self.whole_tool_calls:
            return [{"index": index, **self._call(answer, index, use)}]
        arguments = encode(use.arguments)
        begun = {"index": index, **self._call(answer, index, use, "")}
        rest = [
            {"index": index, "function": {"arguments": piece}} for piece in (arguments[:5], arguments[5:])
        ]
        return [begun, *rest]


def event(body: Json) -> bytes:
    """`body` as an unnamed event."""
    return f"data: {encode(body)}\n\n".encode()


def _tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("parameters") or {})


def _schema(body: Json, messages: list[Json]) -> Mapping[str, Any] | None:
    requested = body.get("response_format") or {}
    if requested.get("type") == "json_schema":
        schema: Mapping[str, Any] = requested["json_schema"]["schema"]
        return schema
    # `json_object` promises JSON only, so clients write the schema into the prompt.
    return schema_in_messages(messages) if requested.get("type") == "json_object" else None
