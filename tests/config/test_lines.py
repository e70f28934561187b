"""On which line each key of a TOML file is."""

import tomllib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.config.lines import line_of, lines_of

TEXT = '''\
# a = 0
title = "x" # title

[table]
a.b = 1
"quoted key" = 2
'literal' = """
[not.a.table]
not_a_key = 1 """

[[list]]
many = [
    1, # ]
    "[", { x = [1, 2] },
]
after = 3
[list.inner]
deep = \'\'\'
no = 1\'\'\'
[[list]]
many = []
[[list.more]]
last = true
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("table",), 4),
        (("table", "a", "b"), 5),
        (("table", "quoted key"), 6),
        (("table", "literal"), 7),
        (("list", 0), 11),
        (("list", 0, "many"), 12),
        (("list", 0, "many", 1, "x"), 12),
        (("list", 0, "after"), 16),
        (("list", 0, "inner"), 17),
        (("list", 0, "inner", "deep"), 18),
        (("list", 1), 20),
        (("list", 1, "many"), 21),
        (("list", 1, "more", 0, "last"), 23),
        (("nowhere",), None),
        (("not",), None),
        (("list", 0, "inner", "no"), 17),
    ],
)
def test_each_key_has_its_line(path: tuple[str | int, ...], line: int | None) -> None:
    """Strings and comments hide what looks like a key; inside a value, its first line counts."""
    assert line_of(path, lines_of(TEXT)) == line


HIDDEN = [
    ('[a."b] # c"]\nx = 1', ("a", "b] # c", "x"), 2),
    ('a = """\\"""\n["]\n"""\nx = 1', ("x",), 4),
    ('a = """\n[ """"  # "\nx = 1', ("x",), 3),
    ("a = '''\n[ '''''\nx = 1", ("x",), 3),
    ("# \u2028[x\n# \x85a = 1\nx = 1", ("x",), 3),
    ("a = { b = [1, 2], c = '#' } # {\r\n\r\nx = 1", ("x",), 3),
    ("[[ a . b ]]\nc . d = [\n]\nx = 1", ("a", "b", 0, "x"), 4),
    ("a = 1", ("a",), 1),
]


@pytest.mark.parametrize(("text", "path", "line"), HIDDEN)
def test_what_is_inside_of_strings_and_comments_is_no_key(
    text: str, path: tuple[str, ...], line: int
) -> None:
    """Quotes may be escaped, or end a text; and only a newline ends a line."""
    assert tomllib.loads(text)
    assert lines_of(text)[path] == line


@given(st.lists(st.sampled_from(['"', "'", "[", "]", "{", "}", "=", "#", "\n", "a", ".", "\\", '"""', " "])))
def test_no_text_breaks_the_scan(pieces: list[str]) -> None:
    """Only valid TOML is scanned, and the scan does not rely on it."""
    with suppress(ValueError):  # of the parser, which reads the keys
        lines_of("".join(pieces))
