"""Marks in a request of Converse up to which the prompt is cached."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ranvier.providers._reading.reading import Json

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

POINT: Final = "cachePoint"

UNMARKED: Final = frozenset(("document", "video"))
"""The blocks after which the API rejects a mark."""


def mark_for_cache(call: Call, fields: Json, mark: Json) -> None:
    """Mark the ends of the instructions and of the conversation, unless the caller has placed marks."""
    turns = [message["content"] for message in fields["messages"]]
    system = fields.get("system", [])
    if any(POINT in block for blocks in (*turns, system, _tools(fields)) for block in blocks):
        call.adjusted([("cache", "left to the marks in the conversation")])
        return
    if system:
        system.append({POINT: mark})
    last = turns[-1]
    position = len(last)
    while position and not UNMARKED.isdisjoint(last[position - 1]):
        position -= 1
    if position:
        last.insert(position, {POINT: mark})


def _tools(fields: Json) -> Iterable[Json]:
    tools: list[Json] = fields.get("toolConfig", {}).get("tools", [])
    return tools
