"""Prepares a provider's text for an error: one short printable line, without the key and other secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

MAX_CODE: Final = 80
MAX_WORDS: Final = 300
MAX_PREVIEW: Final = 500

LEAST_SECRET: Final = 8
"""The length from which a header or parameter of a user's is masked: a "1" would be found in every text."""

PUBLIC: Final = frozenset(("api-version", "anthropic-version", "anthropic-beta", "openai-beta"))
"""Headers and parameters without secrets, which errors quote rightly."""

Secret = str | tuple[str, ...] | None
"""What no error may show: a key, or several values."""

_UNPRINTABLE = re.compile(  # includes marks that change the writing direction, and lone surrogates
    "[\\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+"
)


def shown(text: str | None, longest: int, secret: Secret) -> str:
    """One printable line without the secret, which is masked before the line is cut so no part remains."""
    line = masked(_line(text or ""), tuple(map(_line, _values(secret))))
    line = line if len(line) <= longest else line[: longest - 3] + "..."
    return "".join(each if each.isprintable() else "\ufffd" for each in line)


def masked(text: str, secret: Secret) -> str:
    """`text` with the secret masked, in any of its encodings."""
    pieces = {piece for value in _values(secret) for piece in _pieces(value)} - {""}
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "***")
    return text


def secrets_in(secret: Secret, *given: Mapping[str, str]) -> Secret:
    """`secret`, and the values of headers and parameters, whole and by words: `Bearer` is none."""
    values = [value for each in given for name, value in each.items() if name not in PUBLIC]
    words = [word for value in values for word in (value, *value.split()) if len(word) >= LEAST_SECRET]
    return (*_values(secret), *dict.fromkeys(words))


def _values(secret: Secret) -> tuple[str, ...]:
    return secret if isinstance(secret, tuple) else (secret or "",)


def _line(text: str) -> str:
    return _UNPRINTABLE.sub(" ", text).strip()


def _pieces(secret: str) -> set[str]:
    """The encodings of a secret in bodies, and its halves, for a body that was cut."""
    half = len(secret) // 2
    halves = {secret[:half], secret[half:]} if half >= 8 else set()
    return {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quote(secret, safe="")} | halves
