"""The connection pools of our own httpx client: many pools, each with a single connection.

For every request, a pool of httpx checks all of its connections several times, and makes a system call for
each idle one, so the cost of a request grows with the number of connections. A pool with one connection is
cheap, however many pools there are, and no request ever waits inside it.
"""

from __future__ import annotations

import math
import ssl
from collections import deque
from typing import Any, Final

import httpx

from ranvier import clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http import proxies
from ranvier.providers._http.port import KEEP_ALIVE_SECONDS

MAX_SWEPT: Final = 4
"""Maximum number of expired idle connections that one request closes."""

_ONE: Final = httpx.Limits(
    max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS
)


class SingleConnectionPool:
    """A pool for one request at a time.

    Attributes:
        transport: The pool.
        origin: The scheme, host and port that it connects to.
        idle_since: When it was last given back, by the clock.
        stream: httpcore's stream of the connection, once there is one.
    """

    __slots__ = ("idle_since", "origin", "stream", "transport")

    def __init__(self, origin: str, transport: httpx.AsyncHTTPTransport) -> None:
        self.origin = origin
        self.transport = transport
        self.idle_since = 0.0
        self.stream: Any = None

    def socket(self) -> Any:
        """The socket of its connection, if there is one."""
        return None if self.stream is None else self.stream.get_extra_info("socket")


class SingleConnectionPools:
    """The pools for all origins; each request uses a pool of its own.

    Args:
        trusted: The TLS context of all pools; httpx sets some of its options.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._idle: dict[str, deque[SingleConnectionPool]] = {}  # by origin, the latest last; none is empty

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, address: str) -> SingleConnectionPool:
        """The most recently used idle pool for `address`, or a new one.

        Raises:
            ConfigurationError: the URL is invalid, or the environment names a proxy that httpx cannot use.
        """
        origin = "/".join(address.split("/", 3)[:3])
        idle = self._idle.get(origin)
        if idle is None:
            return SingleConnectionPool(origin, self._made(origin))
        pool = idle.pop()
        if not idle:
            del self._idle[origin]
        return pool

    def give_back(self, pool: SingleConnectionPool) -> None:
        """Return `pool` after a completed request, for reuse."""
        pool.idle_since = clock.now()
        self._idle.setdefault(pool.origin, deque()).append(pool)

    async def sweep(self) -> None:
        """Close some of the connections that have been idle for too long."""
        before = clock.now() - KEEP_ALIVE_SECONDS
        for _ in range(MAX_SWEPT):
            if (pool := self._idle_since_before(before)) is None:
                return
            await pool.transport.aclose()

    async def aclose(self) -> None:
        """Close all idle connections."""
        while (pool := self._idle_since_before(math.inf)) is not None:
            await pool.transport.aclose()

    def drained(self) -> list[SingleConnectionPool]:
        """Remove and return all idle pools."""
        drained = [pool for idle in self._idle.values() for pool in idle]
        self._idle.clear()
        return drained

    def _idle_since_before(self, moment: float) -> SingleConnectionPool | None:
        """Remove and return one such pool; only one, so that a cancelled closing leaves the others here."""
        for origin, idle in self._idle.items():
            if idle[0].idle_since < moment:
                pool = idle.popleft()
                if not idle:
                    del self._idle[origin]
                return pool
        return None

    def _made(self, origin: str) -> httpx.AsyncHTTPTransport:
        target = httpx.URL(origin)
        if not target.host:
            raise ConfigurationError(f"{origin} is not a URL: it has no host")
        url = proxies.proxy_for(target)
        if url is None:
            return httpx.AsyncHTTPTransport(verify=self._trusted, limits=_ONE)
        trusted = self._trusted if url.scheme == "https" else None
        try:
            proxy = httpx.Proxy(url, ssl_context=trusted)
            return httpx.AsyncHTTPTransport(verify=self._trusted, limits=_ONE, proxy=proxy)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"the environment names a {url.scheme} proxy: {error}") from None
