"""Reads answers of LangChain's chat models, whole and in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk

from ranvier.integrations.langchain.behind.beside import details_of
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import FinishReason, Response, StreamEvent, ToolCallDelta
from ranvier.messages.usage import UNKNOWN, Usage

REASONS: Final[Mapping[str, FinishReason]] = {
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "completed"), FinishReason.STOP),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens"), FinishReason.LENGTH),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), FinishReason.TOOL_CALLS),
    **dict.fromkeys(
        (
            *("content_filter", "refusal", "safety", "guardrail_intervened", "recitation", "blocklist"),
            *("prohibited_content", "spii", "model_armor", "image_safety", "sensitive"),
        ),
        FinishReason.CONTENT_FILTER,
    ),
}
"""The finish reasons of the APIs, in lower case; LangChain passes them on as they are."""

REASON_FIELDS: Final = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
"""The keys of finish reasons in `response_metadata`."""

OF_REPLAY: Final = ("model_provider", "output_version")
"""The keys of `response_metadata` that a chat model needs to read its own content again."""

WRITTEN: Final = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
"""Claude's names for tokens written to a cache, by lifetime."""

OF_A_RUN: Final = ("lc_", "run-")
"""The prefixes of LangChain's own ids."""

NO_CONTENT: Final = frozenset(("thinking", "redacted_thinking", "reasoning", "refusal", "text"))
"""Types of blocks that do not count as content, if the answer has no text."""

MADE: Final = frozenset(("audio", "tool_outputs"))
"""Keys outside the content that chat models use for content."""


def response_of(message: AIMessage, wire: str, model: str) -> Response:
    """The answer in a whole message; parts that only its chat model understands become an opaque part.

    Args:
        message: The message.
        wire: The `provider` of such a part.
        model: The model that was asked.
    """
    calls = tuple(_calls(message))
    text = str(message.text)
    parts: list[Part] = [Text(text)] if text else []
    raw = _raw_reason(message)
    return Response(
        text=text,
        tool_calls=calls,
        reasoning=_reasoning(message),
        finish_reason=_reason(raw, calls),
        raw_finish_reason=raw,
        usage=_usage(message),
        model=str(
            message.response_metadata.get("model_name") or message.response_metadata.get("model") or ""
        ),
        id=_id(message),
        parts=(*_native(message, wire, model), *parts, *calls),
        details=details_of(message),
    )


def _id(message: AIMessage) -> str | None:
    """The provider's id of the answer; the id of a message is often LangChain's own."""
    found = message.response_metadata.get("id") or message.id
    return None if found is None or found.startswith(OF_A_RUN) else str(found)


def _calls(message: AIMessage) -> Iterator[ToolCall]:
    for index, call in enumerate(message.tool_calls):
        yield ToolCall(call["id"] or f"call_{index}", call["name"], call["args"])
    for index, bad in enumerate(message.invalid_tool_calls, len(message.tool_calls)):
        yield ToolCall.parse(bad["id"] or f"call_{index}", bad["name"] or "", bad["args"] or "")


def _native(message: AIMessage, wire: str, model: str) -> list[Native]:
    """The blocks and fields that only the chat model understands, and that must be sent back to it."""
    own: dict[str, Any] = {}
    if not isinstance(message.content, str):
        own["content"] = message.content
    more = {name: value for name, value in message.additional_kwargs.items() if value and name != "parsed"}
    if more:
        own["additional_kwargs"] = more
    if not own:
        return []
    metadata = message.response_metadata
    own["response_metadata"] = {key: metadata[key] for key in OF_REPLAY if key in metadata}
    if _says_nothing(message):
        own["thought"] = True  # so that the answer counts as empty
    return [Native(wire, own, model=model)]


def _says_nothing(message: AIMessage) -> bool:
    """True if all blocks are thoughts or blank texts."""
    if str(message.text).strip() or message.tool_calls or message.invalid_tool_calls:
        return False
    blocks = () if isinstance(message.content, str) else message.content
    return MADE.isdisjoint(message.additional_kwargs) and all(
        isinstance(block, str) or block.get("type") in NO_CONTENT for block in blocks
    )


def _reasoning(message: AIMessage) -> str:
    found = message.additional_kwargs.get("reasoning_content")
    if isinstance(found, str) or isinstance(message.content, str):
        return found if isinstance(found, str) else ""
    return "".join(
        str(block.get("reasoning") or "") for block in message.content_blocks if block["type"] == "reasoning"
    )


def _raw_reason(message: AIMessage) -> str | None:
    metadata = message.response_metadata
    raw = next((metadata[name] for name in REASON_FIELDS if isinstance(metadata.get(name), str)), None)
    if raw == "incomplete" and isinstance(why := metadata.get("incomplete_details"), Mapping):
        return str(why.get("reason") or raw)
    return raw


def _reason(raw: str | None, calls: object) -> FinishReason:
    if raw is None or (calls and REASONS.get(raw.lower()) is FinishReason.STOP):
        return FinishReason.TOOL_CALLS if calls else FinishReason.STOP
    return REASONS.get(raw.lower(), FinishReason.OTHER)


def _usage(message: AIMessage) -> Usage:
    counts = message.usage_metadata
    if counts is None:
        return UNKNOWN
    return Usage(
        input=counts["input_tokens"],
        output=counts["output_tokens"],
        total=counts["total_tokens"],
        cache_read=_sum(counts.get("input_token_details"), "cache_read"),
        cache_write=_sum(counts.get("input_token_details"), "cache_creation", *WRITTEN),
        reasoning=_sum(counts.get("output_token_details"), "reasoning"),
    )


def _sum(details: Mapping[str, Any] | None, *names: str) -> int:
    """The sum of these kinds of tokens; names may have a service tier as prefix: `priority_cache_read`."""
    return sum(count for name, count in (details or {}).items() if count and name.endswith(names))


class Chunks:
    """Collects the chunks of one answer; `whole` merges them: usage and opaque blocks come in pieces."""

    def __init__(self) -> None:
        self._chunks: list[AIMessageChunk] = []
        self._calls: dict[object, int] = {}

    def events(self, chunk: AIMessageChunk) -> Iterator[StreamEvent]:
        """The content of the next chunk."""
        self._chunks.append(chunk)
        if thought := _reasoning(chunk):
            yield StreamEvent(reasoning=thought)
        if text := str(chunk.text):
            yield StreamEvent(text=text)
        for piece in chunk.tool_call_chunks:
            index = self._index(piece)
            delta = ToolCallDelta(index, piece["id"] or None, piece["name"] or None, piece["args"] or "")
            yield StreamEvent(tool_call=delta)

    def _index(self, piece: Mapping[str, Any]) -> int:
        """The number of the call that a piece belongs to; without an index, an id begins the next call."""
        index = piece.get("index")
        if index is None:
            index = ("without", len(self._calls) if piece.get("id") else len(self._calls) - 1)
        return self._calls.setdefault(index, len(self._calls))

    def whole(self, wire: str, model: str) -> Response:
        """All chunks as one answer."""
        first, *others = self._chunks or [AIMessageChunk("")]
        return response_of(first + others if others else first, wire, model)


def last_event(whole: Response) -> StreamEvent:
    """The last event of a stream: finish reason, usage, and opaque parts."""
    return StreamEvent(
        finish_reason=whole.finish_reason,
        raw_finish_reason=whole.raw_finish_reason,
        usage=whole.usage,
        id=whole.id,
        model=whole.model or None,
        parts=[part for part in whole.parts if isinstance(part, Native)],
        details=whole.details,
    )
