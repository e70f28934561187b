"""Sends commands over a valkey-py connection, limits their time, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ResponseError, ValkeyError


async def ask(connection: AbstractConnection, commands: Sequence[Sequence[bytes]]) -> list[Any]:
    """The answers to commands that are sent together; the error of a single command is its answer.

    If this function raises, the caller must `disconnect`.
    """
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response(disconnect_on_error=False))
        except ResponseError as error:
            answers.append(error)
    return answers


TICKS = 4
"""The number of parts of a time limit."""


@asynccontextmanager
async def limited(seconds: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` after `seconds` in which the event loop ran.

    While the loop is blocked, a reply may arrive without being read. So a blocked loop uses up only one part
    of the limit; otherwise every busy worker would consider the store down.
    """
    loop = asyncio.get_running_loop()
    left = TICKS + 1
    timer: asyncio.TimerHandle | None = None

    def tick() -> None:
        nonlocal left, timer
        left -= 1
        if left:
            timer = loop.call_later(seconds / TICKS, tick)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        tick()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()


async def disconnect(connection: AbstractConnection) -> None:
    """Close a connection at once, whatever state it is in."""
    writer = connection._writer
    if writer is not None:  # a TLS shutdown would wait for the server, even after its loop is closed
        writer.transport.abort()
    with suppress(ValkeyError, OSError):
        await connection.disconnect(nowait=True)
