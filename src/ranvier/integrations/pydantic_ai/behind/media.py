"""Translates the parts of prompts and tool results to pydantic-ai's content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import AudioUrl, BinaryContent, DocumentUrl, ImageUrl, UserContent

from ranvier.integrations.pydantic_ai.behind.settings import unsent
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document, is_text
from ranvier.messages.media.image import Image
from ranvier.messages.message import Text, ToolResult

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


def check_media(call: Call, refused: frozenset[type]) -> None:
    """Check that the model supports the files in the conversation.

    Raises:
        UnsupportedRequestError: it does not support one of them.
    """
    if not refused:
        return
    for message in call.request.messages:
        for part in message.parts if not isinstance(message.content, str) else ():
            for each in part.parts if isinstance(part, ToolResult) else (part,):
                if type(each) in refused and not is_text(each):
                    raise unsent(call, f"a {type(each).__name__}")


def content_of(part: object, call: Call) -> UserContent:
    """The content for one part.

    Raises:
        UnsupportedRequestError: the part has no equivalent in pydantic-ai.
    """
    check_fields(part, call)
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Image):
        detail = None if part.detail is None else {"detail": part.detail}
        return _file(ImageUrl, part, vendor_metadata=detail)
    if isinstance(part, Document):
        return _file(DocumentUrl, part, identifier=part.name)
    if isinstance(part, Audio):
        return _file(AudioUrl, part)
    raise unsent(call, f"a {type(part).__name__} in a prompt")


def _file(by_url: Any, part: Image | Document | Audio, **fields: Any) -> UserContent:
    made: UserContent
    if part.url is not None:
        made = by_url(part.url, media_type=part.media_type, **fields)
    else:
        made = BinaryContent(part.data or b"", media_type=part.media_type or "", **fields)
    return made


def check_fields(part: object, call: Call) -> None:
    """Check that a part has no fields of one API.

    Raises:
        UnsupportedRequestError: it has.
    """
    if extra := getattr(part, "extra", None):
        raise unsent(call, f"further fields of a {type(part).__name__}: {sorted(extra)!r:.200}")
