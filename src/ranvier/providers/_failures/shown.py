"""Prepares a provider's text for an error: one short printable line, without the key."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import quote

MAX_CODE: Final = 80
MAX_WORDS: Final = 300
MAX_PREVIEW: Final = 500

_UNPRINTABLE = re.compile(  # includes marks that change the writing direction, and lone surrogates
    "[\\s\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]+"
)


def shown(text: str | None, longest: int, secret: str | None) -> str:
    """One printable line without the secret, which is masked before the line is cut so no part remains."""
    line = _one_line(text or "")
    if secret:
        line = masked(line, _one_line(secret))
    if len(line) > longest:
        line = line[: longest - 3] + "..."
    if line.isprintable():  # as nearly all
        return line
    return "".join(each if each.isprintable() else "\ufffd" for each in line)


def _one_line(text: str) -> str:
    if text.isprintable() and "  " not in text:  # as nearly all: a blank is the only printable match
        return text.strip()
    return _UNPRINTABLE.sub(" ", text).strip()


def masked(text: str, secret: str | None) -> str:
    """`text` with the secret masked, in any of its encodings."""
    if not echoes(text, secret):  # as nearly all
        return text
    for piece in _pieces(secret or ""):
        text = text.replace(piece, "***")
    return text


def echoes(content: str | bytes, secret: str | None) -> bool:
    """True if `content` repeats the secret or a half of it, in any of its encodings."""
    if not secret:
        return False
    half = len(secret) // 2
    if len(content) < (len(secret) if half < 8 else half):  # shorter than the shortest piece
        return False
    if half < 8 or not (secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()):
        pieces = _pieces(secret)
    else:  # nearly every key: its encodings are the same, and it has both halves
        pieces = [secret[:half], secret[half:]]
    if isinstance(content, bytes):
        return any(piece.encode("utf-8", "replace") in content for piece in pieces)
    return any(piece in content for piece in pieces)


def _pieces(secret: str) -> list[str]:
    """The encodings of a secret in bodies, and its halves, for a body that was cut; the longest first."""
    half = len(secret) // 2
    halves = {secret[:half], secret[half:]} if half >= 8 else set()
    spelled = {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), quote(secret, safe="")}
    return sorted((spelled | halves) - {""}, key=len, reverse=True)
