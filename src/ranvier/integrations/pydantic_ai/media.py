"""Translates pydantic-ai's content of prompts and tool results to our parts."""

from __future__ import annotations

from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import AudioUrl, BinaryContent, DocumentUrl, FileUrl, ImageUrl, TextContent

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media, Text


def content_of(content: Any) -> Text | Media:
    """The part for one item.

    Raises:
        UserError: our providers do not support such an item; the error names its kind.
    """
    if isinstance(content, str):
        return Text(content)
    if isinstance(content, TextContent):
        return Text(content.content)
    if isinstance(content, (FileUrl, BinaryContent)):
        return _file(content)
    raise unsent(content)


def unsent(part: object) -> UserError:
    """The error for a part that our providers do not support."""
    return UserError(
        f"A pipeline of ranvier does not send a {type(part).__name__}: give text, images, PDFs, sound, and "
        "calls and results of function tools. Without an Agent, call model.prepare_messages(messages) first"
    )


def _file(content: FileUrl | BinaryContent) -> Media:
    metadata = dict(content.vendor_metadata or {})
    try:
        part = _by_url(content, metadata) if isinstance(content, FileUrl) else _by_bytes(content, metadata)
    except ConfigurationError as error:  # bytes of another format, for example
        raise UserError(
            f"A pipeline of ranvier does not send this {type(content).__name__}: {error}"
        ) from error
    if metadata:
        raise UserError(
            f"A pipeline of ranvier does not send the vendor_metadata {sorted(metadata)!r:.200} of a "
            f"{type(content).__name__}"
        )
    return part


def _by_url(content: FileUrl, metadata: dict[str, Any]) -> Media:
    """A file by its URL, which the provider fetches; removes the entries of `metadata` that are sent."""
    if content.force_download:
        raise UserError(
            "A pipeline of ranvier does not send what it has to download: give the bytes, as "
            "BinaryContent, or leave force_download out"
        )
    kind = _media_type(content)
    if isinstance(content, ImageUrl):
        return Image(content.url, media_type=kind, detail=metadata.pop("detail", None))
    if isinstance(content, DocumentUrl):
        return Document(content.url, media_type=kind)
    if isinstance(content, AudioUrl):
        return Audio(content.url, media_type=kind)
    raise unsent(content)


def _media_type(file: FileUrl) -> str | None:
    """The media type; `None` if neither the user nor the URL states it."""
    try:
        kind: str = file.media_type
    except ValueError:
        return None
    return kind


def _by_bytes(content: BinaryContent, metadata: dict[str, Any]) -> Media:
    """A file by its bytes; removes the entries of `metadata` that are sent."""
    if content.is_image:
        return Image(data=content.data, media_type=content.media_type, detail=metadata.pop("detail", None))
    if content.is_audio:
        return Audio(data=content.data, media_type=content.media_type)
    if content.is_video:
        raise UserError("A pipeline of ranvier does not send video: give pictures of it")
    return Document(data=content.data, media_type=content.media_type)
