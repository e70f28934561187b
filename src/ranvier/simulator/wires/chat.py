"""Chat completions: `POST {base}/chat/completions`, the dialect of OpenAI and of many others.

Each provider that speaks it is a `ChatWire` with its own refusals and small habits; what is the same
everywhere is written here once.
"""

# ruff: noqa: D102  # because: what an overriding method does is said where it is declared

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ranvier.simulator.dialogue import Answer, Ask, Tool, ToolUse
from ranvier.simulator.wires.reading import (
    Sent,
    Unacceptable,
    bearer,
    form_in_words,
    last_words,
    length_of,
    messages_of,
    model_of,
)
from ranvier.simulator.wires.wire import Wire, encode

Json = dict[str, Any]


class ChatWire(Wire):
    """Unnamed events, each a chunk of choices, then `[DONE]`; a refusal's row is its error object.

    Attributes:
        words_of_finish: Its own words for why an answer ends, where they differ from OpenAI's.
        calls_at_once: A call of a tool comes in one piece, as it does from some.
        beside: What else a choice has, always the same.
        wait_words: How the message of a rate limit ends that says how long to wait.
    """

    words_of_finish: ClassVar[Mapping[str, str]] = {}
    calls_at_once: ClassVar[bool] = False
    beside: ClassVar[Mapping[str, Any]] = {}
    wait_words: ClassVar[str] = ""

    # --- what is asked ---------------------------------------------------------------------------

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
            form=_form(body, messages),
        )

    def needs_key(self, sent: Sent) -> bool:
        """False where the request is answered without a key."""
        return True

    def without_key(self) -> Unacceptable:
        """The verdict on a request without a key."""
        return Unacceptable(401, "auth")

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        """Raise `Unacceptable` where this provider refuses what others may take."""

    def thinks(self, model: str, body: Json) -> bool:
        """True where the model shows its reasoning for such a request."""
        return False

    # --- what is answered ------------------------------------------------------------------------

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
        choice = {"index": 0, "message": message, **self.beside, **self.finish(answer)}
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
        """As most do it: the usage rides on the chunk with the finish reason."""
        ending = {"role": "assistant", "content": ""}
        return self.chunk(answer, ending, self.finish(answer), usage=self.usage(answer)) + b"data: [DONE]\n\n"

    def stopping(self) -> bytes:
        return event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    # --- the habits of each ----------------------------------------------------------------------

    def head(self, answer: Answer, kind: str) -> Json:
        """What every answer and every chunk begins with."""
        return {
            "id": f"chatcmpl-{answer.id}",
            "object": kind,
            "created": answer.created,
            "model": answer.model,
        }

    def chunk(self, answer: Answer, delta: Json, finish: Json | None = None, **more: Any) -> bytes:
        """One event of a stream."""
        choice = {"index": 0, "delta": delta, **self.beside, **(finish or {"finish_reason": None})}
        return event({**self.head(answer, "chat.completion.chunk"), "choices": [choice], **more})

    def finish(self, answer: Answer) -> Json:
        """Why it ends, as fields of the choice."""
        return {"finish_reason": self.words_of_finish.get(answer.finish, answer.finish)}

    def thought(self, token: str) -> Json:
        """A piece of reasoning, as fields of a delta."""
        return {"reasoning_content": token}

    def thoughts(self, answer: Answer) -> Json:
        """All of the reasoning, as fields of a message."""
        return {"reasoning_content": "".join(answer.reasoning)} if answer.reasoning else {}

    def call_id(self, answer: Answer, index: int, use: ToolUse) -> str:
        """The id of a call."""
        return f"call_{use.id}"

    def usage(self, answer: Answer) -> Json:
        """What it has cost."""
        return {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
        }

    def error(self, status: int, reason: str, row: Any, wait: float | None) -> Json:
        words = self.wait_words.format(wait=wait) if wait is not None and reason == "rate_limit" else ""
        return {"error": {**row, "message": row["message"] + words}}

    # --- calls of tools --------------------------------------------------------------------------

    def _call(self, answer: Answer, index: int, use: ToolUse, arguments: str | None = None) -> Json:
        said = encode(use.arguments) if arguments is None else arguments
        function = {"name": use.name, "arguments": said}
        return {"id": self.call_id(answer, index, use), "type": "function", "function": function}

    def _pieces(self, answer: Answer, index: int, use: ToolUse) -> list[Json]:
        if self.calls_at_once:
            return [{"index": index, **self._call(answer, index, use)}]
        arguments = encode(use.arguments)
        begun = {"index": index, **self._call(answer, index, use, "")}
        rest = [
            {"index": index, "function": {"arguments": piece}} for piece in (arguments[:5], arguments[5:])
        ]
        return [begun, *rest]


def event(body: Json) -> bytes:
    """`body` as an event without a name."""
    return f"data: {encode(body)}\n\n".encode()


def _tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("parameters") or {})


def _form(body: Json, messages: list[Json]) -> Mapping[str, Any] | None:
    asked = body.get("response_format") or {}
    if asked.get("type") == "json_schema":
        schema: Mapping[str, Any] = asked["json_schema"]["schema"]
        return schema
    # Whoever is only promised JSON has to say in words which.
    return form_in_words(messages) if asked.get("type") == "json_object" else None
