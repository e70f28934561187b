"""Marks for the cache in a request of the Messages API."""

from __future__ import annotations

from typing import Final

from ranvier.providers._reading.reading import Json
from ranvier.providers.anthropic.wire import THINKING_BLOCKS

MARK: Final = "cache_control"


def mark_last_block(fields: Json) -> None:
    """Move the mark for the whole request to its last block, for a server that takes marks only there."""
    mark = fields.pop(MARK, None)
    if mark is None:
        return
    turns = (turn for turn in reversed(fields["messages"]) if _mark(turn, "content", mark))
    if next(turns, None) is None and "system" in fields:
        _mark(fields, "system", mark)


def _mark(holder: Json, name: str, mark: Json) -> bool:
    """Mark the last block of `holder[name]` that takes a mark; false if there is none."""
    content = holder[name]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else [*content]
    for index in reversed(range(len(blocks))):
        if blocks[index].get("type") not in THINKING_BLOCKS:
            blocks[index] = {**blocks[index], MARK: mark}
            holder[name] = blocks
            return True
    return False
