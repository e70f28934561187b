"""Decodes the body of a reply piece by piece.

HTTP clients apply every encoding that a server names, even nested ones, and decode a whole chunk at once: a
few kilobytes may become gigabytes before any limit can be checked. Requests therefore accept only gzip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

ACCEPTED: Final = "gzip"
"""The `accept-encoding` of requests; an unencoded body is always accepted."""

MAX_PIECE: Final = 64 * 1024
"""Maximum number of bytes decoded at once."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_COMPRESSED = ("gzip", "x-gzip", "deflate")
_PLAIN = frozenset(("", "identity", "none", "binary", "8bit", "utf-8", "utf8", "aws-chunked"))
"""No encoding, and what servers write there though it names no encoding."""

_TEXT = (b"{", b"[", b"d", b"e", b"i", b"r", b":", b"<", b"\xef")
"""How JSON, events and pages begin, after white space or a byte order mark; compressed data never does."""


class DecodingError(ValueError):
    """A body is not encoded as its headers say, or in an encoding that was not accepted."""


class Decompressor:
    """Decompresses gzip, of one member or of several in a row.

    A body that begins like text is passed on as it is: some proxies decompress it and leave the header. So is
    white space before or after it.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._within = False  # inside a gzip member
        self._plain: bool | None = None  # not compressed; `None` before the first byte, and after a member

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """The decompressed data of one more chunk, in bounded pieces; none is empty.

        Raises:
            DecodingError: it is not gzip.
        """
        is_full = False  # so that more may follow of what was decompressed
        while chunk or is_full:
            if self._plain is None and (start := chunk.lstrip()):
                self._plain = start.startswith(_TEXT)
            if self._plain is not False:
                yield from (chunk[begin : begin + MAX_PIECE] for begin in range(0, len(chunk), MAX_PIECE))
                return
            piece, chunk = self._decompressed(chunk)
            is_full = self._within and len(piece) == MAX_PIECE
            if piece:
                yield piece

    def _decompressed(self, chunk: bytes) -> tuple[bytes, bytes]:
        """The next piece, and what is left of `chunk`."""
        try:
            piece = self._zlib.decompress(chunk, MAX_PIECE)
        except zlib.error as error:
            raise DecodingError(str(error)) from None
        left = self._zlib.unconsumed_tail or self._zlib.unused_data
        self._within = not self._zlib.eof
        if self._zlib.eof:
            self._zlib, self._plain = zlib.decompressobj(_GZIP_OR_ZLIB), None
        return piece, left

    def check_end(self) -> None:
        """Check that the data is complete, at the end of the body.

        Raises:
            DecodingError: the data is truncated.
        """
        if self._within:
            raise DecodingError("the compressed data is truncated")


def decompressor(encoding: str | None) -> Decompressor | None:
    """The decompressor for that `content-encoding`; `None` if there is nothing to decode.

    Raises:
        DecodingError: requests do not accept that encoding.
    """
    if encoding is None:
        return None
    names = [name for each in encoding.split(",") if (name := each.strip().lower()) not in _PLAIN]
    if not names:
        return None
    if len(names) == 1 and names[0] in _COMPRESSED:
        return Decompressor()
    raise DecodingError(f"unexpected content-encoding: {encoding}")
