"""What every wire needs to know of a conversation: whose parts are whose, and the ids of tool calls."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ranvier.messages import Message, Native, ToolCall, ToolResult


def new_call_id() -> str:
    """An id for a tool call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def valid_id(id: str, allowed: re.Pattern[str]) -> str:
    """`id` where the wire allows it, else one made from it: the same one for the call and its result."""
    if allowed.fullmatch(id):
        return id
    return f"call_{hashlib.sha256(id.encode('utf-8', 'replace')).hexdigest()[:24]}"


def results(message: Message) -> list[ToolResult]:
    """What tools answered in `message`."""
    return [part for part in message.parts if isinstance(part, ToolResult)]


def names_of_calls(messages: Iterable[Message]) -> dict[str, str]:
    """The tools by the ids of the calls for them."""
    return {call.id: call.name for message in messages for call in message.tool_calls}


def own(message: Message, family: str) -> Iterator[Mapping[str, Any]]:
    """What in `message` only the providers of `family` understand; nobody else is sent it."""
    for part in message.parts:
        if isinstance(part, Native) and part.provider == family:
            yield part.data


def arguments_text(call: ToolCall) -> str:
    """The arguments of `call` as JSON; none where the model wrote what is none, which no wire takes back."""
    return json.dumps(call.arguments, separators=(",", ":"), ensure_ascii=False, default=dict)
