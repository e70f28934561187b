"""Writes pictures, documents and sound as parts of Gemini's API: their bytes, or a URL that it fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.media.sources import last_segment, type_by_name
from ranvier.messages.message import Media
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import IN_WORDS, check_taken

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

KINDS: Final = {"Image": "image", "Document": "document", "Audio": "audio"}


def media_part(wire: Wire, call: Call, part: Media, part_fields: PartFields) -> Json:
    """The part of a picture, a document or sound; the API takes no name of it.

    Raises:
        UnsupportedRequestError: the API does not fetch that URL.
    """
    check_taken(wire, call, part)
    part_fields.accepted(KINDS[type(part).__name__], part.extra)
    if isinstance(part, Image) and part.detail is not None:
        part_fields.leave_out("detail")
    if isinstance(part, Document) and part.name not in (None, last_segment(part.url or "")):
        part_fields.leave_out("name")
    media_type = _media_type(part)
    if part.url is None:
        return {"inlineData": {"mimeType": media_type, "data": part.base64}}
    if not part.url.startswith("https://"):
        raise wire.unsupported(call, f"fetches {IN_WORDS[type(part).__name__]} only by https")
    return {"fileData": {"fileUri": part.url, "mimeType": media_type}}


def _media_type(part: Media) -> str | None:
    if isinstance(part, Audio):
        return f"audio/{part.format}"  # as its documentation names them: `audio/mp3`
    if isinstance(part, Document) or part.url is None:
        return part.media_type
    return part.media_type or type_by_name(urlsplit(part.url).path) or "image/jpeg"
