"""Documents in a prompt: PDFs and texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Self, TypeGuard
from urllib.parse import urlsplit

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.media.sources import (
    bytes_of_file,
    check_size,
    check_source,
    decoded,
    encoded,
    is_name,
    last_segment,
    type_by_name,
    without_query,
)

PDF: Final = "application/pdf"

HEAD: Final = 1024
"""The bytes of a PDF in which its signature must be: some programs write something before it."""

TEXTS: Final = frozenset(
    f"application/{kind}"
    for kind in ("json", "xml", "yaml", "x-yaml", "toml", "sql", "javascript", "x-ndjson", "x-sh", "x-tex")
)
"""Media types of text that do not begin with `text/`."""

OTHERS: Final = ("application/vnd.", "application/msword", "application/zip", "audio/", "image/", "video/")
"""The beginnings of media types that a URL ends like, if it is that of no document."""

INSTEAD: Final = (
    "a picture is an Image, sound is Audio, and another file goes to one API in its own format: "
    "WirePart(wire, {...})"
)


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A PDF or a text: `Document.from_file("report.pdf")`, `Document(data=pdf)`, `Document("https://...")`.

    A provider without documents of text gets the text within the message, between `<document>` tags with
    its name. A target that takes no PDF, or fetches none, is skipped, and the next one is tried.

    Attributes:
        url: Its URL, `http(s)` or `data:`. Ranvier does not fetch it.
        data: Its bytes, at most 50 MiB; a text in UTF-8.
        media_type: `application/pdf`, `text/...`, or that of another text, such as `application/json`. If
            omitted it is detected: from the bytes, or from the end of the URL, which else is that of a PDF.
        name: The name that a model is shown; by default that of the file, or the last part of the URL.
        extra: Further fields on the wire, such as `{"citations": {"enabled": True}}`; as for `Text`.

    Raises:
        ConfigurationError: neither or both of `url` and `data` are given, or the bytes are empty, too many,
            or neither a PDF nor a text.
    """

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None
    name: str | None = None
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_source("Document", self.url, self.data)
        if self.name is not None and not is_name(self.name):
            raise ConfigurationError(
                "Document(name=...): give a str of 1 to 500 characters, without control characters"
            )
        if self.url is not None and self.url.startswith("data:"):
            media_type, data = decoded("Document", self.url)
            check_size("Document(url='data:...')", data)
            self._set(url=None, data=data, media_type=self.media_type or media_type)
        elif self.url is not None:
            self._set(name=self.name or last_segment(self.url))
            if self.media_type is None and points_elsewhere(self.url):
                raise ConfigurationError("Document(url=...): it ends like that of no PDF or text: " + INSTEAD)
        given = None if self.media_type is None else _checked(self.media_type)
        if self.data is None:
            self._set(media_type=given or _guessed(urlsplit(self.url or "").path, PDF))
        else:
            self._set(media_type=_matched(self.data, given, self.name or ""))

    def _set(self, **fields: object) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None, *, name: str | None = None) -> Self:
        """A document from its bytes."""
        return cls(data=data, media_type=media_type, name=name)

    @classmethod
    def from_text(cls, text: str, media_type: str | None = None, *, name: str | None = None) -> Self:
        """A document from its text."""
        if not isinstance(text, str):
            raise ConfigurationError(f"Document.from_text() got a {type(text).__name__}: give a str")
        kind = media_type or _guessed(name or "", "text/plain")
        try:
            return cls(data=text.encode(), media_type=kind, name=name)
        except UnicodeEncodeError:
            raise ConfigurationError("Document.from_text() got half a character: give whole ones") from None

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], media_type: str | None = None, *, name: str | None = None
    ) -> Self:
        """A document from a file, which is read at once; on an event loop, call it by `asyncio.to_thread`.

        Raises:
            ConfigurationError: as above, or the file cannot be read.
        """
        data = bytes_of_file("Document", path)
        own = PurePath(path).name
        return cls(data=data, media_type=media_type, name=name or (own if is_name(own) else None))

    @property
    def is_text(self) -> bool:
        """True for a text whose bytes are here, which every provider takes in one way or another."""
        return self.data is not None and self.media_type != PDF

    @property
    def text(self) -> str:
        """The text; empty for a PDF, and for a document by URL."""
        return (self.data or b"").decode("utf-8-sig") if self.is_text else ""

    @property
    def base64(self) -> str:
        """The bytes in base64; empty for a document by URL."""
        return encoded(self.data)

    @property
    def data_url(self) -> str:
        """The bytes as a `data:` URL; the URL itself for a document by URL."""
        return self.url or f"data:{self.media_type};base64,{self.base64}"

    @property
    def file_name(self) -> str:
        """Its name, or one that says what it is, for an API that requires one."""
        return self.name or ("document.pdf" if self.media_type == PDF else "document.txt")

    @property
    def marked(self) -> str:
        """The text between tags with its name, as it stands in a message."""
        from html import escape  # because few documents are sent in this way

        name = f' name="{escape(self.name)}"' if self.name else ""
        return f"\n<document{name}>\n{self.text}\n</document>\n"

    def __repr__(self) -> str:
        where = (
            f"size={len(self.data)}" if self.data is not None else f"url={without_query(self.url or '')!r}"
        )
        return f"Document({where}, media_type={self.media_type!r}, name={self.name!r})"


def is_text(part: object) -> TypeGuard[Document]:
    """True for a document of text whose bytes are here."""
    return isinstance(part, Document) and part.is_text


def is_text_type(media_type: str) -> bool:
    """True for the media type of a text."""
    return media_type.startswith("text/") or media_type in TEXTS


def points_elsewhere(url: str) -> bool:
    """True for the URL of a file that is known to be no document, by its ending."""
    return type_by_name(urlsplit(url).path).startswith(OTHERS)


def is_document_type(media_type: object) -> bool:
    """True for a media type that a `Document` may have."""
    return isinstance(media_type, str) and (media_type == PDF or is_text_type(media_type))


def _checked(media_type: object) -> str:
    kind = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else ""
    if not is_document_type(kind):
        raise ConfigurationError(
            f"Document(media_type={media_type!r:.80}): give application/pdf, or that of a text such as "
            f"text/plain; {INSTEAD}"
        )
    return kind


def _matched(data: bytes, given: str | None, name: str) -> str:
    """The media type of these bytes, which may be `given`."""
    is_pdf = b"%PDF-" in data[:HEAD]
    if is_pdf and given in (None, PDF):
        return PDF
    if given == PDF:
        raise ConfigurationError("Document(media_type='application/pdf'): the bytes are no PDF: give one")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(
            f"Document(data=...): the bytes are neither a PDF nor a text in UTF-8: convert them; {INSTEAD}"
        )
    if not text.strip():
        raise ConfigurationError("Document(data=...): the text is blank: leave the document out")
    return given or _guessed(name, "text/plain")


def _guessed(name: str, otherwise: str) -> str:
    guessed = type_by_name(name)
    return guessed if is_text_type(guessed) else otherwise
