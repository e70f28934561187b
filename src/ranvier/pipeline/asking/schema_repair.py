"""Whether an answer has the form that was asked for, and what is done about one that has not.

Such an answer is no failing of its provider, which is well: no circuit counts it, and the same
question is not put again. The next target may do better, and so may the same model when it is shown
what is wrong, once, where the call asks for that (`repair=1`).
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
from ranvier.messages.request import Message, Request
from ranvier.messages.response import FinishReason, Response

if TYPE_CHECKING:
    from ranvier.messages.schema.mismatch import Mismatch
    from ranvier.pipeline.call import Call

CUT = {
    FinishReason.LENGTH: "stopped for its length before it was whole",
    FinishReason.CONTENT_FILTER: "was stopped by the content filter before it was whole",
}
"""What is said of an answer that could not be finished; asked again, it would end the same way."""


def parse(call: Call, response: Response) -> tuple[Mismatch, ...]:
    """Set `parsed` of an answer to `call`, or say what does not fit; one that calls tools has no form yet."""
    schema = call.request.schema
    if schema is None or response.tool_calls:
        return ()
    try:
        response.parsed, mismatches = schema.fit(response.text)
    except asyncio.CancelledError as cancelled:  # of a validator: nobody can cancel in the middle of one
        raise RuntimeError(
            "a validator raised a CancelledError, but nobody cancelled the call"
        ) from cancelled
    return mismatches


def parse_given(call: Call, response: Response, layer: str) -> None:
    """Set `parsed` of an answer that a layer gave itself, where the layer has not.

    Raises:
        LayerError: it does not fit.
    """
    if call.request.schema is not None and response.parsed is None and (mismatches := parse(call, response)):
        raise LayerError(f"its answer does not fit the schema: {mismatches[0]}", layer)


def check(call: Call, response: Response) -> None:
    """The same for an answer that nobody would repair.

    Raises:
        InvalidResponseError: it does not fit; the provider is well.
        ContentFilterError: nor could it, since it was cut off on policy.
    """
    mismatches = parse(call, response)
    if mismatches:
        raise unfit(call, response, mismatches)


def unfit(call: Call, response: Response, mismatches: tuple[Mismatch, ...]) -> ProviderError:
    """The error for an answer that does not fit. It says where and how, and quotes nothing of the answer."""
    kind = (
        ContentFilterError if response.finish_reason is FinishReason.CONTENT_FILTER else InvalidResponseError
    )
    told = CUT.get(response.finish_reason or FinishReason.STOP, "does not fit the schema")
    error = kind(
        f"the answer of {call.deployment} {told}: {mismatches[0]}",
        provider=call.deployment.provider.name,
        model=call.deployment.model,
    )
    error.retryable = error.counts_against_provider = False
    return error


def may_be_repaired(call: Call, response: Response) -> bool:
    """True where the call asks for a repair, and the model was free to finish what it wrote."""
    schema = call.request.schema
    return schema is not None and schema.repairs > 0 and response.finish_reason not in CUT


def only_of_the_repair(error: RanvierError) -> bool:
    """True where `error` ended a repair, but says nothing against the question, or against the provider.

    There was no room for it, or what we wrote into it was refused: the answer that did not fit stands.
    """
    if isinstance(error, AttemptTimeoutError):
        return error.phase == "attempt" and error.status is None  # what was left of our time, no 408
    return isinstance(error, (LocalCapacityError, InvalidRequestError))


def repair(request: Request, response: Response, mismatches: tuple[Mismatch, ...]) -> Request:
    """The same conversation, the answer, and what is wrong with it; nothing is repaired twice."""
    assert request.schema is not None
    wrong = "; ".join(f"at {mismatch.place}: {mismatch.words}" for mismatch in mismatches)
    said = (response.message,) if response.text.strip() else ()  # some wires refuse an empty message
    asked = Message.user(f"Your answer did not fit the schema: {wrong}. Answer again with the JSON alone.")
    return dataclasses.replace(
        request,
        messages=(*request.messages, *said, asked),
        schema=dataclasses.replace(request.schema, repairs=0),
    )
