"""Prepares a provider's text for an error: one short printable line, without the key and other secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from ranvier.caller import PLAIN_FAILURES

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


def text_of(error: BaseException) -> str:
    """The text of an error of code that is not ours; empty if its own `__str__` fails."""
    try:
        return str(error)
    except PLAIN_FAILURES:
        return ""


def shown(text: str | None, longest: int, secret: Secret) -> str:
    """One printable line without the secret, which is masked before the line is cut so no part remains."""
    line = _one_line(text or "")
    if secret:
        line = masked(line, tuple(map(_one_line, _values(secret))))
    if len(line) > longest:
        line = line[: longest - 3] + "..."
    if line.isprintable():  # as nearly all
        return line
    return "".join(each if each.isprintable() else "\ufffd" for each in line)


def _one_line(text: str) -> str:
    if text.isprintable() and "  " not in text:  # as nearly all: a blank is the only printable match
        return text.strip()
    return _UNPRINTABLE.sub(" ", text).strip()


def masked(text: str, secret: Secret) -> str:
    """`text` with the secret masked, in any of its encodings."""
    if not echoes(text, secret):  # as nearly all
        return text
    pieces = {piece for value in _values(secret) for piece in _pieces(value)} - {""}
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, "***")
    return text


def echoes(content: str | bytes, secret: Secret) -> bool:
    """True if `content` repeats the secret or a half of it, in any of its encodings."""
    return any(_echoes(content, value) for value in _values(secret) if value)


def _echoes(content: str | bytes, secret: str) -> bool:
    half = len(secret) // 2
    if len(content) < (len(secret) if half < 8 else half):  # shorter than the shortest piece
        return False
    if half < 8 or not (secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()):
        pieces = _pieces(secret)
    else:  # nearly every key: its encodings are the same, and it has both halves
        pieces = {secret[:half], secret[half:]}
    if isinstance(content, bytes):
        return any(piece.encode("utf-8", "replace") in content for piece in pieces)
    return any(piece in content for piece in pieces)


def secrets_in(secret: Secret, *given: Mapping[str, str]) -> Secret:
    """`secret`, and the values of headers and parameters, whole and by words: `Bearer` is none."""
    values = [value for each in given for name, value in each.items() if name not in PUBLIC]
    words = [word for value in values for word in (value, *value.split()) if len(word) >= LEAST_SECRET]
    return (*_values(secret), *dict.fromkeys(words))


def _values(secret: Secret) -> tuple[str, ...]:
    return secret if isinstance(secret, tuple) else (secret or "",)


def _pieces(secret: str) -> set[str]:
    """The encodings of a secret in bodies, and its halves, for a body that was cut."""
    half = len(secret) // 2
    halves = {secret[:half], secret[half:]} if half >= 8 else set()
    spelled = {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quote(secret, safe="")}
    return (spelled | halves) - {""}
