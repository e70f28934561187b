"""Fixes for the history of a rejected request, for any API; they change copies only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ranvier.providers._history.call_ids import MISTRAL_IDS
from ranvier.providers._history.opaque import MARKS, OPAQUE_FIELDS
from ranvier.providers._history.turns import (
    change_parts,
    change_turns,
    ids_of_calls,
    parts_of,
    rename_calls,
    without,
)
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.fixes import Change
from ranvier.providers.chat_completions.reasoning import NO_THOUGHT, REASONING


@dataclass(frozen=True)
class SignCalls:
    """Adds Google's documented placeholder signature for foreign calls to the first call of each turn."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Add the signature to turns without one."""
        changed = change_turns(fields, _signed)
        return [Change("thought_signature", "filled in")] if changed else []


@dataclass(frozen=True)
class FillReasoning:
    """Adds minimal reasoning to the model's turns with calls, or if all of these have it, to all turns."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Add reasoning to turns without any."""
        changed = change_turns(fields, lambda turn: _filled(turn) if turn.get("tool_calls") else turn)
        changed = changed or change_turns(fields, _filled)
        return [Change(REASONING, "filled in")] if changed else []


@dataclass(frozen=True)
class LeaveOutReasoning:
    """Omits the reasoning of all turns, which the server does not accept."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove the reasoning."""
        changed = change_turns(fields, lambda turn: without(turn, (REASONING,)))
        return [Change(REASONING, "left out")] if changed else []


@dataclass(frozen=True)
class ShortenIds:
    """Gives tool calls ids of nine letters and digits, which every server accepts."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Replace all other ids, in calls and results alike."""
        odd = {each for each in ids_of_calls(fields) if not MISTRAL_IDS.allowed.fullmatch(each)}
        return [Change("tool_call_ids", "shortened")] if rename_calls(fields, odd) else []


@dataclass(frozen=True)
class LeaveOutIds:
    """Omits the ids of tool calls for Gemini, which then matches calls and results by their order."""

    lasting: bool = True

    def apply(self, fields: Json) -> list[Change]:
        """Remove the ids from calls and results."""
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
