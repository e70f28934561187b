"""Sessions with a store, that end with the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from ranvier.store.commands import Change
from ranvier.store.protocol import Session, Store, Worker

T = TypeVar("T")


class Received(list[Change]):
    """What was pushed to a worker."""

    async def until(self, condition: Callable[[Change], bool], within: float = 5.0) -> Change:
        """The first change of which `condition` holds, as soon as it is there."""
        async with asyncio.timeout(within):
            while True:
                for change in self:
                    if condition(change):
                        return change
                await asyncio.sleep(0.001)


@asynccontextmanager
async def session_with(store: Store, worker: str = "a") -> AsyncIterator[tuple[Session, Received]]:
    """A session, and what is pushed in it."""
    received = Received()
    session = await store.connect(Worker(worker, "here", 1, "1"), received.append)
    try:
        yield session, received
    finally:
        await session.aclose()
