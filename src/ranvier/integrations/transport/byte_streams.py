"""Byte streams for httpx and httpx2, whose responses check the class of a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import cache
from types import ModuleType
from typing import Any

from ranvier.errors.root import RanvierError
from ranvier.integrations.transport.body import Body


async def _events(body: Body) -> AsyncGenerator[bytes, None]:
    """The events of `body`, one or several at a time."""
    async with body.stream as stream:
        try:
            async for _ in stream:
                if events := body.arrived():
                    yield events
        except RanvierError as error:
            yield body.failure(error)
            return
    if rest := body.rest():
        yield rest


def _sync_events(body: Body) -> Generator[bytes, None, None]:
    """The same for a `SyncStream`, which has been entered."""
    try:
        for _ in body.stream:
            if events := body.arrived():
                yield events
    except RanvierError as error:
        yield body.failure(error)
        return
    if rest := body.rest():
        yield rest


@cache
def stream_class(library: ModuleType) -> Callable[[Body], Any]:
    """The class of streams for the asynchronous client of `library`."""

    class Stream(library.AsyncByteStream):  # type: ignore[misc, name-defined]  # because it is chosen now
        def __init__(self, body: Body) -> None:
            self._body = body
            self._events = _events(body)

        def __aiter__(self) -> AsyncGenerator[bytes, None]:
            return self._events

        async def aclose(self) -> None:
            await self._events.aclose()
            await self._body.stream.aclose()

    return Stream


@cache
def sync_stream_class(library: ModuleType) -> Callable[[Body], Any]:
    """The class of streams for the other client of `library`."""

    class Stream(library.SyncByteStream):  # type: ignore[misc, name-defined]  # because it is chosen now
        def __init__(self, body: Body) -> None:
            self._body = body
            self._events = _sync_events(body)

        def __iter__(self) -> Generator[bytes, None, None]:
            return self._events

        def close(self) -> None:
            self._events.close()
            self._body.stream.close()

    return Stream
