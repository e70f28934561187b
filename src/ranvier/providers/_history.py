"""What every wire needs to know of a conversation: whose parts are whose, and the ids of tool calls."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ranvier.messages import Message, Native, Part, Request, ToolCall, ToolResult

ANY_ID: Final = re.compile(r"(?s).+")
"""The ids of a wire that takes them all."""


def new_call_id() -> str:
    """An id for a tool call that came without one."""
    return f"call_{uuid.uuid4().hex[:24]}"


def with_valid_ids(messages: Sequence[Message], allowed: re.Pattern[str]) -> Sequence[Message]:
    """`messages` with ids of calls that the wire allows, no two of them alike; results keep to their calls.

    Servers that count their calls anew in each turn give the same id again, which Anthropic refuses, and
    of which nobody could say whose result it is.
    """
    ids = [call.id for message in messages for call in message.tool_calls]
    if not ids or (len(set(ids)) == len(ids) and all(map(allowed.fullmatch, ids))):
        return messages
    renaming = _Renaming(allowed)
    return [renaming.of_message(message) for message in messages]


class _Renaming:
    """Ids as the wire takes them: the given one where it may stay, else one made from it, always the same."""

    def __init__(self, allowed: re.Pattern[str]) -> None:
        self._allowed = allowed
        self._given: Counter[str] = Counter()  # how often each id has been that of a call
        self._waiting: dict[str, list[str]] = {}  # calls without a result so far, as they are sent

    def of_message(self, message: Message) -> Message:
        """The same message with other ids."""
        return replace(message, content=tuple(map(self._of_part, message.parts)))

    def _of_part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            self._given[part.id] += 1
            sent = self._valid(part.id, self._given[part.id])
            self._waiting.setdefault(part.id, []).append(sent)
            return replace(part, id=sent)
        if isinstance(part, ToolResult):
            waiting = self._waiting.get(part.call_id)
            return replace(part, call_id=waiting.pop(0) if waiting else self._valid(part.call_id))
        return part

    def _valid(self, given: str, time: int = 1) -> str:
        if time == 1 and self._allowed.fullmatch(given):
            return given
        told_apart = given if time == 1 else f"{given} {time}"
        return f"call_{hashlib.sha256(told_apart.encode('utf-8', 'replace')).hexdigest()[:24]}"


def results(message: Message) -> list[ToolResult]:
    """What tools answered in `message`."""
    return [part for part in message.parts if isinstance(part, ToolResult)]


def instructions(request: Request) -> str:
    """All standing instructions, wherever they stand, as one text."""
    within = (message.text for message in request.messages if message.role == "system")
    return "\n\n".join(filter(None, (request.system, *within)))


def introduction(result: ToolResult) -> str:
    """The words before what a tool gave back, where that cannot stand in the result itself."""
    return f"This is from the result of the tool {result.name} (call {result.call_id}):"


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
