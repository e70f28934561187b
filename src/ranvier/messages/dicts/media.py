"""Reads pictures, documents and sound from dicts of the APIs of OpenAI, Anthropic and Ollama.

A file that the API keeps, and one of a kind that only its API takes, stay a part of that wire.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.characters import whole_characters
from ranvier.messages.dicts.keys import Keys
from ranvier.messages.media.audio import Audio, media_type_of
from ranvier.messages.media.document import PDF, Document, is_document_type, points_elsewhere
from ranvier.messages.media.image import Image
from ranvier.messages.media.sources import is_address, is_name
from ranvier.messages.native import CHAT_COMPLETIONS, RESPONSES
from ranvier.messages.wire import WirePart

T = TypeVar("T")

MARKS: Final = ("cache_control", "prompt_cache_breakpoint")
"""Fields that mark the end of what is cached."""


def _built(where: str, kind: Callable[..., T], **fields: Any) -> T:
    try:
        return kind(**fields)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None


# --- pictures ------------------------------------------------------------------------------------


def image_url(keys: Keys, part: Mapping[str, Any]) -> Image:
    """A picture of chat completions or of the Responses API."""
    url = keys.take("image_url", "")
    detail, media_type = keys.text("detail") or None, None
    if isinstance(url, Mapping):
        inner = Keys(url, f"{keys.where}.image_url")
        url = inner.text("url")
        detail = inner.text("detail") or detail
        media_type = inner.text("format") or None  # litellm
        inner.end()
    extra = keys.extra(*MARKS)
    return _built(keys.where, Image, url=str(url), media_type=media_type, detail=detail, extra=extra)


def image(keys: Keys, part: Mapping[str, Any]) -> Image | WirePart:
    """A picture of Anthropic's API."""
    source = Keys(keys.mapping("source"), f"{keys.where}.source")
    kind = source.take("type")
    if kind == "file":
        keys.extra("cache_control")
        return WirePart("anthropic", copy.deepcopy(dict(part)))
    if kind not in ("base64", "url"):
        raise ConfigurationError(f"{source.where}.type={kind!r:.60}: choose one of base64, url, file")
    url = source.text("url") if kind == "url" else _data_url(source)
    source.end()
    return _built(keys.where, Image, url=url, extra=keys.extra("cache_control"))


def _data_url(source: Keys) -> str:
    return f"data:{source.text('media_type')};base64,{source.text('data')}"


def image_from_base64(data: object, where: str) -> Image:
    """An image given as plain base64, the format of Ollama."""
    if not isinstance(data, str):
        raise ConfigurationError(f"{where} is a {type(data).__name__}: give its bytes as base64")
    return _built(where, Image, url=f"data:;base64,{data}")


# --- documents -----------------------------------------------------------------------------------


def document(keys: Keys, part: Mapping[str, Any]) -> Document | WirePart:
    """A document of Anthropic's API."""
    source = Keys(keys.mapping("source"), f"{keys.where}.source")
    kind = source.take("type")
    if kind not in ("base64", "url", "text"):  # a file, or blocks that may be cited
        return _of_wire("anthropic", keys, part)
    fields: dict[str, Any] = {"name": keys.text("title") or None}
    if kind == "text":
        fields["data"] = whole_characters(source.text("data")).encode()
        fields["media_type"] = source.text("media_type") or "text/plain"
    elif kind == "url":
        fields["url"], fields["media_type"] = source.text("url"), PDF
    else:
        fields["url"] = _data_url(source)
    if fields["name"] is not None and not is_name(fields["name"]):
        return _of_wire("anthropic", keys, part)
    source.end()
    return _built(keys.where, Document, **fields, extra=keys.extra("cache_control", "citations", "context"))


def file(keys: Keys, part: Mapping[str, Any]) -> Document | WirePart:
    """A file of chat completions."""
    given = part.get("file")
    if not isinstance(given, Mapping) or not _is_document(Keys(given, ""), given):
        return _of_wire(CHAT_COMPLETIONS, keys, part)
    inner = Keys(keys.mapping("file"), f"{keys.where}.file")
    inner.take("format")  # litellm: the media type, which the URL has too
    fields = {"url": inner.text("file_data"), "name": inner.text("filename") or None}
    inner.end()
    return _built(keys.where, Document, **fields, extra=keys.extra(*MARKS))


def input_file(keys: Keys, part: Mapping[str, Any]) -> Document | WirePart:
    """A file of the Responses API."""
    if not _is_document(keys, part):
        return _of_wire(RESPONSES, keys, part)
    url, name = keys.text("file_data") or keys.text("file_url"), keys.text("filename") or None
    return _built(keys.where, Document, url=url, name=name, extra=keys.extra("detail", *MARKS))


def _is_document(keys: Keys, given: Mapping[str, Any]) -> bool:
    """True for a file with one source and a name that a `Document` may have."""
    sources = [name for name in ("file_data", "file_url", "file_id") if name in keys]
    url = given[sources[0]] if len(sources) == 1 else None
    if not isinstance(url, str) or not is_name(given.get("filename") or "a name"):
        return False
    if url.startswith("data:"):
        return is_document_type(url.partition(",")[0].removeprefix("data:").partition(";")[0])
    return url.startswith(("http://", "https://")) and not (is_address(url) and points_elsewhere(url))


# --- sound ---------------------------------------------------------------------------------------


def input_audio(keys: Keys, part: Mapping[str, Any]) -> Audio | WirePart:
    """Sound of chat completions."""
    inner = Keys(keys.mapping("input_audio"), f"{keys.where}.input_audio")
    media_type = media_type_of(inner.text("format"))
    if media_type is None:
        return _of_wire(CHAT_COMPLETIONS, keys, part)
    url = f"data:{media_type};base64,{inner.text('data')}"
    inner.end()
    return _built(keys.where, Audio, url=url, extra=keys.extra(*MARKS))


def _of_wire(wire: str, keys: Keys, part: Mapping[str, Any]) -> WirePart:
    """The part unchanged, with whatever its wire's API makes of its keys."""
    keys.extra(*part)
    return WirePart(wire, copy.deepcopy(dict(part)))
