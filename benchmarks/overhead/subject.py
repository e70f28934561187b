"""What is measured: somebody who answers calls by a provider that takes no time, or fifty milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

Ask = Callable[[], Awaitable[object]]
"""One call, from its start to its answer."""

Provider = Callable[[object], Awaitable[str]]

AT_ONCE, A_WHILE = 0.0, 0.05
"""Seconds that a provider takes."""


@dataclass(frozen=True)
class Subject:
    """One row. `open` is told how long the provider takes, and gives a way to ask while its block lasts."""

    name: str
    open: Callable[[float], AbstractAsyncContextManager[Ask]]


def provider(seconds: float) -> Provider:
    """A provider that is a function; what a stack calls is one frame in all of them."""
    return _after_a_while if seconds else _at_once


async def _at_once(_: object) -> str:
    return "hi"


async def _after_a_while(_: object) -> str:
    await asyncio.sleep(A_WHILE)
    return "hi"
