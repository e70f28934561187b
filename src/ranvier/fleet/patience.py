"""Waits for a store, by seconds in which the event loop runs.

An event loop that stood still, for a garbage collection or code that blocks, may have the answer already: it
only has not read it. So a wait is divided into parts, and a standstill uses up one of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

PARTS = 8
"""Into so many parts a wait is divided."""


class Patience:
    """The time for one or several waits, one after the other.

    Attributes:
        parts_left: Of the time; 0 if it is over.
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
