"""A stream that has been asked for and has not begun."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any

from ranvier.messages import StreamEvent
from ranvier.pipeline.stream import ResponseStream


class PendingStream:
    """Nothing happens until it is used: `async with` it, `await` it, or read it at once with `async for`."""

    __slots__ = ("_open", "_stream")

    def __init__(self, open: Callable[[], Coroutine[Any, Any, ResponseStream]]) -> None:
        self._open = open
        self._stream: ResponseStream | None = None

    def __await__(self) -> Generator[Any, None, ResponseStream]:
        return self._open().__await__()

    async def __aenter__(self) -> ResponseStream:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stream is not None
        await self._stream.aclose()

    async def __aiter__(self) -> AsyncGenerator[StreamEvent, None]:
        async with self as stream:
            async for event in stream:
                yield event
