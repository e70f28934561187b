"""Mismatches between an answer and its schema, described without quoting the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

MAX_PATH = 200
"""Characters of a path that are shown; the middle of a longer one is left out."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where and how an answer does not match its schema.

    Attributes:
        path: A JSON path. Keys that the schema does not name are shown as `*`, because they are content.
        rule: The violated rule, without quoting the answer: safe for logs.
        words: A description that may quote the answer: only for the model that wrote it.
    """

    path: str
    rule: str
    words: str

    def __str__(self) -> str:
        return f"at {self.path}: {self.rule}"


def json_path(segments: Iterable[str | int], names: Set[str]) -> str:
    """`$.items[0].price` for the path to a value; keys that are not among `names` are shown as `*`."""
    shown = "$"
    for segment in segments:
        if isinstance(segment, int):
            shown += f"[{segment}]"
        elif segment not in names:
            shown += ".*"
        else:
            shown += f".{segment}" if segment.isidentifier() else f"[{segment!r}]"
    if len(shown) > MAX_PATH:
        shown = f"{shown[: MAX_PATH // 2]}...{shown[-MAX_PATH // 2 :]}"
    return shown


def names_in(definition: object) -> set[str]:
    """Every name that a schema gives to a property."""
    names: set[str] = set()
    rest = [definition]
    while rest:  # no recursion, because a schema may be nested to any depth
        node = rest.pop()
        if isinstance(node, Mapping):
            properties = node.get("properties")
            names.update(properties if isinstance(properties, Mapping) else ())
            rest.extend(node.values())
        elif isinstance(node, (list, tuple)):
            rest.extend(node)
    return names


def name_for(name: str) -> str:
    """`name` in the characters that every provider accepts in names of tools and schemas; may be empty."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64].strip("_")
