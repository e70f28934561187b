"""Translates a response of pydantic-ai to ours, whole or at the end of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from ranvier.errors.provider import ContentFilterError, InvalidResponseError
from ranvier.integrations.pydantic_ai.behind.beside import details_in
from ranvier.integrations.pydantic_ai.behind.kept import native_of
from ranvier.integrations.pydantic_ai.behind.settings import facts
from ranvier.integrations.pydantic_ai.kept import call_of
from ranvier.messages.beside.details import Details
from ranvier.messages.message import Part, Text
from ranvier.messages.response import FinishReason, Response, StreamEvent
from ranvier.messages.usage import Usage

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

REASONS: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "tool_call": FinishReason.TOOL_CALLS,
    "error": FinishReason.OTHER,
}


def answer_of(response: ModelResponse, call: Call) -> Response:
    """The whole answer.

    Raises:
        InvalidResponseError: the response is not complete.
        ContentFilterError: the response is only a refusal.
    """
    details = _checked(response, call)
    natives = native_of(response, call)
    parts: tuple[Part, ...] = (*natives, *_parts(response))
    return Response(
        text="".join(part.text for part in parts if isinstance(part, Text)),
        tool_calls=tuple(call_of(part) for part in response.parts if isinstance(part, ToolCallPart)),
        reasoning="".join(part.content for part in response.parts if isinstance(part, ThinkingPart)),
        finish_reason=_reason(response),
        raw_finish_reason=_raw_reason(response),
        usage=usage_of(response.usage),
        model=response.model_name or "",
        id=response.provider_response_id,
        parts=parts,
        details=details,
    )


def end_of(response: ModelResponse, call: Call, tells_end: bool) -> StreamEvent:
    """The last event of the stream of `response`; `tells_end`: the model reports finish reasons.

    Raises:
        InvalidResponseError, ContentFilterError: as in `answer_of`.
    """
    details = _checked(response, call)
    if tells_end and response.finish_reason in (None, "stop") and not _provider_reason(response):
        raise InvalidResponseError(f"{call.deployment}: the stream ended before the answer", **facts(call))
    return StreamEvent(
        finish_reason=_reason(response),
        raw_finish_reason=_raw_reason(response),
        usage=usage_of(response.usage),
        id=response.provider_response_id,
        model=response.model_name,
        parts=native_of(response, call),
        details=details,
    )


def usage_of(usage: RequestUsage) -> Usage:
    """The token counts; `complete` is false if the provider reported none."""
    return Usage(
        input=usage.input_tokens,
        output=usage.output_tokens,
        total=usage.input_tokens + usage.output_tokens,
        cache_read=usage.cache_read_tokens,
        cache_write=usage.cache_write_tokens,
        reasoning=usage.output_reasoning_tokens or usage.details.get("reasoning_tokens", 0),
        complete=not usage.unmeasured_requests,
    )


def _parts(response: ModelResponse) -> Iterator[Part]:
    for part in response.parts:
        if isinstance(part, TextPart) and part.content:
            yield Text(part.content)
        elif isinstance(part, ToolCallPart):
            yield call_of(part)


def _reason(response: ModelResponse) -> FinishReason:
    calls = any(isinstance(part, ToolCallPart) for part in response.parts)
    given = REASONS.get(response.finish_reason or "stop", FinishReason.OTHER)
    return FinishReason.TOOL_CALLS if calls and given is FinishReason.STOP else given


def _raw_reason(response: ModelResponse) -> str | None:
    raw = _provider_reason(response)
    return raw if isinstance(raw, str) else response.finish_reason


def _provider_reason(response: ModelResponse) -> object:
    """The provider's own finish reason; some models report `stop` even if it sent none."""
    return (response.provider_details or {}).get("finish_reason")


def _checked(response: ModelResponse, call: Call) -> Details:
    """The details of the response beside its content, after a check that it is complete."""
    if response.state != "complete":
        raise InvalidResponseError(f"{call.deployment}: the response is {response.state}", **facts(call))
    details = details_in(response)
    refused = details.refusal or response.finish_reason == "content_filter"
    if refused and all(isinstance(part, ThinkingPart) for part in response.parts):
        raise ContentFilterError(f"{call.deployment}: stopped by the content filter", **facts(call))
    return details
