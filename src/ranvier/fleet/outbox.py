"""Gathers the commands of one worker for a few milliseconds, and sends them in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ranvier.fleet.contact import Contact, logger
from ranvier.store.commands import Command
from ranvier.store.commands.tenants import TenantClosed, TenantFailed, TenantOpened

GATHER_SECONDS = 0.005
"""Seconds that the first command of a batch waits for others."""

MAX_BATCH = 256
"""Maximum number of commands in a batch; a full batch is sent at once."""

MAX_QUEUED = 4096
"""Maximum number of queued commands; beyond that, the oldest are dropped."""

MAX_HINTS = MAX_QUEUED // 2
"""With this many commands queued, further hints are dropped: many tenants may fail at once."""

HINTS = (TenantFailed, TenantOpened, TenantClosed)
"""Commands that only make other workers learn something earlier."""

OnReply = Callable[[Any], None]
"""Receives the reply to a command; it is not called if there is none."""


class Outbox:
    """The queue of commands to send.

    Attributes:
        dropped: The number of commands dropped because the queue was full or the store was lost.
    """

    def __init__(self, contact: Contact, more: Callable[[], Iterable[tuple[Command, OnReply]]]) -> None:
        self._contact = contact
        self._more = more  # returns commands that are built when they are sent: alarms and counts
        self._queue: deque[tuple[Command, OnReply]] = deque()
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._logs_overflow = True  # until the queue is empty again, only the first overflow is logged
        self.dropped = 0

    def add(self, command: Command, on_reply: OnReply) -> None:
        """Queue `command`; it is dropped while the store cannot be reached."""
        if self._contact.session is None:
            self.dropped += 1
            return
        if len(self._queue) >= MAX_HINTS and isinstance(command, HINTS):
            self._overflows()
            return
        self._queue.append((command, on_reply))
        if len(self._queue) > MAX_QUEUED:
            self._queue.popleft()
            self._overflows()
        if len(self._queue) >= MAX_BATCH:
            self._full.set()
        self._wake.set()

    def _overflows(self) -> None:
        self.dropped += 1
        if self._logs_overflow:
            self._logs_overflow = False
            logger.warning("the queue for the store is full: other workers learn of some changes later")

    def wake(self) -> None:
        """Send a batch soon, because alarms or counts are due."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            try:
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            self._full.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send the queue, in batches."""
        try:
            while self._contact.session is not None:
                if len(self._queue) < MAX_BATCH:
                    self._queue.extend(self._more())
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
                if not batch:
                    self._logs_overflow = True
                    return
                replies = await self._contact.execute([command for command, _ in batch])
                if replies is None:
                    self.dropped += len(batch)
                    break
                for (_, on_reply), reply in zip(batch, replies, strict=True):
                    on_reply(reply)
        except Exception as error:  # an invalid reply: the store is lost, and so is the queue
            self._contact.lose(error)
        self.dropped += len(self._queue)
        self._queue.clear()
