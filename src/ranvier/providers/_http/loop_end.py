"""Closes connections when their event loop ends, even if their pipeline was not closed.

A loop that `asyncio.run`, a server or a test runner shuts down closes its async generators while it
still runs: one of them closes our connections. A loop that is just closed leaves sockets behind, which are
then closed without it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from ranvier.providers._http.port import HttpClient


class _Keeper:
    """Waits for the end of one event loop, for the clients that have connections on it."""

    def __init__(self) -> None:
        self.clients: WeakSet[HttpClient] = WeakSet()
        self._waiting = self._wait()
        # The first step registers the generator with the loop, and reaches its `yield` without waiting.
        with contextlib.suppress(StopIteration):
            self._waiting.__anext__().send(None)

    async def _wait(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await asyncio.gather(*(client.hang_up() for client in tuple(self.clients)))


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Keeper] = WeakKeyDictionary()


def close_at_end(client: HttpClient) -> None:
    """Close the connections of `client` when the running loop shuts down."""
    loop = asyncio.get_running_loop()
    keeper = _keepers.get(loop)
    if keeper is None:
        for closed in [each for each in _keepers if each.is_closed()]:  # its keeper would keep it alive
            del _keepers[closed]
        keeper = _keepers[loop] = _Keeper()
    keeper.clients.add(client)


def close_without_loop(socket: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close the `socket` of a transport of `loop`, which is closed; uvloop closes its own sockets.

    asyncio's transports close their sockets in a callback, which a closed loop no longer calls.
    """
    number = -1 if socket is None else socket.fileno()
    transport = getattr(loop, "_transports", {}).get(number)
    if transport is not None:
        with contextlib.suppress(Exception):  # the protocol's `connection_lost` may need the loop
            transport._call_connection_lost(None)
