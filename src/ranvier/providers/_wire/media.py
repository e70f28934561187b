"""Which documents and which sound a wire takes; a target that does not is skipped, before anything is sent.

A wire names the kinds that it takes in `Wire.media`. A text whose bytes are in the request is taken by every
wire: one without text documents gets it as text (`_history.documents`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ranvier.messages.media.audio import FORMATS, Audio
from ranvier.messages.media.document import PDF, Document, is_text
from ranvier.messages.message import MEDIA
from ranvier.providers._models.capabilities import is_deaf

if TYPE_CHECKING:
    from ranvier.errors.provider import UnsupportedRequestError
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

PDFS: Final = "PDF"
PDFS_BY_URL: Final = "PDF by URL"
TEXTS: Final = "text document"
TEXTS_BY_URL: Final = "text document by URL"
AUDIO_BY_URL: Final = "audio by URL"
WAV_OR_MP3: Final = frozenset(("audio/wav", "audio/mpeg"))
ANY_AUDIO: Final = frozenset(FORMATS)

IN_WORDS: Final = {"Image": "images", "Document": "documents", "Audio": "audio"}


def untaken(wire: Wire, call: Call, part: object) -> str:
    """Why the target of `call` takes no such document or sound; empty if it does, or if that is not known."""
    if not isinstance(part, (Document, Audio)) or is_text(part):
        return ""
    kind = _kind(part)
    if kind not in wire.media:
        known = kind.startswith("audio/") and not wire.media.isdisjoint(ANY_AUDIO)
        return f"takes no {kind}" if known or not kind.startswith("audio") else "takes no audio"
    return "takes no audio" if isinstance(part, Audio) and is_deaf(wire.facts(call)) else ""


def check_taken(wire: Wire, call: Call, part: object) -> None:
    """Check that the target takes that part.

    Raises:
        UnsupportedRequestError: it does not.
    """
    if reason := untaken(wire, call, part):
        raise wire.unsupported(call, reason)


def of_assistant(wire: Wire, call: Call, parts: Iterable[object]) -> UnsupportedRequestError | None:
    """The error for pictures, documents or sound among the parts of the assistant, which few APIs take."""
    part = next((part for part in parts if isinstance(part, MEDIA)), None)
    if part is None:
        return None
    return wire.unsupported(call, f"takes no {IN_WORDS[type(part).__name__]} from the assistant")


def _kind(part: Document | Audio) -> str:
    if isinstance(part, Audio):
        return AUDIO_BY_URL if part.url is not None else part.media_type or ""
    if part.url is None:
        return PDFS
    return PDFS_BY_URL if part.media_type == PDF else TEXTS_BY_URL
