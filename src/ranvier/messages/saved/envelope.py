"""The text around saved values: the name and version of the format, and its limits.

Every version that was ever released stays readable. A change of the format gets the next number, and data of
older numbers is brought up to date in `_contents`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError, InvalidDumpError
from ranvier.messages.saved.kinds import Kind, Unfit, name_of
from ranvier.messages.schema.lenient import STRICT

VERSION: Final = 2
"""1 had no documents and no sound; otherwise it is the same."""

MAX_LENGTH: Final = 64 * 1024 * 1024
"""Characters of a text: more than any provider takes."""

FUNCTIONS: Final = {"history": "load", "response": "load_response"}
"""What is saved, and the function that loads it."""


def written(what: str, kind: Kind, value: Any, store: Any) -> str:
    """`value` as a text.

    Raises:
        ConfigurationError: it holds something that cannot be saved.
    """
    try:
        data = kind.write(value, store)
    except Unfit as unfit:
        raise ConfigurationError(f"the {what} cannot be saved: {what}{unfit}") from None
    text = _json({"format": f"ranvier.{what}", "version": VERSION, what: data})
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(
            f"the {what} cannot be saved: it has more than {MAX_LENGTH} characters: give store=..., which "
            "keeps images, documents and audio elsewhere, or drop old messages"
        )
    return text


def _json(data: Any) -> str:
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:  # half a character, which no database could store
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise ConfigurationError("it cannot be saved: an integer has too many digits") from None
    return text


def read(what: str, kind: Kind, text: str | bytes, fetch: Any) -> Any:
    """The value that `text` holds.

    Raises:
        InvalidDumpError: it is damaged, or none that this version reads. Neither its causes nor its frames
            hold anything of the text.
    """
    if not isinstance(text, (str, bytes)):
        raise ConfigurationError(f"text is a {name_of(text)}: give the str that dump() returned")
    value, refusal = _value_or_refusal(what, kind, text, fetch)
    del text
    if refusal is not None:
        raise InvalidDumpError(refusal)
    return value


def _value_or_refusal(what: str, kind: Kind, text: str | bytes, fetch: Any) -> tuple[Any, str | None]:
    try:
        data = _contents(what, _decoded(text))
    except Unfit as unfit:
        return None, f"the text {unfit.reason}"
    try:
        return kind.read(data, fetch), None
    except Unfit as unfit:
        return None, f"the saved {what} cannot be read: {what}{unfit}"


def _decoded(text: str | bytes) -> Any:
    if len(text) > MAX_LENGTH:
        raise Unfit(f"has more than {MAX_LENGTH} characters, the most that is read")
    try:
        return STRICT.decode(text if isinstance(text, str) else text.decode())
    except (ValueError, RecursionError):
        raise Unfit("is not valid JSON: it is damaged, or cut off") from None


def _contents(what: str, data: Any) -> Any:
    """What an envelope holds, in the form of the current version."""
    name = data.get("format") if isinstance(data, dict) else None
    other = next((each for each in FUNCTIONS if name == f"ranvier.{each}"), None)
    if other is None:
        raise Unfit("was not written by ranvier.messages: it has no such 'format'")
    if other != what:
        raise Unfit(f"holds a {other}, not a {what}: call {FUNCTIONS[other]}()")
    version = data.get("version")
    if type(version) is not int or version < 1:
        raise Unfit("has no valid 'version': it is damaged")
    if version > VERSION:
        shown = version if version < 1_000_000 else "unknown"
        raise Unfit(
            f"has version {shown} of the format, and this ranvier reads up to {VERSION}: upgrade it with "
            "pip install --upgrade ranvier"
        )
    if data.keys() != {"format", "version", what}:
        raise Unfit(f"is damaged: it has other fields than format, version and {what}")
    return data[what]
