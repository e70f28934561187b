"""JSON, written and read: by orjson where that is installed, else by the standard library, with one result.

orjson refuses much that the library takes: half of a surrogate pair, numbers beyond 64 bits, encodings other
than UTF-8, `NaN`. Whatever it refuses is given to the library; what it would read otherwise it is not given.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final
from uuid import UUID

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]  # because: it is an extra
    _STRICT = 0
else:
    _STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME

_AS_ZEROS: Final = bytes(
    ord("0") if chr(each).isdecimal() and each < 128 else ord(" ") for each in range(256)
)
_LONG_NUMBER: Final = b"0" * 19
"""Finds, with `_AS_ZEROS`, where an integer may be that orjson makes a float of; no expression is as fast."""


def write(fields: object) -> bytes:
    """`fields` as JSON, in UTF-8, or in ASCII where half of a surrogate pair has no other spelling.

    Raises:
        TypeError, ValueError, RecursionError: something in it is no JSON.
    """
    if orjson is not None:
        try:
            written = orjson.dumps(fields, _as_plain, _STRICT)
        except TypeError:
            pass
        else:
            if b"null" not in written:  # which it writes for `NaN` too
                return written
    try:
        return _library(fields, ensure_ascii=False)
    except UnicodeEncodeError:
        return _library(fields, ensure_ascii=True)


_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Where half of a surrogate pair may be; it finds whole pairs too. orjson reads no half at all."""


def read(content: bytes, on_halves: Callable[[Any], Any] | None = None) -> Any:
    """The value that `content` holds, in whichever encoding of Unicode.

    `NaN` and numbers that no float holds become lists of their word: nowhere do these pass for what belongs
    there, and what is kept of an answer for the history can be written as JSON again.

    Args:
        content: The JSON.
        on_halves: Given the value where a text in it may hold half of a surrogate pair; returns what to use
            instead.

    Raises:
        ValueError, RecursionError: it is cut, broken, or no JSON.
    """
    if orjson is not None and _LONG_NUMBER not in content.translate(_AS_ZEROS):
        try:
            return orjson.loads(content)
        except ValueError:
            pass
    text = content.decode(json.detect_encoding(content), "surrogatepass")
    value = _DECODER.decode(text)
    if on_halves is not None and ("\\u" in text or not text.isascii()) and _HALF.search(text):
        return on_halves(value)
    return value


def _library(fields: object, *, ensure_ascii: bool) -> bytes:
    return json.dumps(
        fields, separators=(",", ":"), allow_nan=False, ensure_ascii=ensure_ascii, default=_as_plain
    ).encode()


def _as_plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, UUID):  # because orjson knows these two by itself
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"it holds a {type(value).__name__}")


def _no_number(word: str) -> list[str]:
    return [word]


def _number(word: str) -> float | list[str]:
    value = float(word)
    return value if math.isfinite(value) else _no_number(word)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number, parse_float=_number)
