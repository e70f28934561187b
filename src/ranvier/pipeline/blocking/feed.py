"""A bounded queue that one task on the loop of a portal fills, and a thread empties."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from ranvier.pipeline.blocking.ask import Ask

ItemT = TypeVar("ItemT")

MAX_WAITING = 64
"""The capacity of the queue; when it is full, the task pauses until half of it is free."""

OPENED: Any = object()
"""The first item, which means that the source is open."""

_END = object()


class Feed(Ask[None], Generic[ItemT]):
    """Opens and reads a source in one task: cancel scopes and generators must not change their task.

    Attributes:
        source: The source, once it is open.
    """

    def __init__(
        self,
        open: Callable[[], AbstractAsyncContextManager[AsyncIterable[ItemT]]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(self._fill(open), loop)
        self.source: Any = None
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._room = asyncio.Event()
        self._paused = self._unbounded = False

    async def _fill(self, open: Callable[[], AbstractAsyncContextManager[AsyncIterable[ItemT]]]) -> None:
        async with open() as source:
            self.source = source
            self._queue.put(OPENED)
            async for item in source:
                self._queue.put(item)
                if self._queue.qsize() >= MAX_WAITING:
                    await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        self._room.clear()
        self._paused = True  # from here on the reader wakes us; look again, or it may have been too early
        if self._queue.qsize() > MAX_WAITING // 2 and not self._unbounded:
            await self._room.wait()
        self._paused = False

    def release(self) -> None:
        """Stop waiting for the reader, because the source ends."""
        self._unbounded = True
        self._room.set()

    def finish(self, error: BaseException | None) -> bool:
        """Wake the reader."""
        first = super().finish(error)
        if first:
            self._queue.put(_END)
        return first

    # --- the reader ------------------------------------------------------------------------------

    def take(self) -> ItemT:
        """Wait for the next item.

        Raises:
            StopIteration: there is none.
            BaseException: what the source raised, at this and each further read.
        """
        item: Any = self._queue.get()
        if item is _END:
            self._queue.put(_END)  # for another thread, and for the next read
            if self.error is None:
                raise StopIteration
            try:
                raise self.error.with_traceback(None)
            finally:
                del self  # the traceback refers to this frame
        if self._paused and self._queue.qsize() <= MAX_WAITING // 2:
            self._paused = False
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the task has ended
                self._loop.call_soon_threadsafe(self._room.set)
        return item  # type: ignore[no-any-return]  # because: the task has put it there
