"""Receives the pushes to one worker, over a separate connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from valkey.asyncio.connection import AbstractConnection

from ranvier.store.commands import Change
from ranvier.store.commands.workers import Missed
from ranvier.store.protocol import Receive
from ranvier.store.valkey.connection import disconnect
from ranvier.store.valkey.replies import pushed

QUIET = 5.0
"""Seconds without a push after which the server is pinged; it has the same time to answer."""

BACKOFF = 0.2
"""Seconds before the first attempt to resubscribe; they double up to `MAX_BACKOFF`, with a jitter of half."""

MAX_BACKOFF = 5.0

Connect = Callable[[], Awaitable[AbstractConnection]]


class Subscriber:
    """Receives changes, and resubscribes after an interruption. Its only timeout is `QUIET`.

    Args:
        connect: Opens a connection.
        channel: The channel to subscribe to.
        receive: Called with each change, and with `Missed` after an interruption.
    """

    def __init__(self, connect: Connect, channel: bytes, receive: Receive) -> None:
        self._connect = connect
        self._channel = channel
        self._receive = receive
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Subscribe, and start receiving; raises the client's error if that fails."""
        connection = await self._subscribe()
        self._task = asyncio.create_task(self._run(connection), name="ranvier store pushes")

    def stop(self) -> None:
        """Stop receiving."""
        if self._task is not None:
            self._task.cancel()

    async def aclose(self) -> None:
        """Stop receiving, and wait until the connection is closed."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _subscribe(self) -> AbstractConnection:
        connection = await self._connect()
        try:
            async with asyncio.timeout(QUIET):
                await connection.send_command(b"SUBSCRIBE", self._channel)
                await connection.read_response(disconnect_on_error=False)
        except BaseException:
            await disconnect(connection)
            raise
        return connection

    async def _run(self, connection: AbstractConnection) -> None:
        while True:
            try:
                with suppress(Exception):  # whatever came
                    await self._listen(connection)
            finally:
                await disconnect(connection)
            connection = await self._subscribe_again()
            self._deliver(Missed())

    async def _subscribe_again(self) -> AbstractConnection:
        wait = BACKOFF
        while True:
            await asyncio.sleep(wait * (0.5 + random.random()))
            with suppress(Exception):  # whatever came
                return await self._subscribe()
            wait = min(wait * 2, MAX_BACKOFF)

    async def _listen(self, connection: AbstractConnection) -> None:
        """Receive until the connection ends, or the server is silent for too long."""
        asked = False
        while True:
            message = await connection.read_response(timeout=QUIET, disconnect_on_error=False)
            if message is None:
                if asked:
                    return
                await connection.send_command(b"PING")
            elif message[0] == b"message":
                self._deliver(pushed(message[2]))
            asked = message is None

    def _deliver(self, change: Change | None) -> None:
        if change is not None:
            asyncio.get_running_loop().call_soon(self._receive, change)  # which reports what it raises
