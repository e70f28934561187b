"""Changes to the history of a request that was refused: on any wire, and of copies only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ranvier.providers._call_ids import MISTRAL_IDS
from ranvier.providers._fixes import Change
from ranvier.providers._opaque import MARKS, OPAQUE_FIELDS
from ranvier.providers._reading import Json
from ranvier.providers._reasoning import NO_THOUGHT, REASONING
from ranvier.providers._turns import (
    change_parts,
    change_turns,
    ids_of_calls,
    parts_of,
    rename_calls,
    without,
)


@dataclass(frozen=True)
class SignCalls:
    """Signs the first call of each turn as another model's, as Google documents it."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Add the signature where a turn bears none."""
        changed = change_turns(fields, _signed)
        return [Change("thought_signature", "filled in")] if changed else []


@dataclass(frozen=True)
class FillReasoning:
    """Gives the turns of the model the least reasoning that is taken: those with calls, else all."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Add it where there is none."""
        changed = change_turns(fields, lambda turn: _filled(turn) if turn.get("tool_calls") else turn)
        changed = changed or change_turns(fields, _filled)
        return [Change(REASONING, "filled in")] if changed else []


@dataclass(frozen=True)
class LeaveOutReasoning:
    """Leaves out the reasoning of all turns, which the server does not take."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove it."""
        changed = change_turns(fields, lambda turn: without(turn, (REASONING,)))
        return [Change(REASONING, "left out")] if changed else []


@dataclass(frozen=True)
class ShortenIds:
    """Gives tool calls ids of nine letters and digits, which every server takes."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Rename the others, of calls and results together."""
        odd = {each for each in ids_of_calls(fields) if not MISTRAL_IDS.allowed.fullmatch(each)}
        return [Change("tool_call_ids", "shortened")] if rename_calls(fields, odd) else []


@dataclass(frozen=True)
class LeaveOutIds:
    """Leaves out the ids of tool calls at Gemini, which then go by their order."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove them from calls and results."""
        changed = change_turns(fields, lambda turn: change_parts(turn, _without_id))
        return [Change("tool_call_ids", "left out")] if changed else []


def _signed(turn: Json) -> Json:
    calls = [(key, part) for part in parts_of(turn) for key in MARKS if key in part]
    key, first = calls[0] if calls else ("", {})
    if not first or any(field in first for field in OPAQUE_FIELDS):
        return turn
    return change_parts(turn, lambda part: {**part, **MARKS[key]} if part is first else part)


def _filled(turn: Json) -> Json:
    if turn.get("role") != "assistant" or turn.get(REASONING):
        return turn
    return {**turn, REASONING: NO_THOUGHT}


def _without_id(part: Json) -> Json:
    for key in ("functionCall", "functionResponse"):
        if isinstance(part.get(key), Mapping) and "id" in part[key]:
            return {**part, key: without(part[key], ("id",))}
    return part
