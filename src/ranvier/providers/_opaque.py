"""Opaque parts in the fields of a request that was refused for one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from ranvier.providers._fixes import Change, Fix
from ranvier.providers._reading import Json
from ranvier.providers._turns import (
    INNER,
    change_parts,
    change_turns,
    ids_of_calls,
    parts_of,
    rename_calls,
    turns_of,
    without,
)

THOUGHTS: Final = ("thinking", "redacted_thinking")
"""Types of blocks that are opaque as a whole."""

OPAQUE_FIELDS: Final = (
    *("thoughtSignature", "reasoning_details", "extra_content", "provider_specific_fields"),
    *("thinking_blocks", "encrypted_content"),
)
"""Fields of a turn, or of one of its parts, that hold what only the issuer understands."""

OPAQUE_ID: Final = "__thought__"
"""In an id of LiteLLM's: a signature follows."""

NOT_OURS: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""The documented signature of a call that another model made: `skip_thought_signature_validator`."""

MARKS: Final[Mapping[str, Json]] = {
    "functionCall": {"thoughtSignature": NOT_OURS},
    "function": {"extra_content": {"google": {"thought_signature": NOT_OURS}}},
}
"""Where it stands: at Gemini, and in Google's version of chat completions."""

NOBODYS: Final = (NOT_OURS, MARKS["function"]["extra_content"])
"""Opaque values that nobody issued."""

MAX_PARTS: Final = 1_000
"""Refused parts that are remembered for one model; the oldest are forgotten first."""


@dataclass(frozen=True)
class LeaveOutOpaque:
    """Leaves out the opaque parts with these digests, which their own issuer refuses.

    With `signs`, calls that lose their signature are signed as another model's: Gemini 3 refuses any without.
    """

    digests: tuple[str, ...]
    signs: bool = False
    lasting: bool = True

    def grown(self, older: Fix) -> Self:
        """The same for the parts of `older` too."""
        assert isinstance(older, LeaveOutOpaque)
        return replace(self, digests=tuple(dict.fromkeys((*older.digests, *self.digests)))[-MAX_PARTS:])

    def apply(self, fields: Json) -> list[Change]:
        """Remove them; a turn of nothing else goes as well."""
        refused = frozenset(self.digests)
        changed = change_turns(fields, lambda turn: self._without(turn, refused))
        changed = (
            rename_calls(fields, {each for each in _signed_ids(fields) if _digest(each) in refused})
            or changed
        )
        if not changed:
            return []
        thinking = [Change("thinking", "left out")] if _stop_thinking(fields) else []
        return [Change("opaque_parts", "left out"), *thinking]

    def _without(self, turn: Json, refused: frozenset[str]) -> Json | None:
        stripped = change_parts(_strip(turn, refused) or turn, lambda part: self._part(part, refused))
        return None if stripped is not turn and not any(map(stripped.get, INNER)) else stripped

    def _part(self, part: Json, refused: frozenset[str]) -> Json | None:
        rest = _strip(part, refused)
        if rest is None or rest is part or not self.signs:
            return rest
        lost = {name: value for name, value in part.items() if name not in rest}
        if "functionCall" in part and "thoughtSignature" in lost:
            return {**rest, **MARKS["functionCall"]}
        return {**rest, **MARKS["function"]} if "google" in (lost.get("extra_content") or ()) else rest


def _stop_thinking(fields: Json) -> bool:
    """Leave out the budget for thoughts where the last turn calls a tool without the one that it demands."""
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return False
    last = next((turn for turn in reversed(turns_of(fields)) if turn.get("role") == "assistant"), {})
    kinds = [part.get("type") for part in parts_of(last)]
    if "tool_use" not in kinds or kinds[0] in THOUGHTS:
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
        if piece.get("type") in THOUGHTS:
            yield _essence(piece)
        found = (piece[name] for name in OPAQUE_FIELDS if name in piece)
        yield from (value for value in found if value not in NOBODYS)


def _essence(block: Json) -> object:
    """What tells a thought from others: its signature, else all of it."""
    return block.get("signature") or block.get("data") or block


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=dict)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _strip(piece: Json, refused: frozenset[str]) -> Json | None:
    """A turn or a part without what is refused; `None` where nothing of it stays, as of a thought."""
    if piece.get("type") in THOUGHTS:
        return None if _digest(_essence(piece)) in refused else piece
    names = [name for name in OPAQUE_FIELDS if name in piece and _digest(piece[name]) in refused]
    rest = without(piece, names)
    is_thought = rest.get("thought") or (rest.keys() <= {"text"} and not rest.get("text"))
    return None if names and is_thought else rest
