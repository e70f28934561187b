"""Writes our conversations as messages of LangChain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.request import Request
from ranvier.messages.wire import WirePart


def write_history(request: Request, wire: str) -> list[BaseMessage]:
    """The conversation; of the opaque parts of answers, those that this provider issued.

    Args:
        request: The request.
        wire: The `provider` of those parts.
    """
    system = [] if request.system is None else [SystemMessage(request.system)]
    return [*system, *(each for message in request.messages for each in _written(message, wire))]


def _written(message: Message, wire: str) -> Iterator[BaseMessage]:
    named = {"name": str(message.extra["name"])} if message.extra and "name" in message.extra else {}
    if message.role == "assistant":
        yield _answer(message, wire, named)
    elif message.role == "system":
        yield SystemMessage(_content(message.parts), **named)
    else:
        yield from map(_result, (part for part in message.parts if isinstance(part, ToolResult)))
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        if rest or message.role == "user":
            yield HumanMessage(_content(rest), **named)


def _result(result: ToolResult) -> ToolMessage:
    return ToolMessage(
        _content(result.parts),
        tool_call_id=result.call_id,
        name=result.name or None,
        status="error" if result.is_error else "success",
    )


def _answer(message: Message, wire: str, named: dict[str, str]) -> AIMessage:
    native = next(
        (part for part in message.parts if isinstance(part, Native) and part.provider == wire), None
    )
    own = {} if native is None else dict(native.data)
    return AIMessage(
        content=own.get("content") or _content(message.parts),
        additional_kwargs=own.get("additional_kwargs", {}),
        response_metadata=own.get("response_metadata", {}),
        tool_calls=[
            tool_call(name=call.name, args=dict(call.arguments), id=call.id)
            for call in message.tool_calls
            if call.invalid is None
        ],
        invalid_tool_calls=[
            invalid_tool_call(name=call.name, args=call.invalid, id=call.id, error=None)
            for call in message.tool_calls
            if call.invalid is not None
        ],
        **named,
    )


def _content(parts: Iterable[Part]) -> Any:
    """A text, or blocks where there is more than text."""
    said = [part for part in parts if not isinstance(part, (ToolCall, ToolResult, Native))]
    if all(isinstance(part, Text) and not part.extra for part in said):
        return "".join(part.text for part in said if isinstance(part, Text))
    return [_block(part) for part in said]


def _block(part: Text | Image | WirePart) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, **(part.extra or {})}
    if isinstance(part, WirePart):
        return dict(part.data)  # chat models pass on blocks in the words of their API
    if not isinstance(part, Image):
        raise UnsupportedRequestError(f"LangChain is sent no {type(part).__name__}", provider="langchain")
    if part.url is not None:
        return {"type": "image", "url": part.url, **(part.extra or {})}
    return {"type": "image", "base64": part.base64, "mime_type": part.media_type, **(part.extra or {})}
