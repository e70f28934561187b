"""Finds the line of each key in a TOML file, which the standard library's parser does not report.

The text is known to be valid TOML, so the scan only has to distinguish keys from values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""The keys that lead to a value, and positions in lists."""

_STRINGS = (
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")',  # it may end with quotes of its own
    r"'''.*?'{3,5}(?!')",
    r'"(?:[^"\\\n]|\\.)*"',
    r"'[^'\n]*'",
)
_STRING = "|".join(_STRINGS)
_KEY = rf"(?:[\w-]+|{_STRINGS[2]}|{_STRINGS[3]})"
_KEYS = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEYS})[ \t]*\]", re.DOTALL)
KEY = re.compile(rf"[ \t]*({_KEYS})[ \t]*=", re.DOTALL)
TOKEN = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}\n]", re.DOTALL)


def lines_of(text: str) -> dict[Path, int]:
    """The line of each table and key; anything inside a value has the line of the value."""
    lines: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    number, at = 1, 0
    while at < len(text):
        if header := HEADER.match(text, at):
            table = _table(header, counts)
            _note(table, number, lines)
        elif key := KEY.match(text, at):
            _note((*table, *_keys(key[1])), number, lines)
        found = header or key
        end = _end(text, found.end() if found else at)
        number, at = number + text.count("\n", at, end), end
    return lines


def _end(text: str, at: int) -> int:
    """The end of the statement at `at`, which may span several lines."""
    depth = 0
    while token := TOKEN.search(text, at):
        at = token.end()
        if token[0] == "\n" and depth <= 0:
            return at
        depth += (token[0] in "[{") - (token[0] in "]}")
    return len(text)


def _note(path: Path, number: int, lines: dict[Path, int]) -> None:
    """Note the line of a key, and of enclosing tables that begin with it."""
    for end in range(1, len(path) + 1):
        lines.setdefault(path[:end], number)


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of `path`, or of the nearest enclosing table or key; `None` if there is none."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _table(header: re.Match[str], counts: dict[Path, int]) -> Path:
    """The path of a table, with its positions in arrays of tables."""
    path: Path = ()
    keys = list(_keys(header[2]))
    for position, key in enumerate(keys, 1):
        path = (*path, key)
        if position == len(keys) and header[1] == "[[":
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _keys(dotted: str) -> Iterator[str]:
    """The keys of `a."b c".d`."""
    parsed: object = tomllib.loads(f"{dotted} = 0")
    while isinstance(parsed, dict):
        key, parsed = next(iter(parsed.items()))
        yield key
