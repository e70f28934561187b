"""On which line of a TOML file each key is: the standard library's parser does not tell.

The text is known to be valid TOML, so that the scan only has to tell keys from values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
"""The keys that lead to a value, and positions in lists."""

HEADER = re.compile(r"\s*(\[\[?)(.*?)\]\]?\s*(#.*)?$")
_KEY = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
KEY = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")
TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|[\[\]{}]|#.*')


def lines_of(text: str) -> dict[Path, int]:
    """The line of each table and key; of what is inside a value, only that of the value."""
    lines: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    value = _Value()
    for number, line in enumerate(text.splitlines(), 1):
        if value.is_open:
            value.read(line)
        elif header := HEADER.match(line):
            table = _table(header, counts)
            _note(table, number, lines)
        elif key := KEY.match(line):
            _note((*table, *_keys(key[1])), number, lines)
            value.read(line[key.end() :])
    return lines


def _note(path: Path, number: int, lines: dict[Path, int]) -> None:
    """Note the line of a key, and of tables around it that begin with it."""
    for end in range(1, len(path) + 1):
        lines.setdefault(path[:end], number)


def line_of(path: Path, lines: Mapping[Path, int]) -> int | None:
    """The line of `path`, or of the closest thing around it; `None` if there is none."""
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), None)


def _table(header: re.Match[str], counts: dict[Path, int]) -> Path:
    """The path of a table, with the positions of the arrays that it is in."""
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


class _Value:
    """Follows a value to its end, which may be lines later.

    Attributes:
        is_open: True while it has not ended.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._quotes = ""

    @property
    def is_open(self) -> bool:
        """True while it has not ended."""
        return self._depth > 0 or bool(self._quotes)

    def read(self, line: str) -> None:
        """Read one line of it."""
        if self._quotes:
            end = line.find(self._quotes)
            if end < 0:
                return
            line, self._quotes = line[end + 3 :], ""
        at = 0
        while token := TOKEN.search(line, at):
            at = token.end()
            if token[0] in ('"""', "'''"):
                end = line.find(token[0], at)
                if end < 0:
                    self._quotes = token[0]
                    return
                at = end + 3
            else:
                self._depth += (token[0] in "[{") - (token[0] in "]}")
