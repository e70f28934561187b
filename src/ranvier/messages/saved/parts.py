"""The format of messages and their parts."""

from __future__ import annotations

from typing import Final

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import ROLES, Message, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.saved.kinds import (
    BYTES,
    FLAG,
    OBJECT,
    STRING,
    either,
    list_of,
    one_of,
    optional,
)
from ranvier.messages.saved.records import Field, Record, any_of
from ranvier.messages.wire import WirePart

MAYBE_STRING: Final = Field(optional(STRING), None)
EXTRA: Final = Field(optional(OBJECT), None)

TEXT: Final = Record(Text, "text", {"text": Field(STRING), "extra": EXTRA}, tagged=True)
IMAGE: Final = Record(
    Image,
    "image",
    {
        "url": MAYBE_STRING,
        "data": Field(optional(BYTES), None),
        "media_type": MAYBE_STRING,
        "detail": MAYBE_STRING,
        "extra": EXTRA,
    },
    tagged=True,
)
DOCUMENT: Final = Record(
    Document,
    "document",
    {
        "url": MAYBE_STRING,
        "data": Field(optional(BYTES), None),
        "media_type": MAYBE_STRING,
        "name": MAYBE_STRING,
        "extra": EXTRA,
    },
    tagged=True,
)
AUDIO: Final = Record(
    Audio,
    "audio",
    {
        "url": MAYBE_STRING,
        "data": Field(optional(BYTES), None),
        "media_type": MAYBE_STRING,
        "extra": EXTRA,
    },
    tagged=True,
)
NATIVE: Final = Record(
    Native,
    "native",
    {
        "provider": Field(STRING),
        "data": Field(OBJECT),
        "endpoint": MAYBE_STRING,
        "account": MAYBE_STRING,
        "model": MAYBE_STRING,
    },
    tagged=True,
)
WIRE_PART: Final = Record(WirePart, "wire_part", {"wire": Field(STRING), "data": Field(OBJECT)}, tagged=True)
TOOL_CALL: Final = Record(
    ToolCall,
    "tool_call",
    {
        "id": Field(STRING),
        "name": Field(STRING),
        "arguments": Field(OBJECT),
        "invalid": MAYBE_STRING,
        "native": Field(optional(NATIVE.kind), None),
        "extra": EXTRA,
    },
    tagged=True,
)
TOOL_RESULT: Final = Record(
    ToolResult,
    "tool_result",
    {
        "call_id": Field(STRING),
        "content": Field(either(STRING, list_of(any_of(TEXT, IMAGE, DOCUMENT, AUDIO, WIRE_PART)))),
        "name": Field(STRING, ""),
        "is_error": Field(FLAG, False),
        "extra": EXTRA,
    },
    tagged=True,
)

PARTS: Final = (TEXT, IMAGE, DOCUMENT, AUDIO, TOOL_CALL, TOOL_RESULT, NATIVE, WIRE_PART)
PART: Final = any_of(*PARTS)

MESSAGE: Final = Record(
    Message,
    "message",
    {"role": Field(one_of(*ROLES)), "content": Field(either(STRING, list_of(PART))), "extra": EXTRA},
)
