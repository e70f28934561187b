"""The body of a reply, decoded a piece at a time.

httpx undoes whatever encodings a server names, one upon the other, and of each chunk all at once: so a few
kilobytes may become gigabytes before anybody can count them. Only gzip is asked for here.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx

ACCEPTED: Final = "gzip"
"""What requests ask for; a body without any encoding is always accepted."""

LARGEST_PIECE: Final = 64 * 1024
"""Bytes that are decoded at once."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_PLAIN, _ZIPPED = ("", "identity"), ("gzip", "x-gzip", "deflate")


async def decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """The pieces of a body; none is empty.

    Raises:
        httpx.DecodingError: it is not encoded as its headers say, or in a way that nobody asked for.
        httpx.TransportError: the connection broke.
    """
    if response.is_stream_consumed:  # by a transport of somebody's tests, which holds all of it
        yield response.content
        return
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN + _ZIPPED:
        raise httpx.DecodingError(f"an encoding that was not asked for: {encoding}")
    zipped = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _ZIPPED else None
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:  # not aiter_raw, which closes it while it may yet be cancelled
        for piece in (chunk,) if zipped is None else _unzipped(zipped, chunk):
            if piece:  # to whoever reads, an empty one is the end
                yield piece


def _unzipped(zipped: Any, chunk: bytes) -> Iterator[bytes]:
    """What one more chunk says, bounded whatever it holds."""
    while True:
        try:
            piece = zipped.decompress(chunk, LARGEST_PIECE)
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None
        chunk = zipped.unconsumed_tail
        if piece:
            yield piece
        if not chunk and len(piece) < LARGEST_PIECE:
            return
