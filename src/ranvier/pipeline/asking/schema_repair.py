"""Validates answers against their schema, and repairs one that does not match.

A mismatch is not a failure of the provider: no circuit counts it, and the same request is not retried; the
call falls back. With `repair=1`, the same model is asked once more, with the mismatches in the prompt.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from ranvier.errors.partial import LayerError
from ranvier.errors.provider import (
    AttemptTimeoutError,
    ContentFilterError,
    InvalidRequestError,
    InvalidResponseError,
    ProviderError,
)
from ranvier.errors.rejected import LocalCapacityError
from ranvier.errors.root import RanvierError
from ranvier.errors.spend_limit import SpendLimitExceededError
from ranvier.messages.message import Message
from ranvier.messages.request import Request
from ranvier.messages.response import FinishReason, Response

if TYPE_CHECKING:
    from ranvier.messages.schema.mismatch import Mismatch
    from ranvier.pipeline.call import Call

CUT = {
    FinishReason.LENGTH: "hit max_tokens before it was complete",
    FinishReason.CONTENT_FILTER: "was stopped by the content filter before it was complete",
}
"""Descriptions of truncated answers; they are not repaired, because a repair would end the same way."""


def parse(call: Call, response: Response) -> tuple[Mismatch, ...]:
    """Set `parsed` of an answer, or return its mismatches; an answer that calls tools is not validated."""
    schema = call.request.schema
    if schema is None or response.tool_calls:
        return ()
    try:
        response.parsed, mismatches = schema.fit(response.text)
    except asyncio.CancelledError as cancelled:  # raised by a validator: a plain function is not cancelled
        raise RuntimeError(
            "a validator raised a CancelledError, but the call was not cancelled"
        ) from cancelled
    return mismatches


def parse_given(call: Call, response: Response, layer: str) -> None:
    """Set `parsed` of an answer that a layer returned itself, if the layer has not set it.

    Raises:
        LayerError: it does not match the schema.
    """
    if call.request.schema is not None and response.parsed is None and (mismatches := parse(call, response)):
        raise LayerError(f"its answer does not match the schema: {mismatches[0]}", layer)


def check(call: Call, response: Response) -> None:
    """Set `parsed` of an answer that will not be repaired.

    Raises:
        InvalidResponseError: it does not match; this does not count against the provider.
        ContentFilterError: it does not match, because the content filter cut it off.
    """
    mismatches = parse(call, response)
    if mismatches:
        raise error_of(call, response, mismatches)


def error_of(call: Call, response: Response, mismatches: tuple[Mismatch, ...]) -> ProviderError:
    """The error for an answer that does not match. It names the path and the rule, and quotes no content."""
    kind = (
        ContentFilterError if response.finish_reason is FinishReason.CONTENT_FILTER else InvalidResponseError
    )
    what = CUT.get(response.finish_reason or FinishReason.STOP, "does not match the schema")
    error = kind(
        f"the answer of {call.deployment} {what}: {mismatches[0]}",
        provider=call.deployment.provider.name,
        model=call.deployment.model,
    )
    error.retryable = error.counts_against_provider = False
    return error


def can_repair(call: Call, response: Response) -> bool:
    """True if the call requests a repair, and the answer is not truncated."""
    schema = call.request.schema
    return schema is not None and schema.repairs > 0 and response.finish_reason not in CUT


def concerns_only_repair(error: RanvierError) -> bool:
    """True if `error` ended a repair, but is no evidence against the original request or the provider.

    There was no slot, time or money for it, or the provider rejected it: the mismatch is raised instead.
    """
    if isinstance(error, AttemptTimeoutError):
        return error.phase == "attempt" and error.status is None  # our limit, not a 408
    return isinstance(error, (LocalCapacityError, SpendLimitExceededError, InvalidRequestError))


def repair(request: Request, response: Response, mismatches: tuple[Mismatch, ...]) -> Request:
    """The request for a repair: the conversation, the answer, and its mismatches; never repaired again."""
    assert request.schema is not None
    wrong = "; ".join(f"at {mismatch.path}: {mismatch.words}" for mismatch in mismatches)
    answer = (response.message,) if response.text.strip() else ()  # some wires reject an empty message
    prompt = Message.user(f"Your answer did not fit the schema: {wrong}. Answer again with the JSON alone.")
    return dataclasses.replace(
        request,
        messages=(*request.messages, *answer, prompt),
        schema=dataclasses.replace(request.schema, repairs=0),
    )
