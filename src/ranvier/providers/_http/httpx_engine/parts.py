"""A queue of the data that has arrived from a provider and is not read yet."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Parts(asyncio.Queue[T]):
    """A queue whose repr hides its items: traceback reports show it as a local variable."""

    def __repr__(self) -> str:
        return f"<{self.qsize()} parts>"

    __str__ = __repr__
