"""JSON is written and read in one way, whether orjson is installed or not."""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.providers._reading import json as _json

pytest.importorskip("orjson")


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


def both(do: Any) -> Any:
    """What `do` gives with orjson, which must be what it gives without; a failure is its kind."""

    def tried() -> Any:
        try:
            return repr(do())
        except (TypeError, ValueError, RecursionError) as error:
            return "ValueError" if isinstance(error, ValueError) else type(error).__name__

    fast = tried()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_json, "orjson", None)
        assert tried() == fast
    return fast


READ = {
    "a lone surrogate": rb'{"a": "\ud83d"}',
    "a pair": rb'{"a": "\ud83d\ude00"}',
    "a raw surrogate": b'{"a": "\xed\xa0\xbd"}',
    "NaN": b'{"a": NaN, "b": -Infinity}',
    "too large for a float": b'{"a": 1e999, "b": -1e400, "c": 1e-999}',
    "many digits before an exponent": b"[" + b"9" * 17 + b"e292]",
    "a huge integer": b'{"a": 123456789012345678901234567890, "b": -9223372036854775809}',
    "the ends of 64 bits": b"[9223372036854775807, -9223372036854775808, 18446744073709551616]",
    "an absurd integer": b"[" + b"1" * 5000 + b"]",
    "a key twice": b'{"a": 1, "a": 2}',
    "no UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": "ü"}'.encode("utf-16"),
    "UTF-32": '{"a": "ü"}'.encode("utf-32-le"),
    "a control character": b'{"a": "\x01"}',
    "zeros": b"[0, -0, 0.0, -0.0, 1.0, 1E2]",
    "a leading zero": b"[01]",
    "a comma too many": b"[1,]",
    "cut": b'{"a": ',
    "two": b"{} {}",
    "none": b"",
    "spaces": b" \t\r\n{} \n",
    "other spaces": b"\x0b{}",
    "deep": b"[" * 500 + b"]" * 500,
    "too deep": b"[" * 200_000 + b"]" * 200_000,
    "a NUL": b"{}\x00",
}


@pytest.mark.parametrize("name", READ)
def test_everything_odd_is_read_alike(name: str) -> None:
    """Odd numbers, odd characters, odd encodings, and what is no JSON at all."""
    both(lambda: _json.read(READ[name]))


def test_what_is_read_is_exact() -> None:
    """No digit is lost, and a number that is none passes for nothing else."""
    assert _json.read(b"[123456789012345678901234567890]") == [123456789012345678901234567890]
    assert _json.read(b"[NaN, 1e999]") == [["NaN"], ["1e999"]]
    assert _json.read(rb'["\ud83d"]') == ["\ud83d"]


WRITTEN = {
    "a lone surrogate": {"a": "\ud83d", "b": "ü"},
    "foreign characters": {"ü": "\U0001f600 \x7f \u2028"},
    "control characters": {"a": '\x00\x1f\n"\\/'},
    "NaN": {"a": math.nan},
    "infinity": {"a": [math.inf]},
    "null": {"a": None, "b": "null"},
    "a huge integer": {"a": 10**30},
    "other keys": {1: 2, None: 3, False: 4},
    "a frozen mapping": {"a": MappingProxyType({"b": (1, 2)})},
    "an enumeration": {"a": Color.RED},
    "an id": {"a": UUID(int=7)},
    "a time": {"a": datetime(2026, 1, 1)},
    "a dataclass": {"a": Point(1)},
    "bytes": {"a": b"x"},
    "a set": {"a": {1}},
    "numbers": {"a": [0, -0.0, 1.5, True]},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_everything_odd_is_written_alike(name: str) -> None:
    """The same bytes, or the same refusal."""
    both(lambda: _json.write(WRITTEN[name]))


def test_what_is_no_json_is_refused() -> None:
    """`NaN` is never written as `null`, nor a time as a text that somebody chose."""
    for name in ("NaN", "infinity", "a time", "a dataclass", "bytes", "a set"):
        assert both(lambda name=name: _json.write(WRITTEN[name])) in ("ValueError", "TypeError")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_is_written_is_read_alike(value: object) -> None:
    """Any JSON, written by the library, means the same to both; and what we write means the same to it."""
    text = json.dumps(value).encode()
    both(lambda: _json.read(text))
    both(lambda: json.loads(_json.write(value)))
