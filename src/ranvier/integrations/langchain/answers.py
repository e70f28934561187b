"""Writes our answers as LangChain's messages, whole and in chunks."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from ranvier.integrations.langchain.history import SAVED
from ranvier.messages.beside.details import Citation, TokenLogprob
from ranvier.messages.message import ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import Response, StreamEvent
from ranvier.messages.saved.dumping import dump
from ranvier.messages.usage import Usage


def whole_message(response: Response[Any]) -> AIMessage:
    """The answer as a message."""
    more = _kept(response)
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
    """The last chunk of a streamed answer: finish reason, usage and metadata."""
    return AIMessageChunk(
        content="",
        additional_kwargs=_kept(response),
        usage_metadata=_usage(response.usage),
        response_metadata=_metadata(response),
        chunk_position="last",
    )


def _kept(response: Response[Any]) -> dict[str, Any]:
    """The `additional_kwargs`: the saved answer, if it has parts that only its provider understands."""
    refusal = {"refusal": response.refusal} if response.refusal else {}
    opaque = any(
        isinstance(part, Native) or (isinstance(part, ToolCall) and part.native is not None)
        for part in response.parts
    )
    return {**refusal, SAVED: dump([response.message])} if opaque else refusal


def _metadata(response: Response[Any]) -> dict[str, Any]:
    details = response.details
    beside = {
        "request_id": details.request_id,
        "service_tier": details.service_tier,
        "citations": [_citation(each) for each in details.citations],
        "logprobs": {"content": [_logprob(each) for each in details.logprobs]} if details.logprobs else None,
    }
    return {
        "model_name": response.model,
        "model_provider": "ranvier",
        "provider": response.provider,
        "finish_reason": None if response.finish_reason is None else response.finish_reason.value,
        "id": response.id,
        **{name: value for name, value in beside.items() if value},
    }


def _citation(citation: Citation) -> dict[str, Any]:
    """A source, as LangChain names its fields."""
    given = {
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quote,
        "start_index": citation.start,
        "end_index": citation.end,
    }
    return {"type": "citation", **{name: value for name, value in given.items() if value is not None}}


def _logprob(token: TokenLogprob) -> dict[str, Any]:
    """A token, in the format of OpenAI's API, which LangChain passes on."""
    top = [{"token": each.token, "logprob": each.logprob} for each in token.top]
    return {"token": token.token, "logprob": token.logprob, "top_logprobs": top}


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
