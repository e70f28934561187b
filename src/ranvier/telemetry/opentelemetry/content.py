"""Messages in the format of the conventions, as JSON, for spans with content."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ranvier.messages.characters import whole_characters
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.media.image import Image
from ranvier.messages.message import Text, ToolCall, ToolResult
from ranvier.telemetry.opentelemetry import names

if TYPE_CHECKING:
    from ranvier.messages.message import Media, Part
    from ranvier.messages.request import Request
    from ranvier.messages.response import Response
    from ranvier.telemetry.opentelemetry.target import Attributes

FINISHES = {"tool_calls": "tool_call"}
"""Finish reasons that have another name in a message."""


def request(request: Request) -> Attributes:
    """The attributes with the messages of a request, its instructions and its tools."""
    attributes: Attributes = {
        names.INPUT_MESSAGES: _json(
            [{"role": each.role, "parts": _parts(each.parts)} for each in request.messages]
        )
    }
    if request.system:
        attributes[names.INSTRUCTIONS] = _json([{"type": "text", "content": request.system}])
    if request.tools:
        attributes[names.TOOLS] = _json([{"type": "function", "name": each.name} for each in request.tools])
    return attributes


def response(response: Response, finish_reason: str) -> Attributes:
    """The attribute with the response, or with as much of it as was received."""
    thoughts = [{"type": "reasoning", "content": response.reasoning}] if response.reasoning else []
    words = [{"type": "text", "content": response.text}] if response.text else []
    message = {
        "role": "assistant",
        "parts": [*thoughts, *words, *_parts(response.tool_calls)],
        "finish_reason": FINISHES.get(finish_reason, finish_reason),
    }
    return {names.OUTPUT_MESSAGES: _json([message])}


def _parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [content for part in parts if (content := _part(part))]


def _part(part: Part) -> dict[str, Any] | None:
    """One part. The bytes of media are omitted, and so are parts that only one provider understands."""
    match part:
        case Text():
            return {"type": "text", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": dict(part.arguments)}
        case ToolResult():
            plain = isinstance(part.content, str)
            response = part.content if plain else _parts(part.parts)
            return {"type": "tool_call_response", "id": part.call_id, "response": response}
        case Image() | Document() | Audio():
            return _media(part, type(part).__name__.lower())
        case _:
            return None


def _media(part: Media, modality: str) -> dict[str, Any]:
    """A picture, a document or sound; the text of a document is content like any other."""
    if part.url is not None:
        return {"type": "uri", "modality": modality, "uri": part.url}
    if is_text(part):
        return {"type": "text", "content": part.text}
    return {"type": modality, "mime_type": part.media_type, "size": len(part.data or b"")}


def _json(messages: list[dict[str, Any]]) -> str:
    return whole_characters(json.dumps(messages, ensure_ascii=False, default=str))
