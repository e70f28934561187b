"""How long a request is."""

from __future__ import annotations

from ranvier.messages.message import Part, Text, ToolCall, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool

CHARACTERS_PER_TOKEN = 8
"""No prose, code or data has more characters in a token, on average over a prompt that fills a window."""


def characters_in(request: Request) -> int:
    """The characters that a model reads: texts, tool calls, their results, and the tools; no images."""
    count = len(request.system or "")
    for message in request.messages:
        content = message.content
        count += len(content) if isinstance(content, str) else sum(map(_length, content))
    for tool in request.tools:
        if isinstance(tool, Tool):
            count += tool.length
    return count


def _length(part: Part) -> int:
    if isinstance(part, (Text, ToolResult)):
        return len(part.text)
    if isinstance(part, ToolCall):
        return len(part.name) + len(part.invalid or "") + len(str(part.arguments))
    return 0
