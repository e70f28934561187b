"""Requests, responses and stream events, the same for every provider. Nothing here depends on a provider."""

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Role, Text, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.request import Request
from ranvier.messages.response import SIGN_OF_LIFE, FinishReason, Response, StreamEvent, ToolCallDelta
from ranvier.messages.saved.dumping import dump, dump_response, load, load_response
from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool
from ranvier.messages.usage import Usage
from ranvier.messages.wire import WirePart, WireTool

__all__ = [
    "CHAT_COMPLETIONS",
    "SIGN_OF_LIFE",
    "Audio",
    "Document",
    "FinishReason",
    "Image",
    "Message",
    "Native",
    "Part",
    "Request",
    "Response",
    "Role",
    "Schema",
    "StreamEvent",
    "Text",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolResult",
    "Usage",
    "WirePart",
    "WireTool",
    "dump",
    "dump_response",
    "load",
    "load_response",
]
