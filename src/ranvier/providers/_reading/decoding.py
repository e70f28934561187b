"""The body of a reply, decoded a piece at a time.

HTTP clients undo whatever encodings a server names, one upon the other, and of each chunk all at once: so a
few kilobytes may become gigabytes before anybody can count them. Only gzip is asked for here.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

ACCEPTED: Final = "gzip"
"""What requests ask for; a body without any encoding is always accepted."""

LARGEST_PIECE: Final = 64 * 1024
"""Bytes that are decoded at once."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_PLAIN, _ZIPPED = ("", "identity"), ("gzip", "x-gzip", "deflate")


class DecodingError(ValueError):
    """A body is not encoded as its headers say, or in a way that nobody asked for."""


class Decompressor:
    """Undoes gzip, of one part or of several, one after the other."""

    def __init__(self) -> None:
        self._zipped = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._within = False  # a part that has begun and not ended

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What one more chunk says, in bounded pieces whatever it holds; none is empty.

        Raises:
            DecodingError: it is no gzip.
        """
        while True:
            try:
                piece = self._zipped.decompress(chunk, LARGEST_PIECE)
            except zlib.error as error:
                raise DecodingError(str(error)) from None
            self._within = not self._zipped.eof
            chunk = self._zipped.unconsumed_tail or self._zipped.unused_data
            if self._zipped.eof:
                self._zipped = zlib.decompressobj(_GZIP_OR_ZLIB)
            if piece:
                yield piece
            if not chunk and len(piece) < LARGEST_PIECE:
                return

    def check_end(self) -> None:
        """No more will come.

        Raises:
            DecodingError: there should be more.
        """
        if self._within:
            raise DecodingError("it is cut")


def unzipper(encoding: str | None) -> Decompressor | None:
    """What decodes a body with that `content-encoding`; `None` where there is nothing to decode.

    Raises:
        DecodingError: nobody asked for that.
    """
    if encoding is None or (encoding := encoding.strip().lower()) in _PLAIN:
        return None
    if encoding in _ZIPPED:
        return Decompressor()
    raise DecodingError(f"an encoding that was not asked for: {encoding}")
