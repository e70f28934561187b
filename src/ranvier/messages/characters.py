"""Repairs unpaired UTF-16 surrogates, which JSON may contain and no encoding can write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def whole_characters(text: str) -> str:
    """`text` that can be encoded: adjacent surrogates become one character, a lone one becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def mended(value: Any) -> Any:
    """A JSON value with `whole_characters` applied to every string, names of fields included."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, Mapping):
        return {mended(name): mended(each) for name, each in value.items()}
    if isinstance(value, list):
        return [mended(each) for each in value]
    return value
