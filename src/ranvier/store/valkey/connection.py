"""What a session and a subscriber do with a connection of valkey-py."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ResponseError, ValkeyError


async def ask(connection: AbstractConnection, commands: Sequence[Sequence[bytes]]) -> list[Any]:
    """The answers to commands that are sent together; an error of a single one stands in its place."""
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    answers: list[Any] = []
    for _ in commands:
        try:
            answers.append(await connection.read_response())
        except ResponseError as error:
            answers.append(error)
    return answers


async def disconnect(connection: AbstractConnection) -> None:
    """Close a connection at once, whatever state it is in."""
    with suppress(ValkeyError, OSError):
        await connection.disconnect(nowait=True)
