"""Documents of text as text within a message, between tags with the name: for wires that have no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ranvier.messages.media.document import Document, is_text
from ranvier.messages.message import Message, Part, Text, ToolResult


def with_documents_as_text(messages: Sequence[Message], *, everywhere: bool) -> Sequence[Message]:
    """`messages` with the text of documents in place of them.

    Args:
        messages: The conversation.
        everywhere: False to do so in instructions only, which no wire takes as a document.
    """
    if not any(_is_written(message, everywhere=everywhere) for message in messages):
        return messages
    return [
        replace(message, content=tuple(map(_written, message.parts)))
        if _is_written(message, everywhere=everywhere)
        else message
        for message in messages
    ]


def _is_written(message: Message, *, everywhere: bool) -> bool:
    return message.role == "system" or (everywhere and message.role != "assistant")


def _written(part: Part) -> Part:
    if is_text(part):
        return Text(part.marked, part.extra)
    if isinstance(part, ToolResult) and any(isinstance(each, Document) for each in part.parts):
        return replace(part, content=tuple(map(_written, part.parts)))  # type: ignore[arg-type]
    return part
