"""Finds and removes opaque parts in a request that was rejected for one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from ranvier.providers._history.turns import (
    INNER,
    change_parts,
    change_turns,
    ids_of_calls,
    parts_of,
    rename_calls,
    turns_of,
    without,
)
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.fixes import Change, Fix

THINKING_BLOCKS: Final = ("thinking", "redacted_thinking", "reasoning")
"""Types of blocks and items that are opaque as a whole."""

OPAQUE_FIELDS: Final = (
    *("thoughtSignature", "reasoning_details", "extra_content", "provider_specific_fields"),
    *("thinking_blocks", "encrypted_content"),
)
"""Fields of a turn, or of one of its parts, with data that only the issuer can read."""

OPAQUE_ID: Final = "__thought__"
"""Precedes a signature in an id of LiteLLM's."""

NOT_OURS: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""The documented signature for a call by another model: `skip_thought_signature_validator`."""

MARKS: Final[Mapping[str, Json]] = {
    "functionCall": {"thoughtSignature": NOT_OURS},
    "function": {"extra_content": {"google": {"thought_signature": NOT_OURS}}},
}
"""The field that holds it: in Gemini's API, and in Google's version of chat completions."""

WITHOUT_ISSUER: Final = (NOT_OURS, MARKS["function"]["extra_content"])
"""Opaque values that have no issuer."""

MAX_PARTS: Final = 1_000
"""Maximum number of rejected parts remembered for one model; the oldest are forgotten first."""


@dataclass(frozen=True)
class LeaveOutOpaque:
    """Removes the opaque parts with these digests, which their own issuer rejects.

    With `signs`, calls that lose their signature get that of another model's call: Gemini 3 rejects calls
    without one.
    """

    digests: tuple[str, ...]
    signs: bool = False
    lasting: bool = True

    def grown(self, older: Fix) -> Self:
        """This fix, extended by the parts of `older`."""
        assert isinstance(older, LeaveOutOpaque)
        return replace(self, digests=tuple(dict.fromkeys((*older.digests, *self.digests)))[-MAX_PARTS:])

    def apply(self, fields: Json) -> list[Change]:
        """Remove the parts, and any turn that is empty afterwards."""
        rejected = frozenset(self.digests)
        changed = change_turns(fields, lambda turn: self._without(turn, rejected))
        changed = (
            rename_calls(fields, {each for each in _signed_ids(fields) if _digest(each) in rejected})
            or changed
        )
        if not changed:
            return []
        thinking = [Change("thinking", "left out")] if _stop_thinking(fields) else []
        return [Change("opaque_parts", "left out"), *thinking]

    def _without(self, turn: Json, rejected: frozenset[str]) -> Json | None:
        if (rest := _strip(turn, rejected)) is None:
            return None
        stripped = change_parts(rest, lambda part: self._part(part, rejected))
        return None if stripped is not turn and not any(map(stripped.get, INNER)) else stripped

    def _part(self, part: Json, rejected: frozenset[str]) -> Json | None:
        rest = _strip(part, rejected)
        if rest is None or rest is part or not self.signs:
            return rest
        lost = {name: value for name, value in part.items() if name not in rest}
        if "functionCall" in part and "thoughtSignature" in lost:
            return {**rest, **MARKS["functionCall"]}
        return {**rest, **MARKS["function"]} if "google" in (lost.get("extra_content") or ()) else rest


def _stop_thinking(fields: Json) -> bool:
    """Switch thinking off if the last turn calls a tool without the thinking that it requires."""
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return False
    last = next((turn for turn in reversed(turns_of(fields)) if turn.get("role") == "assistant"), {})
    kinds = [part.get("type") for part in parts_of(last)]
    if "tool_use" not in kinds or kinds[0] in THINKING_BLOCKS:
        return False
    del fields["thinking"]
    return True


def opaque_parts(fields: Json) -> tuple[str, ...]:
    """Digests of all opaque parts in the history."""
    found = [each for turn in turns_of(fields) for each in _opaque(turn)]
    return tuple(dict.fromkeys(map(_digest, [*found, *_signed_ids(fields)])))


def _signed_ids(fields: Json) -> list[str]:
    return [each for each in ids_of_calls(fields) if OPAQUE_ID in each]


def _opaque(turn: Json) -> Iterator[object]:
    for piece in (turn, *parts_of(turn)):
        if _is_thinking(piece):
            yield _essence(piece)
        found = (piece[name] for name in OPAQUE_FIELDS if name in piece)
        yield from (value for value in found if value not in WITHOUT_ISSUER)


def _is_thinking(piece: Json) -> bool:
    return piece.get("type") in THINKING_BLOCKS or "reasoningContent" in piece  # Converse


def _essence(block: Json) -> object:
    """The value that identifies a thinking block: its signature, else the whole block."""
    return block.get("signature") or block.get("data") or block.get("encrypted_content") or block


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=dict)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _strip(piece: Json, rejected: frozenset[str]) -> Json | None:
    """A turn or a part without the rejected fields; `None` if nothing is left, as with thinking."""
    if _is_thinking(piece):
        return None if _digest(_essence(piece)) in rejected else piece
    names = [name for name in OPAQUE_FIELDS if name in piece and _digest(piece[name]) in rejected]
    rest = without(piece, names)
    is_thought = rest.get("thought") or (rest.keys() <= {"text"} and not rest.get("text"))
    return None if names and is_thought else rest
