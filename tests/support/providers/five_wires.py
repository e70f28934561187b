"""Answers on each of the wires, built from the same few facts: whole, and as the bytes of a stream."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ranvier.providers import GLM, Anthropic, Gemini, Kimi, Ollama, OpenRouter
from support.providers.bedrock_apis import Converse, as_frames
from support.providers.openai_apis import Chat, Responses

Json = dict[str, Any]


class Wire(NamedTuple):
    """How one kind of provider answers.

    Attributes:
        kind: The adapter.
        whole: The body of an answer, given its words, its calls as (id, name, arguments) and its usage.
        pieces: The same as the objects of a stream.
        written: Those objects as the bytes of a stream.
        counts: Its usage object, given the tokens of the prompt and of the answer.
    """

    kind: Any
    whole: Callable[..., Json]
    pieces: Callable[..., list[Json]]
    written: Callable[[Iterable[Json]], bytes]
    counts: Callable[[Any, Any], Json]

    def stream(self, *given: Any, **more: Any) -> bytes:
        """The bytes of a streamed answer."""
        return self.written(self.pieces(*given, **more))


Calls = tuple[tuple[Any, Any, Any], ...]

NONE: Json = {}
"""No usage is reported."""


# --- chat completions ----------------------------------------------------------------------------


def _chat_calls(calls: Calls) -> list[Json]:
    return [
        {"index": index, "id": key, "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (key, name, arguments) in enumerate(calls)
    ]


def chat_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """A chat completion."""
    message = {"role": "assistant", "content": text, **({"tool_calls": _chat_calls(calls)} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice]}
    return body if usage is NONE else {**body, "usage": usage}


def chat_chunk(delta: Json, finish: str | None = None, **more: Any) -> Json:
    """A chunk of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}


def chat_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """The chunks of a completion."""
    told = {} if usage is NONE else {"usage": usage}
    chunks = [chat_chunk({"content": text}, **told)] if text else []
    chunks += [chat_chunk({"tool_calls": [call]}) for call in _chat_calls(calls)]
    return [*chunks, chat_chunk({}, "tool_calls" if calls else "stop", **told)]


def as_sse(pieces: Iterable[Json], *, end: bytes = b"") -> bytes:
    """Server-Sent Events, named by their type where they have one."""
    events = []
    for piece in pieces:
        name = f"event: {piece['type']}\n" if "type" in piece else ""
        events.append(f"{name}data: {json.dumps(piece)}\n\n".encode())
    return b"".join(events) + end


def as_chat(pieces: Iterable[Json]) -> bytes:
    """Server-Sent Events that end as those of chat completions do."""
    return as_sse(pieces, end=b"data: [DONE]\n\n")


# --- Anthropic -----------------------------------------------------------------------------------


def _blocks(text: str | None, calls: Calls) -> list[Json]:
    blocks: list[Json] = [{"type": "text", "text": text}] if text else []
    return blocks + [
        {"type": "tool_use", "id": key, "name": name, "input": arguments} for key, name, arguments in calls
    ]


def anthropic_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """A message."""
    body = {"type": "message", "id": "m1", "model": "m", "role": "assistant", "content": _blocks(text, calls)}
    body["stop_reason"] = "tool_use" if calls else "end_turn"
    return body if usage is NONE else {**body, "usage": usage}


def anthropic_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """The events of a message; arguments that are texts come in a delta."""
    told = {} if usage is NONE else {"usage": usage}
    events: list[Json] = [{"type": "message_start", "message": {"id": "m1", "model": "m", **told}}]
    for index, block in enumerate(_blocks(text, calls)):
        start, delta = dict(block), None
        if block["type"] == "text":
            start["text"], delta = "", {"type": "text_delta", "text": block["text"]}
        elif isinstance(block["input"], str):
            start["input"], delta = {}, {"type": "input_json_delta", "partial_json": block["input"]}
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        if delta:
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    reason = "tool_use" if calls else "end_turn"
    events.append({"type": "message_delta", "delta": {"stop_reason": reason}, **told})
    return [*events, {"type": "message_stop"}]


# --- Responses -----------------------------------------------------------------------------------


def _items(text: str | None, calls: Calls) -> list[Json]:
    items: list[Json] = [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": each}]}
        for each in ([text] if text else [])
    ]
    return items + [
        {"type": "function_call", "call_id": key, "name": name, "arguments": arguments}
        for key, name, arguments in calls
    ]


def responses_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """A response."""
    body = {"object": "response", "id": "r1", "model": "m", "status": "completed"}
    told = {} if usage is NONE else {"usage": usage}
    return {**body, "output": _items(text, calls), **told}


def responses_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """The events of a response, whose last one repeats nothing but its usage; arguments come in a delta."""
    begun = {"object": "response", "id": "r1", "model": "m", "status": "in_progress", "output": []}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(_items(text, calls)):
        place, delta = {"output_index": index}, "response.output_text.delta"
        empty, piece = {**item, "content": []}, text
        if item["type"] == "function_call":
            delta, empty, piece = "response.function_call_arguments.delta", {**item}, item["arguments"]
            empty["arguments"] = ""
        events.append({"type": "response.output_item.added", **place, "item": empty})
        events.append({"type": delta, **place, "delta": piece})
        events.append({"type": "response.output_item.done", **place, "item": item})
    told = {} if usage is NONE else {"usage": usage}
    return [*events, {"type": "response.completed", "response": {**begun, "status": "completed", **told}}]


# --- Converse ------------------------------------------------------------------------------------


def _converse_blocks(text: str | None, calls: Calls) -> list[Json]:
    blocks: list[Json] = [{"text": text}] if text else []
    return blocks + [
        {"toolUse": {"toolUseId": key, "name": name, "input": arguments}} for key, name, arguments in calls
    ]


def converse_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """An answer in one piece."""
    message = {"role": "assistant", "content": _converse_blocks(text, calls)}
    body = {"output": {"message": message}, "stopReason": "tool_use" if calls else "end_turn"}
    return body if usage is NONE else {**body, "usage": usage}


def converse_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """The events of an answer by their names; arguments that are no text are written as one."""
    events: list[Json] = [{"messageStart": {"role": "assistant"}}]
    for index, block in enumerate(_converse_blocks(text, calls)):
        place, delta = {"contentBlockIndex": index}, block
        if "toolUse" in block:
            start = {name: block["toolUse"][name] for name in ("toolUseId", "name")}
            events.append({"contentBlockStart": {**place, "start": {"toolUse": start}}})
            given = block["toolUse"]["input"]
            written = given if isinstance(given, str) else json.dumps(given or {})
            delta = {"toolUse": {"input": written}}
        events.append({"contentBlockDelta": {**place, "delta": delta}})
        events.append({"contentBlockStop": place})
    events.append({"messageStop": {"stopReason": "tool_use" if calls else "end_turn"}})
    return [*events, {"metadata": {"usage": usage} if usage is not NONE else {}}]


# --- Gemini --------------------------------------------------------------------------------------


def _gemini(parts: list[Json], finish: str | None, usage: Any) -> Json:
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    body = {"candidates": [candidate], "responseId": "r1", "modelVersion": "m"}
    return body if usage is NONE else {**body, "usageMetadata": usage}


def _gemini_parts(text: str | None, calls: Calls) -> list[Json]:
    parts: list[Json] = [{"text": text}] if text else []
    return parts + [{"functionCall": {"id": key, "name": name, "args": args}} for key, name, args in calls]


def gemini_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """An answer in one piece."""
    return _gemini(_gemini_parts(text, calls), "STOP", usage)


def gemini_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """An answer in pieces."""
    parts = _gemini_parts(text, calls)
    return [*(_gemini([part], None, usage) for part in parts), _gemini([], "STOP", usage)]


# --- Ollama --------------------------------------------------------------------------------------


def ollama_whole(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> Json:
    """An answer in one piece; its counts stand among its fields."""
    message: Json = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": key, "function": {"name": name, "arguments": arguments}} for key, name, arguments in calls
        ]
    counts = usage if isinstance(usage, dict) else {"prompt_eval_count": usage, "eval_count": usage}
    return {"model": "m", "message": message, "done": True, "done_reason": "stop", **counts}


def ollama_pieces(text: str | None = "", calls: Calls = (), usage: Any = NONE) -> list[Json]:
    """The lines of an answer."""
    last = ollama_whole("", (), usage)
    said = ollama_whole(text, calls)["message"]
    return [{"model": "m", "message": said, "done": False}, last]


def as_lines(pieces: Iterable[Json]) -> bytes:
    """One JSON object a line."""
    return b"".join(json.dumps(piece).encode() + b"\n" for piece in pieces)


# --- all of them ---------------------------------------------------------------------------------


def _openai_counts(prompt: Any, answer: Any) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": answer}


def _chat(kind: Any) -> Wire:
    return Wire(kind, chat_whole, chat_pieces, as_chat, _openai_counts)


WIRES = {
    "openai": _chat(Chat),
    "kimi": _chat(Kimi),
    "glm": _chat(GLM),
    "openrouter": _chat(OpenRouter),
    "anthropic": Wire(
        Anthropic,
        anthropic_whole,
        anthropic_pieces,
        as_sse,
        lambda prompt, answer: {"input_tokens": prompt, "output_tokens": answer},
    ),
    "responses": Wire(
        Responses,
        responses_whole,
        responses_pieces,
        as_sse,
        lambda prompt, answer: {"input_tokens": prompt, "output_tokens": answer},
    ),
    "converse": Wire(
        Converse,
        converse_whole,
        converse_pieces,
        as_frames,
        lambda prompt, answer: {"inputTokens": prompt, "outputTokens": answer},
    ),
    "gemini": Wire(
        Gemini,
        gemini_whole,
        gemini_pieces,
        as_sse,
        lambda prompt, answer: {"promptTokenCount": prompt, "candidatesTokenCount": answer},
    ),
    "ollama": Wire(
        Ollama,
        ollama_whole,
        ollama_pieces,
        as_lines,
        lambda prompt, answer: {"prompt_eval_count": prompt, "eval_count": answer},
    ),
}
