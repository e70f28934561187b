"""Sound in a prompt."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, Self
from urllib.parse import urlsplit

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.media.sources import (
    bytes_of_file,
    check_size,
    check_source,
    decoded,
    encoded,
    without_query,
)

FORMATS: Final = {
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
}
"""The formats that a provider takes, by media type."""

OTHER_NAMES: Final = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "audio/x-flac": "audio/flac",
    "audio/x-aac": "audio/aac",
    "audio/x-aiff": "audio/aiff",
}
"""Further names of these media types."""

ENDINGS: Final = {f".{name}": media_type for media_type, name in FORMATS.items()} | {".aif": "audio/aiff"}

SIGNATURES: Final = {b"ID3": "audio/mpeg", b"fLaC": "audio/flac", b"OggS": "audio/ogg"}
"""The first bytes of formats that have some."""

CONTAINERS: Final = {(b"RIFF", b"WAVE"): "audio/wav", (b"FORM", b"AIFF"): "audio/aiff"}
"""The first four bytes and the third four, of formats within a container."""


@dataclass(frozen=True, slots=True, repr=False)
class Audio:
    """Sound: `Audio.from_file("question.wav")`, `Audio(data=wav_bytes)`, or `Audio("https://...")`.

    A target that does not hear is skipped, and the next one is tried. OpenAI and compatible servers take WAV
    and MP3, and only as bytes; Gemini and OpenRouter take the other formats too, and Gemini fetches a URL.

    Attributes:
        url: Its URL, `http(s)` or `data:`. Ranvier does not fetch it.
        data: Its bytes, at most 50 MiB.
        media_type: `audio/wav`, `audio/mpeg` (MP3), `audio/flac`, `audio/ogg`, `audio/aac` or `audio/aiff`;
            detected from the bytes, or from the end of the URL, if omitted.
        extra: Further fields on the wire, as for `Text`.

    Raises:
        ConfigurationError: neither or both of `url` and `data` are given, the bytes are empty, too many or
            of another format than `media_type`, or the format is unknown.
    """

    url: str | None = None
    data: bytes | None = None
    media_type: str | None = None
    extra: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_source("Audio", self.url, self.data)
        if self.url is not None and self.url.startswith("data:"):
            media_type, data = decoded("Audio", self.url)
            check_size("Audio(url='data:...')", data)
            object.__setattr__(self, "url", None)
            object.__setattr__(self, "data", data)
            object.__setattr__(self, "media_type", self.media_type or media_type)
        given = None if self.media_type is None else _checked(self.media_type)
        if self.data is not None:
            found = _detected(self.data)
        else:
            found = ENDINGS.get(PurePath(urlsplit(self.url or "").path).suffix.lower())
        if given and found and given != found and self.data is not None:
            raise ConfigurationError(
                f"Audio(media_type={given!r}): the bytes are {found}: give that, or nothing"
            )
        if not given and not found:
            raise ConfigurationError(
                f"Audio(): the format is unknown: give media_type=..., one of {', '.join(FORMATS)}"
            )
        object.__setattr__(self, "media_type", given or found)

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Self:
        """Sound from its bytes."""
        return cls(data=data, media_type=media_type)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], media_type: str | None = None) -> Self:
        """Sound from a file, which is read at once; on an event loop, call it by `asyncio.to_thread`.

        Raises:
            ConfigurationError: as above, or the file cannot be read.
        """
        data = bytes_of_file("Audio", path)
        known = media_type or _detected(data) or ENDINGS.get(PurePath(path).suffix.lower())
        return cls(data=data, media_type=known)

    @property
    def format(self) -> str:
        """The short name of the format, such as `wav` or `mp3`."""
        return FORMATS[self.media_type or ""]

    @property
    def base64(self) -> str:
        """The bytes in base64; empty for sound by URL."""
        return encoded(self.data)

    @property
    def data_url(self) -> str:
        """The bytes as a `data:` URL; the URL itself for sound by URL."""
        return self.url or f"data:{self.media_type};base64,{self.base64}"

    def __repr__(self) -> str:
        where = (
            f"size={len(self.data)}" if self.data is not None else f"url={without_query(self.url or '')!r}"
        )
        return f"Audio({where}, media_type={self.media_type!r})"


def media_type_of(format: str) -> str | None:
    """The media type of a format by its short name; `None` for an unknown one."""
    return ENDINGS.get(f".{format.lower()}")


def _checked(media_type: object) -> str:
    kind = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else ""
    kind = OTHER_NAMES.get(kind, kind)
    if kind not in FORMATS:
        raise ConfigurationError(
            f"Audio(media_type={media_type!r:.80}): choose one of {', '.join(FORMATS)}; convert other formats"
        )
    return kind


def _detected(data: bytes) -> str | None:
    for signature, media_type in SIGNATURES.items():
        if data.startswith(signature):
            return media_type
    if data[:1] == b"\xff" and len(data) > 1 and data[1] & 0xF6 == 0xF0:
        return "audio/aac"
    if data[:1] == b"\xff" and len(data) > 1 and data[1] & 0xE6 in (0xE2, 0xE4):  # layers III and II
        return "audio/mpeg"
    return CONTAINERS.get((data[:4], data[8:12]))
