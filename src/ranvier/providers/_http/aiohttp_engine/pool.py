"""The connection pool of aiohttp: how connections are closed, and how many there are."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import aiohttp


class Connector(aiohttp.TCPConnector):
    """Aborts connections that are not reused: aiohttp would wait until the peer has read every byte."""

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ending():  # the modules that closing uses may be gone
            self._close()

    def drained(self) -> list[Any]:
        """The transports of all connections, idle and in use; the idle ones are removed from the pool."""
        idle = [protocol for kept in self._conns.values() for protocol, _ in kept]
        self._conns.clear()
        transports = [protocol.transport for protocol in (*idle, *self._acquired)]
        return [transport for transport in transports if transport is not None]

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        transport = protocol.transport
        super()._release(key, protocol, should_close=should_close)
        if transport is not None and transport.is_closing():
            transport.abort()


@lru_cache(maxsize=64)
def limits(connect: float | None) -> aiohttp.ClientTimeout:
    """The connect limit as aiohttp takes it, unrounded; aiohttp would read 0 as no limit."""
    return aiohttp.ClientTimeout(
        total=None,
        connect=None if connect is None else max(connect, 1e-6),
        sock_connect=None,
        sock_read=None,
        ceil_threshold=math.inf,
    )


def pool_size_of(session: aiohttp.ClientSession) -> int | None:
    """The maximum number of connections of the user's session."""
    connector = session.connector
    limits = () if connector is None else (connector.limit, connector.limit_per_host)
    return min(filter(None, limits), default=None)
