"""A whole answer as pydantic-ai's `ModelResponse`, its usage and its finish reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from ranvier.integrations.pydantic_ai.beside import details_of, with_citations
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.response import FinishReason, Response
from ranvier.messages.usage import Usage

REASONS: Final = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_call",
    FinishReason.CONTENT_FILTER: "content_filter",
}
"""pydantic-ai's name for each finish reason; for any other, `None`, with our name in `provider_details`."""


def response_of(answer: Response[Any]) -> ModelResponse:
    """The answer: its parts are texts, thoughts and calls, and `provider_details` has the rest."""
    return ModelResponse(
        parts=with_citations(tuple(_parts(answer)), answer),
        usage=usage_of(answer.usage),
        model_name=answer.model,
        provider_name=answer.provider,
        provider_response_id=answer.id,
        provider_details=details_of(answer),
        finish_reason=reason_of(answer.finish_reason),
    )


def reason_of(reason: FinishReason | None) -> Any:
    """pydantic-ai's name for a finish reason."""
    return None if reason is None else REASONS.get(reason)


def usage_of(usage: Usage) -> RequestUsage:
    """The token counts; the request counts as unmeasured if the provider reported none."""
    return RequestUsage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_reasoning_tokens=usage.reasoning,
        details={"reasoning_tokens": usage.reasoning},
        unmeasured_requests=0 if usage.complete else 1,
    )


def _parts(answer: Response[Any]) -> Iterator[Any]:
    """The thoughts, and then texts and calls in their order, as a stream has them."""
    if answer.reasoning:
        yield ThinkingPart(answer.reasoning)
    for is_text, parts in groupby(_shown(answer), lambda part: isinstance(part, Text)):
        if is_text:
            yield TextPart("".join(part.text for part in parts if isinstance(part, Text)))
        else:
            yield from (_call(part) for part in parts if isinstance(part, ToolCall))


def _shown(answer: Response[Any]) -> Iterator[Part]:
    return (part for part in answer.message.parts if isinstance(part, (Text, ToolCall)))


def _call(call: ToolCall) -> ToolCallPart:
    arguments = json.dumps(dict(call.arguments)) if call.invalid is None else call.invalid
    return ToolCallPart(call.name, arguments, call.id) if call.id else ToolCallPart(call.name, arguments)
