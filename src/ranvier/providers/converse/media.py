"""Writes pictures and documents as blocks of Converse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import check_taken

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9\-()\[\]]+")
"""What the name of a document must not contain; single spaces take its place."""

NAME_LENGTH: Final = 200
"""The most characters in the name of a document."""

UNNAMED: Final = "document"


def media_block(wire: Wire, call: Call, part: Media, part_fields: PartFields, taken: set[str]) -> Json:
    """The block of a picture or a document; `taken` are the names of documents that the request has so far.

    Raises:
        UnsupportedRequestError: the API takes no such part.
    """
    check_taken(wire, call, part)
    if isinstance(part, Document):
        more = part_fields.accepted("document", part.extra)
        name = _free_name(part.name or "", taken)
        return {"document": {"format": "pdf", "name": name, "source": {"bytes": part.base64}, **more}}
    part_fields.accepted("image", part.extra)
    if isinstance(part, Image) and part.detail is not None:
        part_fields.leave_out("detail")
    if part.url is not None:
        raise wire.unsupported(call, "does not fetch images: give their bytes")
    kind = str(part.media_type).rpartition("/")[2]
    return {"image": {"format": kind, "source": {"bytes": part.base64}}}


def _free_name(name: str, taken: set[str]) -> str:
    """`name` as the API accepts it, and of no other document of the request; adds it to `taken`."""
    free = cleaned = NOT_IN_NAMES.sub(" ", name).strip()[:NAME_LENGTH].strip() or UNNAMED
    number = 1
    while free in taken:
        number += 1
        suffix = f" {number}"
        free = cleaned[: NAME_LENGTH - len(suffix)].strip() + suffix
    taken.add(free)
    return free
