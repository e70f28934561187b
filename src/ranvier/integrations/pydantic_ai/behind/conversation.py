"""Translates our messages to pydantic-ai's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from ranvier.integrations.pydantic_ai.behind.kept import kept_response
from ranvier.integrations.pydantic_ai.behind.media import check_fields, content_of
from ranvier.integrations.pydantic_ai.behind.settings import unsent
from ranvier.messages.message import Message, Text, ToolCall, ToolResult
from ranvier.messages.native import Native

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def history_of(call: Call) -> list[ModelMessage]:
    """The conversation; the messages between two answers form one request.

    Raises:
        UnsupportedRequestError: a part has no equivalent in pydantic-ai.
    """
    history: list[ModelMessage] = []
    names: dict[str, str] = {}  # of tools, by the id of their call
    for message in call.request.messages:
        if message.extra:
            raise unsent(call, f"further fields of a message: {sorted(message.extra)!r:.200}")
        names |= {each.id: each.name for each in message.tool_calls}
        if message.role == "assistant":
            history.append(_answer(message, call))
            continue
        if not (history and isinstance(history[-1], ModelRequest)):
            history.append(ModelRequest(parts=[]))
        history[-1].parts = [*history[-1].parts, *_parts(message, call, names)]
    return history


def _answer(message: Message, call: Call) -> ModelResponse:
    kept = kept_response(message, call)
    return ModelResponse(parts=list(_shown(message, call))) if kept is None else kept


def _shown(message: Message, call: Call) -> Iterator[Any]:
    """The parts to send, without the opaque parts of other providers, as in every adapter."""
    for part in message.parts:
        check_fields(part, call)
        if isinstance(part, Text):
            yield TextPart(part.text)
        elif isinstance(part, ToolCall):
            arguments = dict(part.arguments) if part.invalid is None else part.invalid
            yield ToolCallPart(part.name, arguments, part.id)
        elif not isinstance(part, Native):
            raise unsent(call, f"a {type(part).__name__} in an answer")


def _parts(message: Message, call: Call, names: dict[str, str]) -> Iterator[Any]:
    if message.role == "system":
        yield SystemPromptPart(message.text)
    elif message.role == "user" and isinstance(message.content, str):
        yield UserPromptPart(message.content)
    elif message.role == "user":
        yield UserPromptPart([content_of(part, call) for part in message.parts])
    else:
        for part in message.parts:
            yield _result(part, call, names)


def _result(part: object, call: Call, names: dict[str, str]) -> ToolReturnPart[Any]:
    if not isinstance(part, ToolResult):
        raise unsent(call, f"a {type(part).__name__} among results of tools")
    check_fields(part, call)
    whole = isinstance(part.content, str)
    content = part.content if whole else [content_of(each, call) for each in part.parts]
    return ToolReturnPart(
        part.name or names.get(part.call_id, "tool"),
        content,
        part.call_id,
        outcome="failed" if part.is_error else "success",
    )
