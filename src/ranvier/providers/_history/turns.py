"""Finds the turns of a conversation in the fields of a request, on any wire, and changes copies of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ranvier.providers._history.call_ids import MISTRAL_IDS
from ranvier.providers._reading.reading import Json

HISTORIES: Final = ("messages", "contents", "input")
"""The fields of a request that hold the conversation."""

INNER: Final = ("content", "parts", "tool_calls")
"""The fields of a turn that hold its parts."""


def turns_of(fields: Json) -> list[Json]:
    """The turns of the conversation."""
    found: list[Any] = next((fields[name] for name in HISTORIES if isinstance(fields.get(name), list)), [])
    return [turn for turn in found if isinstance(turn, dict)]


def parts_of(turn: Json) -> Iterator[Json]:
    """The parts of a turn: blocks, parts, tool calls."""
    for name in INNER:
        if isinstance(turn.get(name), list):
            yield from (part for part in turn[name] if isinstance(part, dict))


def change_turns(fields: Json, change: Callable[[Json], Json | None]) -> bool:
    """Replace each turn by `change(turn)`, and remove it for `None`; True if any turn was changed."""
    turns = turns_of(fields)
    changed = [change(turn) for turn in turns]
    if all(new is old for new, old in zip(changed, turns, strict=True)):
        return False
    name = next(name for name in HISTORIES if isinstance(fields.get(name), list))
    fields[name] = [turn for turn in changed if turn is not None]
    return True


def change_parts(turn: Json, change: Callable[[Json], Json | None]) -> Json:
    """The turn with each part replaced by `change(part)`; the same object if nothing was changed."""
    for name in INNER:
        parts = turn.get(name)
        if not isinstance(parts, list):
            continue
        changed = [change(part) if isinstance(part, dict) else part for part in parts]
        if any(new is not old for new, old in zip(changed, parts, strict=True)):
            turn = {**turn, name: [part for part in changed if part is not None]}
    return turn


def without(piece: Json, names: Sequence[str]) -> Json:
    """`piece` without these fields; the same object if it has none of them."""
    if not any(name in piece for name in names):
        return piece
    return {name: value for name, value in piece.items() if name not in names}


# --- ids of tool calls ---------------------------------------------------------------------------


def ids_of_calls(fields: Json) -> Iterator[str]:
    """The tool call ids in the history."""
    for turn in turns_of(fields):
        for part in parts_of(turn):
            if ("function" in part or part.get("type") == "tool_use") and isinstance(part.get("id"), str):
                yield part["id"]


def rename_calls(fields: Json, odd: set[str]) -> bool:
    """Replace these ids in calls and results by ids that every server accepts; True if any was replaced."""
    names = _short_names(odd, set(ids_of_calls(fields)) - odd)

    def renamed(piece: Json) -> Json:
        found = {
            key: names[piece[key]]
            for key in ("id", "tool_call_id", "tool_use_id")
            if isinstance(piece.get(key), str) and piece[key] in names
        }
        return {**piece, **found} if found else piece

    return bool(odd) and change_turns(fields, lambda turn: change_parts(renamed(turn), renamed))


def _short_names(ids: set[str], taken: set[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for each in sorted(ids):
        distinct = each
        while (made := MISTRAL_IDS.made(distinct)) in taken:
            distinct += " "
        names[each] = made
        taken.add(made)
    return names
