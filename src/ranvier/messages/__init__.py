"""What flows: requests go in, responses and stream events come out. Nothing here knows a provider."""

from ranvier.messages.image import Image
from ranvier.messages.request import (
    Message,
    Native,
    Part,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ranvier.messages.response import (
    SIGN_OF_LIFE,
    FinishReason,
    Response,
    StreamEvent,
    ToolCallDelta,
    Usage,
)
from ranvier.messages.schema import Schema

__all__ = [
    "SIGN_OF_LIFE",
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
]
