"""Reads long lists in portions, so that the status page does not block the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

PORTION = 1000
"""Items that are read without yielding to the event loop: about two milliseconds."""


async def in_portions(items: Iterable[T], size: int = PORTION) -> AsyncIterator[list[T]]:
    """The items, `size` at a time; in between, other tasks run."""
    rest = iter(items)
    while portion := list(islice(rest, size)):
        yield portion
        await asyncio.sleep(0)
