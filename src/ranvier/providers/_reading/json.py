"""Writes and reads JSON, by orjson if it is installed, else by the standard library, with the same result.

orjson rejects much that the library accepts: half of a surrogate pair, numbers beyond 64 bits, encodings
other than UTF-8, `NaN`, raw tabs and line breaks in a string. The library handles what orjson rejects, and
what orjson would read differently.
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
"""Finds, with `_AS_ZEROS`, an integer that orjson might read as a float; no regular expression is as fast."""


def write(fields: object) -> bytes:
    """`fields` as JSON in UTF-8, or in ASCII if half of a surrogate pair cannot be encoded otherwise.

    Raises:
        TypeError, ValueError, RecursionError: a value cannot be written as JSON.
    """
    if orjson is not None:
        try:
            written = orjson.dumps(fields, _as_plain, _STRICT)
        except TypeError:
            pass
        else:
            if b"null" not in written:  # orjson writes `null` for `NaN` too
                return written
    try:
        return _library(fields, ensure_ascii=False)
    except UnicodeEncodeError:
        return _library(fields, ensure_ascii=True)


_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
"""Finds where half of a surrogate pair may be, and also whole pairs. orjson rejects halves."""


def read(content: bytes, on_halves: Callable[[Any], Any] | None = None) -> Any:
    """The value of the JSON in `content`, in any Unicode encoding.

    Gateways write tabs and line breaks unescaped, and cut a character between two events; neither makes a
    value ambiguous.

    `NaN` and numbers beyond a float become a list with their text: no field accepts such a list, and the
    parts of an answer that are kept for the history can be written as JSON again.

    Args:
        content: The JSON.
        on_halves: Called with the value if a string in it may hold half of a surrogate pair, or bytes that
            are no UTF-8, as `surrogateescape` has them; returns the value to use instead. Without it, such
            bytes are an error.

    Raises:
        ValueError, RecursionError: it is truncated, broken, or not JSON.
    """
    if orjson is not None and _LONG_NUMBER not in content.translate(_AS_ZEROS):
        try:
            return orjson.loads(content)
        except ValueError:
            pass
    text = _text(content, escaped=on_halves is not None)
    value = _DECODER.decode(text)
    if on_halves is not None and ("\\u" in text or not text.isascii()) and _HALF.search(text):
        return on_halves(value)
    return value


def _text(content: bytes, *, escaped: bool) -> str:
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding, "surrogatepass")
    except UnicodeDecodeError:
        if not escaped or not encoding.startswith("utf-8"):
            raise
        return content.decode(encoding, "surrogateescape")


def _library(fields: object, *, ensure_ascii: bool) -> bytes:
    return json.dumps(
        fields, separators=(",", ":"), allow_nan=False, ensure_ascii=ensure_ascii, default=_as_plain
    ).encode()


def _as_plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, UUID):  # because orjson writes these two itself
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"it holds a {type(value).__name__}")


def _no_number(word: str) -> list[str]:
    return [word]


def _number(word: str) -> float | list[str]:
    value = float(word)
    return value if math.isfinite(value) else _no_number(word)


_DECODER: Final = json.JSONDecoder(parse_constant=_no_number, parse_float=_number, strict=False)
