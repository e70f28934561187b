"""Keeps a response of pydantic-ai in our history: its signatures and reasoning go back to its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_core import PydanticSerializationError, ValidationError

from ranvier.integrations.pydantic_ai.kept import call_of
from ranvier.messages.message import Message
from ranvier.messages.native import Native

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

WIRE: Final = "pydantic_ai"
"""The `provider` of a `Native` that holds a response of pydantic-ai."""


def native_of(response: ModelResponse, call: Call) -> tuple[Native, ...]:
    """The response, if its texts and calls do not say all of it."""
    if not any(map(_says_more, response.parts)):
        return ()
    try:
        (data,) = ModelMessagesTypeAdapter.dump_python([response], mode="json")
    except PydanticSerializationError:  # it holds an object of the user's
        return ()
    only_thoughts = all(isinstance(part, (TextPart, ThinkingPart, ToolCallPart)) for part in response.parts)
    fields = {"type": "thinking" if only_thoughts else "response", "response": data}
    deployment = call.deployment
    return (Native(WIRE, fields, endpoint=deployment.provider.name, model=deployment.model),)


def _says_more(part: Any) -> bool:
    plain = type(part) in (TextPart, ToolCallPart)
    return not plain or part.id is not None or bool(part.provider_details)


def kept_response(message: Message, call: Call) -> ModelResponse | None:
    """The response that `native_of` has saved for this target; `None` if the message was edited since."""
    for part in message.parts:
        if not isinstance(part, Native) or not _is_for(part, call):
            continue
        try:
            (response,) = ModelMessagesTypeAdapter.validate_python([part.data.get("response")])
        except ValidationError:
            continue
        if isinstance(response, ModelResponse) and _same(message, response.parts):
            return response
    return None


def _is_for(native: Native, call: Call) -> bool:
    deployment = call.deployment
    return (
        native.provider == WIRE
        and native.endpoint in (None, deployment.provider.name)
        and native.model in (None, deployment.model)
    )


def _same(message: Message, parts: Sequence[Any]) -> bool:
    text = "".join(part.content for part in parts if isinstance(part, TextPart))
    calls = [part for part in parts if isinstance(part, ToolCallPart)]
    return message.text == text and message.tool_calls == tuple(map(call_of, calls))
