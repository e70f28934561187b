"""What a session and a subscriber do with a connection of valkey-py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ResponseError, ValkeyError


async def ask(connection: AbstractConnection, commands: Sequence[Sequence[bytes]]) -> list[Any]:
    """The answers to commands that are sent together; an error of a single one stands in its place.

    After any error that it raises, `disconnect`: nothing else does.
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
"""Into so many parts a limit is divided."""


@asynccontextmanager
async def limited(seconds: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` after so many seconds, of which the event loop was free for most.

    If the loop stood still that long, the reply may have been there for as long: that counts as one part of
    the limit, or every busy worker would believe that the store is down.
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
    if writer is not None:  # TLS would say good-bye, and wait for that of the server after its loop is closed
        writer.transport.abort()
    with suppress(ValkeyError, OSError):
        await connection.disconnect(nowait=True)
