"""Where an answer leaves its schema, without a word of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

MAX_PLACE = 200
"""Characters of a place that are shown; the middle of a longer one is left out."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where and how an answer leaves its schema.

    Attributes:
        place: A JSON path. Keys that the schema does not name are shown as `*`: they are content.
        rule: What is asked there, without a word of the answer: fit for logs.
        words: The same in words that may quote the answer: fit for the model that wrote it, alone.
    """

    place: str
    rule: str
    words: str

    def __str__(self) -> str:
        return f"at {self.place}: {self.rule}"


def place(segments: Iterable[str | int], names: Set[str]) -> str:
    """`$.items[0].price` for the way to a value; keys that are not among `names` are content."""
    shown = "$"
    for segment in segments:
        if isinstance(segment, int):
            shown += f"[{segment}]"
        elif segment not in names:
            shown += ".*"
        else:
            shown += f".{segment}" if segment.isidentifier() else f"[{segment!r}]"
    if len(shown) > MAX_PLACE:
        shown = f"{shown[: MAX_PLACE // 2]}...{shown[-MAX_PLACE // 2 :]}"
    return shown


def names_in(definition: object) -> set[str]:
    """Every name that a schema gives to a property."""
    names: set[str] = set()
    rest = [definition]
    while rest:  # no recursion: a schema may be as deep as it likes
        node = rest.pop()
        if isinstance(node, Mapping):
            properties = node.get("properties")
            names.update(properties if isinstance(properties, Mapping) else ())
            rest.extend(node.values())
        elif isinstance(node, (list, tuple)):
            rest.extend(node)
    return names


def name_for(name: str) -> str:
    """`name` in the characters that every provider takes in the name of a tool or a schema; maybe none."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64].strip("_")
