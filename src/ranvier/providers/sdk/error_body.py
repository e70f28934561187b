"""Limits the body of an error, which the SDKs would read and unpack whole before they raise it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import cache
from types import ModuleType
from typing import Any

from ranvier.providers._http.port import MAX_ERROR_BYTES
from ranvier.providers._reading.decoding import DecodingError, decompressor


def limits_errors(library: ModuleType) -> Callable[[Any], Awaitable[None]]:
    """A hook for responses of `library`, `httpx` or `httpx2`."""

    async def limit(response: Any) -> None:
        if not response.is_success:
            encoding = response.headers.pop("content-encoding", None)
            response.stream = _stream_class(library)(response.stream, encoding)

    return limit


async def _start(stream: Any, encoding: str | None, library: Any) -> AsyncGenerator[bytes, None]:
    """The start of a body, decoded: enough to classify the error, even if the rest does not arrive."""
    left = MAX_ERROR_BYTES
    try:
        decoder = decompressor(encoding)
        async for chunk in stream:
            for piece in (chunk,) if decoder is None else decoder.pieces(chunk):
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return
    except (library.HTTPError, library.StreamError, DecodingError, OSError):
        return


@cache
def _stream_class(library: ModuleType) -> Callable[[Any, str | None], Any]:
    class ErrorBody(library.AsyncByteStream):  # type: ignore[misc, name-defined]  # because it is chosen now
        def __init__(self, stream: Any, encoding: str | None) -> None:
            self._stream = stream
            self._pieces = _start(stream, encoding, library)

        def __aiter__(self) -> AsyncGenerator[bytes, None]:
            return self._pieces

        async def aclose(self) -> None:
            try:
                await self._pieces.aclose()
            finally:
                await self._stream.aclose()

    return ErrorBody
