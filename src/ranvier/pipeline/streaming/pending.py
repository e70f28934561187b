"""A stream that has not been started."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Generic

from ranvier.messages.response import ParsedT_co, StreamEvent
from ranvier.pipeline.streaming.stream import ResponseStream


class PendingStream(Generic[ParsedT_co]):
    """A lazy stream, which starts with `async with`, `await`, or a direct `async for`.

    Each use is a separate call; uses may follow each other or run concurrently.

    Attributes:
        used: True once it was used; if it is dropped before that, it warns.
    """

    __slots__ = ("_entered", "_open", "used")

    def __init__(self, open: Callable[[], Coroutine[Any, Any, ResponseStream[ParsedT_co]]]) -> None:
        self._open = open
        self.used = False
        self._entered: list[
            tuple[asyncio.Task[Any] | None, ResponseStream[ParsedT_co]]
        ] = []  # by `async with`

    def __await__(self) -> Generator[Any, None, ResponseStream[ParsedT_co]]:
        return self._call().__await__()

    async def __aenter__(self) -> ResponseStream[ParsedT_co]:
        stream = await self._call()
        self._entered.append((asyncio.current_task(), stream))
        return stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._left().aclose()

    def _left(self) -> ResponseStream[ParsedT_co]:
        """The stream of the block that ends: the last one entered in this task, or else (fixtures) in any."""
        task = asyncio.current_task()
        own = [index for index, (entered_by, _) in enumerate(self._entered) if entered_by is task]
        return self._entered.pop(own[-1] if own else -1)[1]

    def __aiter__(self) -> Reading[ParsedT_co]:
        return Reading(self._call)

    def _call(self) -> Coroutine[Any, Any, ResponseStream[ParsedT_co]]:
        self.used = True
        return self._open()

    def __del__(self) -> None:
        if not self.used and not sys.is_finalizing():
            warnings.warn(
                "pipeline.stream(...) was never read: write `async with pipeline.stream(...) as stream`",
                RuntimeWarning,
                stacklevel=2,
            )


class Reading(AsyncGenerator[StreamEvent, None], Generic[ParsedT_co]):
    """The events of a stream that is read without being entered; it starts at the first read.

    A stream that is left before its end, or dropped with this object, is closed.

    Args:
        start: Starts the stream.
    """

    def __init__(self, start: Callable[[], Coroutine[Any, Any, ResponseStream[ParsedT_co]]]) -> None:
        self._start = start
        self._stream: ResponseStream[ParsedT_co] | None = None
        self._begun = self._starting = self._cancelled = False

    def __anext__(self) -> Coroutine[Any, Any, StreamEvent]:
        return self._first() if self._stream is None else self._stream.__anext__()

    async def _first(self) -> StreamEvent:
        if self._cancelled:
            raise RuntimeError(
                "the read that starts this stream was cancelled: call pipeline.stream(...) again"
            )
        if self._starting:
            raise RuntimeError("another task is reading this stream already")
        if self._begun:
            raise StopAsyncIteration
        self._begun = self._starting = True
        try:
            self._stream = await self._start()
        except asyncio.CancelledError:
            self._cancelled = True
            raise
        finally:
            self._starting = False
        self._stream.may_be_dropped()
        return await self._stream.__anext__()

    async def asend(self, value: None) -> StreamEvent:
        """The next event."""
        return await anext(self)

    async def athrow(self, kind: Any, error: Any = None, trace: Any = None) -> StreamEvent:
        """Close the stream, and raise that error."""
        await self.aclose()
        raise kind if error is None else error

    async def aclose(self) -> None:
        """Close the stream."""
        self._begun = True
        if self._stream is not None:
            await self._stream.aclose()

    def __del__(self) -> None:
        if self._stream is not None:
            self._stream.may_be_dropped()
