"""Reads the iterator that a provider streams, one or several events at a time, and closes it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from ranvier.messages.collector import Step
from ranvier.messages.response import StreamEvent
from ranvier.pipeline.timing.cleanup import close_in_time

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.timing.wait_timer import WaitTimer

Some = Callable[[], Awaitable[Iterable[Step]]]
"""Returns the next steps of a provider, all that have arrived; raises `StopAsyncIteration` at the end."""


class ProviderEvents:
    """The iterator that a provider's `stream` returned.

    Attributes:
        read_ended: Set while `aclose` waits for a read to end; else `None`.
    """

    __slots__ = ("_call", "_closing", "_events", "read_ended")

    def __init__(self, call: Call, events: AsyncIterator[StreamEvent]) -> None:
        self._call = call
        self._events = events
        self._closing = asyncio.Lock()  # a generator cannot be closed twice concurrently
        self.read_ended: asyncio.Future[None] | None = None

    @property
    def reply(self) -> object:
        """The provider's raw reply, for a request of an SDK; otherwise `None`."""
        return getattr(self._events, "reply", None)

    def was_read(self) -> None:
        """Let `aclose` continue, because a read has ended."""
        assert self.read_ended is not None
        if not self.read_ended.done():
            self.read_ended.set_result(None)

    async def aclose(self, timer: WaitTimer) -> None:
        """Close the provider's iterator, and wait for that for at most `CLEANUP_SECONDS`.

        A failure is logged and does not change how the stream ended. While `timer` limits a read, closing
        waits until that read has ended.
        """
        generator = getattr(self._events, "chunks", self._events)
        close = getattr(generator, "aclose", None)
        if close is None or getattr(generator, "ag_frame", close) is None:  # the generator has ended
            return
        async with self._closing:
            while timer.waiting:  # in another task: a running generator cannot be closed
                self.read_ended = asyncio.get_running_loop().create_future()
                await self.read_ended
            if gc.is_finalized(generator):  # collected together with its stream: asyncio closes it
                return
            await close_in_time(self._call, close)
