"""Times out waits for a store, counting only time in which the event loop runs.

After blocking code or a garbage collection, the answer may have arrived without having been read. So a wait
is divided into parts, and a blocked event loop uses up only one of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

PARTS = 8
"""The number of parts of a wait."""


class Patience:
    """A timeout for one wait, or for several in a row.

    Attributes:
        parts_left: The remaining parts; 0 means timed out.
    """

    __slots__ = ("_part", "parts_left")

    def __init__(self, seconds: float) -> None:
        self._part = seconds / PARTS
        self.parts_left = PARTS

    async def wait(self, task: asyncio.Task[Any]) -> bool:
        """Wait for the end of `task`; false if the wait times out."""
        while self.parts_left and not task.done():
            await asyncio.wait({task}, timeout=self._part)
            self.parts_left -= 1
        return task.done()
