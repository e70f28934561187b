"""uvicorn, embedded in another program: the only module that imports it.

It starts and stops at once, and does not touch the signals and the logging of its host.
"""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared

from __future__ import annotations

import asyncio
import logging
import math
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import uvicorn

from ranvier.simulator.player import ConnectionLost

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as HTTPProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as HTTPProtocol  # httptools if installed

# The client closes idle connections: a server that closes one just as it is used again would cause
# a failure that is not in the script.
_KEEP_ALIVE = 3600
_NO_LINGER = struct.pack("ii", 1, 0)


class BreakableConnection(HTTPProtocol):
    """uvicorn's connection, which can also be broken on purpose and reports its loss at once.

    The application finds it as `scope["state"]["connection"]`. It implements `player.Connection`.

    Attributes:
        gone: A future that is done as soon as the connection is lost.
        ended_by_us: See `player.Connection`.
    """

    def __init__(
        self, config: uvicorn.Config, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ):
        super().__init__(config, server_state, {**app_state, "connection": self}, _loop)
        self.logger = logging.getLogger("ranvier.simulator")
        self.access_log = False
        self.gone: asyncio.Future[None] = self.loop.create_future()
        self.ended_by_us = False
        self._waiter: asyncio.Future[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        self.app_state = {}  # it held a reference to this connection
        _wake(self.gone)
        _wake(self._waiter)

    async def pause(self, seconds: float) -> None:
        # The loop may wake a little early, so the clock is read again.
        until = time.monotonic() + seconds
        while not self.gone.done() and (rest := until - time.monotonic()) > 0:
            self._waiter = self.loop.create_future()
            timer = None if rest == math.inf else self.loop.call_later(rest, _wake, self._waiter)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        self.check()

    def check(self) -> None:
        if self.gone.done():
            raise ConnectionLost

    def close(self) -> None:
        self.ended_by_us = True
        self.transport.close()

    def reset(self) -> None:
        # With SO_LINGER at zero seconds, closing the socket discards all unsent data and sends a RST.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.ended_by_us = True
        self.transport.abort()


class Server:
    """uvicorn on a socket that is already bound, without its main loop.

    That loop would check ten times a second whether to stop, and update a date header that is not
    used; without it, only the connections run.
    """

    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._config = uvicorn.Config(
            app,
            http=BreakableConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
        )
        self._server = uvicorn.Server(self._config)
        self._listener = listener

    @property
    def connections(self) -> tuple[BreakableConnection, ...]:
        """The open connections."""
        return tuple(self._server.server_state.connections)  # type: ignore[arg-type]  # because: all are ours

    async def open(self) -> None:
        """Start serving."""
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup([self._listener])

    async def aclose(self) -> None:
        """Abort every connection, wait for its tasks, and release the port.

        uvicorn itself would wait for answers that are scripted never to end.
        """
        for server in self._server.servers:
            server.close()
        connections = self.connections
        for connection in connections:
            connection.transport.abort()
        await asyncio.gather(*(connection.gone for connection in connections))
        while tasks := tuple(self._server.server_state.tasks):
            await asyncio.wait(tasks)
        for server in self._server.servers:
            await server.wait_closed()
        self._listener.close()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
