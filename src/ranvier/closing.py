"""To close several things, whatever becomes of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any


class Steps(AsyncExitStack):
    """Steps of a closing.

    Attributes:
        said: The words of the first cancellation that arrived: anyio knows its own by them.
    """

    said: tuple[Any, ...] | None = None

    def then(self, step: Callable[..., Awaitable[object]], *arguments: object) -> None:
        """Take `step` before those that are here already."""

        async def taken() -> None:
            try:
                await step(*arguments)
            except asyncio.CancelledError as cancelled:
                self.hear(cancelled)
                raise

        self.push_async_callback(taken)

    def hear(self, cancelled: asyncio.CancelledError) -> None:
        """Remember the words of the first one."""
        if self.said is None:
            self.said = cancelled.args


@asynccontextmanager
async def closing() -> AsyncIterator[Steps]:
    """Steps that are all taken, from the last to the first, whatever cancels or breaks one of them.

    Of several errors the last one is raised, but a cancellation goes before all others: whoever
    cancelled waits for it.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelling = task.cancelling()
    try:
        async with Steps() as steps:
            try:
                yield steps
            except asyncio.CancelledError as cancelled:
                steps.hear(cancelled)
                raise
    except Exception as error:
        if task.cancelling() > cancelling:
            raise asyncio.CancelledError(*(steps.said or ())) from error
        raise
