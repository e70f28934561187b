"""Adapts a conversation to its target: only the target's own parts, valid call ids and tool names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ranvier.messages.media.document import Document
from ranvier.messages.message import Message, Part, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool
from ranvier.providers._history.call_ids import with_valid_ids
from ranvier.providers._history.documents import with_documents_as_text
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._history.tool_names import sent_names, with_sent_names
from ranvier.providers._wire.issuer import Issuer
from ranvier.providers._wire.media import TEXTS
from ranvier.providers.chat_completions.reasoning import REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire


def translated(call: Call, wire: Wire) -> Call:
    """`call` with its conversation adapted to the target; `call` itself if nothing has to change."""
    request = call.request
    if _is_taken(request, wire):
        return call
    target = Issuer(wire, call)
    messages = _own_parts(with_valid_ids(request.messages, wire.call_ids, target.owns), target)
    messages = with_documents_as_text(messages, everywhere=TEXTS not in wire.media)
    if messages is not request.messages:
        request = replace(request, messages=tuple(messages))
    if names := sent_names(call.request, wire.tool_names):
        request = with_sent_names(request, names)
    return call if request is call.request else call.asking(request)


def _is_taken(request: Request, wire: Wire) -> bool:
    """True if nothing has to change, as in most requests; one pass, since it runs for every request."""
    names, ids = [tool.name for tool in request.tools if isinstance(tool, Tool)], []
    for message in request.messages:
        if type(message.content) is str:
            continue
        for part in message.content:
            if isinstance(part, ToolCall):
                if part.native is not None:
                    return False
                ids.append(part.id)
                names.append(part.name)
            elif isinstance(part, ToolResult) and part.name:
                names.append(part.name)
            if isinstance(part, (Native, Document, ToolResult)) and _is_changed(part):
                return False
    if len(set(ids)) != len(ids) or not all(map(wire.call_ids.allowed.fullmatch, ids)):
        return False
    return all(map(wire.tool_names.allowed.fullmatch, names))


def _is_changed(part: Native | Document | ToolResult) -> bool:
    """True for a part that only some targets are sent as it is."""
    if not isinstance(part, ToolResult):
        return True
    return type(part.content) is not str and any(isinstance(each, Document) for each in part.parts)


def _own_parts(messages: Sequence[Message], target: Issuer) -> Sequence[Message]:
    """`messages` without the opaque parts of other issuers."""
    if not any(map(_holds_natives, messages)):
        return messages
    own = [_own(message, target) if _holds_natives(message) else message for message in messages]
    if len(_thoughts(own)) < len(_thoughts(messages)):
        PartFields(target.adapter, target.call).leave_out(REASONING)
    return own


def _thoughts(messages: Sequence[Message]) -> list[Native]:
    """Reasoning that the caller gave as plain text; an event reports when it is not sent."""
    parts = (part for message in messages for part in message.parts if isinstance(part, Native))
    return [part for part in parts if part.provider == CHAT_COMPLETIONS and REASONING in part.data]


def _own(message: Message, target: Issuer) -> Message:
    parts = (_own_part(part, target) for part in message.parts)
    return replace(message, content=tuple(part for part in parts if part is not None))


def _holds_natives(message: Message) -> bool:
    return any(
        isinstance(part, Native) or (isinstance(part, ToolCall) and part.native is not None)
        for part in message.parts
    )


def _own_part(part: Part, target: Issuer) -> Part | None:
    if isinstance(part, Native):
        return _own_native(part, target)
    if isinstance(part, ToolCall) and part.native is not None:
        return replace(part, native=_own_native(part.native, target))
    return part


def _own_native(native: Native, target: Issuer) -> Native | None:
    if target.owns(native):
        return native
    data = target.adapter.shared(native, target) if target.speaks(native) else None
    return Native(native.provider, data) if data else None


def results(message: Message) -> list[ToolResult]:
    """The tool results in `message`."""
    return [part for part in message.parts if isinstance(part, ToolResult)]


def instructions(request: Request) -> str:
    """All system instructions, also those among the messages, as one text."""
    within = (message.text for message in request.messages if message.role == "system")
    return "\n\n".join(filter(None, (request.system, *within)))


def introduction(result: ToolResult) -> str:
    """The text before the content of a tool result that cannot be in the result itself."""
    return f"This is from the result of the tool {result.name} (call {result.call_id}):"


def names_of_calls(messages: Iterable[Message]) -> dict[str, str]:
    """The name of the called tool, by call id."""
    return {call.id: call.name for message in messages for call in message.tool_calls}


def natives(message: Message) -> Iterator[Mapping[str, Any]]:
    """The data of the opaque parts of `message`; their issuer is the target."""
    return (part.data for part in message.parts if isinstance(part, Native))


def arguments_text(call: ToolCall) -> str:
    """The arguments of `call` as JSON; `{}` if the model wrote invalid JSON, which no wire accepts back."""
    return json.dumps(call.arguments, separators=(",", ":"), ensure_ascii=False, default=dict)
