"""How long a request is: certain for texts, estimated for documents and sound."""

from __future__ import annotations

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.message import Part, Text, ToolCall, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool

CHARACTERS_PER_TOKEN = 8
"""No prose, code or data has more characters in a token, on average over a prompt that fills a window."""

PAGE = 8_000
"""About as many characters as a page of a PDF costs: 1,500 to 3,000 tokens, says Anthropic."""

BYTES_OF_PAGE = 50_000
"""The bytes of a usual page."""

BYTES_OF_SOUND = 100
"""About as many bytes of sound cost as much as a character: Gemini counts 32 tokens a second."""

UNKNOWN_LENGTH = 10 * PAGE
"""For what is given by its URL: ten pages, or some ten minutes."""


def estimated_characters_in(request: Request) -> int:
    """`characters_in`, and about as many as PDFs and sound cost; nothing for images."""
    count = characters_in(request)
    for message in request.messages:
        if not isinstance(message.content, str):
            count += sum(map(_estimate, message.content))
    return count


def _estimate(part: Part) -> int:
    if isinstance(part, ToolResult):
        return 0 if isinstance(part.content, str) else sum(map(_estimate, part.content))
    if not isinstance(part, (Document, Audio)) or is_text(part):
        return 0
    if part.data is None:
        return UNKNOWN_LENGTH
    if isinstance(part, Audio):
        return len(part.data) // BYTES_OF_SOUND
    return PAGE * (1 + len(part.data) // BYTES_OF_PAGE)


def characters_in(request: Request) -> int:
    """The characters that a model certainly reads: texts, tool calls, their results, and the tools."""
    count = len(request.system or "")
    for message in request.messages:
        content = message.content
        count += len(content) if isinstance(content, str) else sum(map(_length, content))
    for tool in request.tools:
        if isinstance(tool, Tool):
            count += tool.length
    return count


def _length(part: Part) -> int:
    if isinstance(part, (Text, Document)):
        return len(part.text)
    if isinstance(part, ToolResult):
        return len(part.content) if isinstance(part.content, str) else sum(map(_length, part.content))
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.invalid or "") + len(str(part.arguments))
    return 0
