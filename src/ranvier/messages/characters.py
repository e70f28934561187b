"""Half characters: JSON may name one half of a UTF-16 surrogate pair, and no encoding can write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def whole_characters(text: str) -> str:
    """`text` that can be encoded: adjacent halves become one character, a lone one becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def mended(value: Any) -> Any:
    """A JSON value in which every text has passed through `whole_characters`, names of fields included."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, Mapping):
        return {mended(name): mended(each) for name, each in value.items()}
    if isinstance(value, list):
        return [mended(each) for each in value]
    return value
