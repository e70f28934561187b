"""Writes pictures and documents as blocks of Converse."""

from __future__ import annotations

import re
from collections.abc import Iterable
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

UNNAMED: Final = "document"


def media_block(wire: Wire, call: Call, part: Media, part_fields: PartFields) -> Json:
    """The block of a picture or a document.

    Raises:
        UnsupportedRequestError: the API takes no such part.
    """
    check_taken(wire, call, part)
    if isinstance(part, Document):
        part_fields.accepted("document", part.extra)
        name = NOT_IN_NAMES.sub(" ", part.name or "").strip() or UNNAMED
        return {"document": {"format": "pdf", "name": name, "source": {"bytes": part.base64}}}
    part_fields.accepted("image", part.extra)
    if isinstance(part, Image) and part.detail is not None:
        part_fields.leave_out("detail")
    if part.url is not None:
        raise wire.unsupported(call, "does not fetch images: give their bytes")
    kind = str(part.media_type).rpartition("/")[2]
    return {"image": {"format": kind, "source": {"bytes": part.base64}}}


def name_apart(blocks: Iterable[Json]) -> bool:
    """Give each document of a message a name of its own, as the API requires; false if there is none."""
    taken: set[str] = set()
    for document in (block["document"] for block in blocks if "document" in block):
        name, number = document["name"], 1
        while document["name"] in taken:
            number += 1
            document["name"] = f"{name} {number}"
        taken.add(document["name"])
    return bool(taken)
