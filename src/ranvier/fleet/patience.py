"""Bounds waits for a store by the time in which the event loop runs.

After a garbage collection or blocking code, the answer may have arrived without having been read. So a wait
is divided into parts, and a standstill of the event loop uses up one of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

PARTS = 8
"""Into so many parts a wait is divided."""


class Patience:
    """The time for one or several waits, one after the other.

    Attributes:
        parts_left: The parts that are left; 0 when the time is over.
    """

    __slots__ = ("_part", "parts_left")

    def __init__(self, seconds: float) -> None:
        self._part = seconds / PARTS
        self.parts_left = PARTS

    async def wait(self, task: asyncio.Task[Any]) -> bool:
        """Wait for the end of `task`; false if the time is over before."""
        while self.parts_left and not task.done():
            await asyncio.wait({task}, timeout=self._part)
            self.parts_left -= 1
        return task.done()
