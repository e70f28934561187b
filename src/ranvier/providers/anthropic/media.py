"""Writes pictures and documents as blocks of Anthropic's Messages API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import check_taken

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire


def media_block(wire: Wire, call: Call, part: Media, part_fields: PartFields) -> Json:
    """The block of a picture or a document.

    Raises:
        UnsupportedRequestError: the API takes no such part.
    """
    check_taken(wire, call, part)
    if isinstance(part, Document):
        title = {} if part.name is None else {"title": part.name}
        more = part_fields.accepted("document", part.extra)
        return {"type": "document", "source": _source(part), **title, **more}
    if isinstance(part, Image) and part.detail is not None:
        part_fields.leave_out("detail")
    return {"type": "image", "source": _source(part), **part_fields.accepted("image", part.extra)}


def _source(part: Image | Document | Audio) -> Json:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if is_text(part):  # the API knows no other type of text
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    return {"type": "base64", "media_type": part.media_type, "data": part.base64}
