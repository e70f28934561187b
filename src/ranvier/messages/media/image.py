"""Images in a prompt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.media.sources import (
    bytes_of_file,
    check_size,
    check_source,
    decoded,
    encoded,
    without_query,
)

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
"""The first bytes of the image formats that every provider accepts."""


@dataclass(frozen=True, slots=True, repr=False)
class Image:
    """An image: `Image("https://example.com/a.png")`, or `Image(data=png_bytes)`.

    Attributes:
        url: Its URL, `http(s)` or `data:`. Ranvier does not fetch it: if a provider does not fetch it
            either, the target is skipped and the next one is tried.
        data: Its bytes, at most 50 MiB.
        media_type: `image/png`, `image/jpeg`, `image/gif` or `image/webp`; detected from the bytes if
            omitted.
        detail: The resolution, `low`, `high` or `auto`: sent in chat completions, left out elsewhere.
        extra: Further fields on the wire, as for `Text`.

    Raises:
        ConfigurationError: neither or both of `url` and `data` are given, the bytes are empty or too many, or
            the format is unknown.
    """

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None
    detail: str | None = None
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_source("Image", self.url, self.data)
        if self.detail is not None and not isinstance(self.detail, str):
            raise ConfigurationError(f"Image(detail=...) is a {type(self.detail).__name__}: give a str")
        if self.url is not None and self.url.startswith("data:"):
            media_type, data = decoded("Image", self.url)
            check_size("Image(url='data:...')", data)
            object.__setattr__(self, "url", None)
            object.__setattr__(self, "data", data)
            object.__setattr__(self, "media_type", self.media_type or media_type)
        if self.data is not None and self.media_type is None:
            object.__setattr__(self, "media_type", _detected(self.data))

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Self:
        """An image from its bytes."""
        return cls(data=data, media_type=media_type)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], media_type: str | None = None) -> Self:
        """An image from a file, which is read at once; on an event loop, call it by `asyncio.to_thread`.

        Raises:
            ConfigurationError: the file cannot be read, or its format is unknown.
        """
        return cls(data=bytes_of_file("Image", path), media_type=media_type)

    @property
    def base64(self) -> str:
        """The bytes in base64, as most wires expect them; empty for an image by URL."""
        return encoded(self.data)

    @property
    def data_url(self) -> str:
        """The bytes as a `data:` URL; the URL itself for an image by URL."""
        return self.url or f"data:{self.media_type};base64,{self.base64}"

    def __repr__(self) -> str:
        where = (
            f"size={len(self.data)}" if self.data is not None else f"url={without_query(self.url or '')!r}"
        )
        return f"Image({where}, media_type={self.media_type!r}, detail={self.detail!r})"


def _detected(data: bytes) -> str:
    for signature, media_type in SIGNATURES.items():
        if data.startswith(signature):
            return media_type
    raise ConfigurationError("Image(data=...): the format of the bytes is unknown: give media_type=...")
