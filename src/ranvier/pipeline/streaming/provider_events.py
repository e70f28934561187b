"""What a provider streams, as it gives it: one event or several at a time; and how it is closed."""

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
"""Gives the next steps of a provider, as many as have come; `StopAsyncIteration` is the end."""


class ProviderEvents:
    """The iterator that a provider's `stream` returned.

    Attributes:
        read_ended: Made by who waits for the end of a read, to close then; else `None`.
    """

    __slots__ = ("_call", "_closing", "_events", "read_ended")

    def __init__(self, call: Call, events: AsyncIterator[StreamEvent]) -> None:
        self._call = call
        self._events = events
        self._closing = asyncio.Lock()  # a generator refuses to be closed twice at once
        self.read_ended: asyncio.Future[None] | None = None

    def was_read(self) -> None:
        """A read has ended: whoever closes need not wait for it any more."""
        assert self.read_ended is not None
        if not self.read_ended.done():
            self.read_ended.set_result(None)

    async def aclose(self, watch: WaitTimer) -> None:
        """Let the provider close its connection, and wait until it has, for `CLEANUP_SECONDS` at most.

        What goes wrong then is logged: it changes nothing about how the stream has ended. While `watch`
        bounds a read, that has to end before.
        """
        generator = getattr(self._events, "chunks", self._events)
        close = getattr(generator, "aclose", None)
        if close is None or getattr(generator, "ag_frame", close) is None:  # it has ended
            return
        async with self._closing:
            while watch.waiting:  # in another task: a generator that runs cannot be closed
                self.read_ended = asyncio.get_running_loop().create_future()
                await self.read_ended
            if gc.is_finalized(generator):  # collected together with its stream: the loop closes it
                return
            await close_in_time(self._call, close)
