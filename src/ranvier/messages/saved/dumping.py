"""Saves conversations and responses as text, and loads them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError, InvalidDumpError
from ranvier.messages.message import Message
from ranvier.messages.response import ParsedT, Response
from ranvier.messages.saved.envelope import read, written
from ranvier.messages.saved.kinds import Kind, list_of
from ranvier.messages.saved.parts import MESSAGE
from ranvier.messages.schema.schema import Schema

HISTORY: Final = list_of(MESSAGE.kind)

Store = Callable[[bytes], str]
"""Keeps the bytes of a picture, a document or a recording, and returns a reference to them."""

Fetch = Callable[[str], bytes]
"""Returns the bytes for a reference. It comes from the text: do not use it as a path unchecked."""


def dump(history: Iterable[Message], *, store: Store | None = None) -> str:
    """The conversation as a text to keep: JSON, which every later version of ranvier loads.

    Reasoning, signatures and other opaque parts are included, so that the conversation can go on at the
    provider that issued them. A key never is; a digest of it tells for which account they are valid.

    Args:
        history: The messages.
        store: Keeps the bytes of a picture, a document or a recording elsewhere, and returns a reference;
            `None` writes them as base64.

    Raises:
        ConfigurationError: the conversation holds what JSON cannot; the message names the place.
    """
    if isinstance(history, Response):
        raise ConfigurationError("history is a Response: call dump_response(), or dump([response.message])")
    if not isinstance(history, Iterable):
        raise ConfigurationError(f"history is a {type(history).__name__}: give a list of messages")
    return written("history", HISTORY, list(history), store)


def load(text: str | bytes, *, fetch: Fetch | None = None) -> list[Message]:
    """The conversation that `dump` has written, in this version or an older one.

    Args:
        text: What `dump` returned.
        fetch: Returns the bytes for a reference that `store` returned.

    Raises:
        InvalidDumpError: the text is damaged, too long, no saved conversation, or of a newer version. The
            message quotes nothing of it.
    """
    try:
        return list(read("history", HISTORY, text, fetch))
    finally:
        del text  # a traceback report might show it


def dump_response(response: Response[Any], *, store: Store | None = None) -> str:
    """The response as a text to keep, like `dump`.

    All its fields are kept except `record`, and `parsed`, which `load_response` reads from the text again.

    Raises:
        ConfigurationError: the response holds what JSON cannot; the message names the place.
    """
    return written("response", _responses(), response, store)


def load_response(
    text: str | bytes,
    *,
    fetch: Fetch | None = None,
    schema: type[ParsedT] | UnionType | Mapping[str, Any] | Schema | None = None,
) -> Response[ParsedT]:
    """The response that `dump_response` has written, like `load`.

    Args:
        text: What `dump_response` returned.
        fetch: As for `load`.
        schema: The schema of the call, for `parsed`; without it, `parsed` is `None`.

    Raises:
        InvalidDumpError: as for `load`, or the answer does not match `schema`.
    """
    try:
        response: Response[ParsedT] = read("response", _responses(), text, fetch)
    finally:
        del text  # a traceback report might show it
    if schema is None or response.tool_calls:
        return response
    parsed, mismatches = Schema.of(schema).fit(response.text)
    if mismatches:
        raise InvalidDumpError("the saved response does not match schema=...")
    return replace(response, parsed=parsed)


def _responses() -> Kind:
    from ranvier.messages.saved.answers import RESPONSE  # because attempts import messages.usage

    return RESPONSE.kind
