"""Writes our answers as LangChain's messages, whole and in chunks."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from ranvier.integrations.langchain.history import SAVED
from ranvier.messages.message import ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response, StreamEvent
from ranvier.messages.saved.dumping import dump
from ranvier.messages.usage import Usage


def whole_message(response: Response[Any]) -> AIMessage:
    """The answer as a message."""
    more = _saved(response)
    if response.reasoning:
        more["reasoning_content"] = response.reasoning
    return AIMessage(
        content=response.text,
        tool_calls=[
            tool_call(name=call.name, args=dict(call.arguments), id=call.id)
            for call in response.tool_calls
            if call.invalid is None
        ],
        invalid_tool_calls=[
            invalid_tool_call(
                name=call.name, args=call.invalid, id=call.id, error="the arguments are no object"
            )
            for call in response.tool_calls
            if call.invalid is not None
        ],
        additional_kwargs=more,
        usage_metadata=_usage(response.usage),
        response_metadata=_metadata(response),
    )


def chunk_of(event: StreamEvent) -> AIMessageChunk | None:
    """The next piece of an answer; `None` for an event without content."""
    if not event.has_content:
        return None
    delta = event.tool_call
    calls = []
    if delta is not None:
        calls = [tool_call_chunk(name=delta.name, args=delta.arguments, id=delta.id, index=delta.index)]
    more = {"reasoning_content": event.reasoning} if event.reasoning else {}
    return AIMessageChunk(content=event.text, tool_call_chunks=calls, additional_kwargs=more)


def last_chunk(response: Response[Any]) -> AIMessageChunk:
    """The end of a streamed answer: what is said once of it."""
    return AIMessageChunk(
        content="",
        additional_kwargs=_saved(response),
        usage_metadata=_usage(response.usage),
        response_metadata=_metadata(response),
        chunk_position="last",
    )


def _saved(response: Response[Any]) -> dict[str, Any]:
    """The answer as a text, if it has parts that its provider wants back and LangChain has no words for."""
    opaque = any(
        isinstance(part, Native) or (isinstance(part, ToolCall) and part.native is not None)
        for part in response.parts
    )
    return {SAVED: dump([response.message])} if opaque else {}


def _metadata(response: Response[Any]) -> dict[str, Any]:
    return {
        "model_name": response.model,
        "model_provider": "ranvier",
        "provider": response.provider,
        "finish_reason": None if response.finish_reason is None else response.finish_reason.value,
        "id": response.id,
    }


def _usage(usage: Usage) -> UsageMetadata | None:
    if not (usage.complete or usage.input or usage.output):
        return None
    return UsageMetadata(
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.total or usage.input + usage.output,
        input_token_details=InputTokenDetails(cache_read=usage.cache_read, cache_creation=usage.cache_write),
        output_token_details=OutputTokenDetails(reasoning=usage.reasoning),
    )
