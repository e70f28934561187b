"""To close several things, whatever becomes of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager


@asynccontextmanager
async def closing() -> AsyncIterator[AsyncExitStack]:
    """Steps that are all taken, from the last to the first, whatever cancels or breaks one of them.

    Of several errors the last one is raised, but a cancellation goes before all others: whoever
    cancelled waits for it.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    try:
        async with AsyncExitStack() as steps:
            yield steps
    except Exception as error:
        if task.cancelling() > cancelling:
            raise asyncio.CancelledError from error
        raise
