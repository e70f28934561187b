"""What has come from a provider and was not read yet."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


class Parts(asyncio.Queue[T]):
    """A queue that says nothing of what is in it: a report of a traceback shows it as a local variable."""

    def __repr__(self) -> str:
        return f"<{self.qsize()} parts>"

    __str__ = __repr__
