"""Translates the messages of pydantic-ai to ours, and finds the instructions among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic_ai.messages import (
    ERROR_OUTCOMES,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from ranvier.integrations.pydantic_ai.kept import call_of, kept_message
from ranvier.integrations.pydantic_ai.media import content_of, unsent
from ranvier.messages.message import Message, Part, Text, ToolResult


def messages_of(history: Sequence[ModelMessage]) -> list[Message]:
    """The conversation.

    Raises:
        UserError: it contains a part that our providers do not support; the error names its kind.
    """
    messages: list[Message] = []
    for each in history:
        if isinstance(each, ModelRequest):
            messages += map(_user_message, each.parts)
        else:
            messages += _answered(each)
    return messages


def system_of(history: Sequence[ModelMessage], parameters: ModelRequestParameters) -> str | None:
    """The instructions; outside an agent, those of the last request with instructions."""
    parts = parameters.instruction_parts
    if parts is not None:
        return "\n\n".join(part.content for part in parts) or None
    asked = (each.instructions for each in reversed(history) if isinstance(each, ModelRequest))
    return next(filter(None, asked), None)


def _user_message(part: Any) -> Message:
    if isinstance(part, SystemPromptPart):
        return Message.system(part.content)
    if isinstance(part, UserPromptPart):
        if isinstance(part.content, str):
            return Message.user(part.content)
        return Message("user", tuple(map(content_of, part.content)))
    if isinstance(part, ToolReturnPart):
        return Message("tool", (_result(part),))
    raise unsent(part)


def _result(part: ToolReturnPart[Any]) -> ToolResult:
    content: Any = part.model_response_str(wrap_if_error=False)
    if part.files:
        content = tuple(map(content_of, part.content_items(mode="str", wrap_if_error=False)))
    return ToolResult(part.tool_call_id, content, part.tool_name, part.outcome in ERROR_OUTCOMES)


def _answered(response: ModelResponse) -> Iterator[Message]:
    """The saved original of our answer if it was not edited; otherwise a message of its parts."""
    kept = kept_message(response)
    parts = tuple(_shown(response.parts)) if kept is None else ()
    if kept is not None:
        yield kept
    elif parts:
        yield Message("assistant", parts)


def _shown(parts: Iterable[Any]) -> Iterator[Part]:
    """The parts of an answer, without thoughts: like a `Native`, only their own model understands them."""
    for part in parts:
        if isinstance(part, TextPart):
            if part.content:
                yield Text(part.content)
        elif isinstance(part, ToolCallPart):
            yield call_of(part)
        elif not isinstance(part, ThinkingPart):
            raise unsent(part)
