"""Repairs unpaired UTF-16 surrogates, which JSON may contain and no encoding can write.

Bytes that are not UTF-8 are such surrogates too, as `surrogateescape` decodes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final


def whole_characters(text: str) -> str:
    """`text` that can be encoded: adjacent surrogates become one character, a lone one becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _BYTES.sub(_character, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


_BYTES: Final = re.compile(r"(?<![\ud800-\udbff])[\udcc2-\udcf4][\udc80-\udcbf]{1,3}")
"""What may be the bytes of one character, as `surrogateescape` has them."""


def _character(found: re.Match[str]) -> str:
    try:
        return found[0].encode("utf-8", "surrogateescape").decode()
    except UnicodeDecodeError:
        return found[0]


def mended(value: Any) -> Any:
    """A JSON value with `whole_characters` applied to every string, names of fields included."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, Mapping):
        return {mended(name): mended(each) for name, each in value.items()}
    if isinstance(value, list):
        return [mended(each) for each in value]
    return value
