"""Where our own requests travel in httpx: many pools, each with room for one connection.

For every request a pool of httpx looks at all of its connections several times, and asks the kernel about
each idle one; so what a request costs grows with those beside it. A pool with one connection costs little,
however many there are, and nobody ever waits inside it.
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

SWEPT_AT_ONCE: Final = 4
"""Idle connections that one request closes at most on behalf of all."""

_ONE: Final = httpx.Limits(
    max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS
)


class SingleConnectionPool:
    """A pool for one request at a time.

    Attributes:
        transport: The pool.
        place: The scheme, host and port that it leads to.
        idle_since: When it was last given back, by the clock.
        stream: Of httpcore, the connection, once there is one.
    """

    __slots__ = ("idle_since", "place", "stream", "transport")

    def __init__(self, place: str, transport: httpx.AsyncHTTPTransport) -> None:
        self.place = place
        self.transport = transport
        self.idle_since = 0.0
        self.stream: Any = None

    def socket(self) -> Any:
        """That of its connection, if there is one."""
        return None if self.stream is None else self.stream.get_extra_info("socket")


class SingleConnectionPools:
    """Takes requests to many places, each on a lane of its own.

    Args:
        trusted: The TLS context of all of them, of which httpx sets some options.
    """

    def __init__(self, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        self._idle: dict[str, deque[SingleConnectionPool]] = {}  # by place, the latest last; none is empty

    def __len__(self) -> int:
        return sum(map(len, self._idle.values()))

    def take(self, address: str) -> SingleConnectionPool:
        """The lane to `address` that was used last, or a new one.

        Raises:
            ConfigurationError: no such place, or the environment names a proxy that httpx cannot use.
        """
        place = "/".join(address.split("/", 3)[:3])
        idle = self._idle.get(place)
        if idle is None:
            return SingleConnectionPool(place, self._made(place))
        lane = idle.pop()
        if not idle:
            del self._idle[place]
        return lane

    def give_back(self, lane: SingleConnectionPool) -> None:
        """The request of `lane` has come to its good end: another may take it."""
        lane.idle_since = clock.now()
        self._idle.setdefault(lane.place, deque()).append(lane)

    async def sweep(self) -> None:
        """Close some of the connections that nobody has wanted for long."""
        before = clock.now() - KEEP_ALIVE_SECONDS
        for _ in range(SWEPT_AT_ONCE):
            if (lane := self._idle_since_before(before)) is None:
                return
            await lane.transport.aclose()

    async def aclose(self) -> None:
        """Close what is idle."""
        while (lane := self._idle_since_before(math.inf)) is not None:
            await lane.transport.aclose()

    def drained(self) -> list[SingleConnectionPool]:
        """All that are idle, taken out."""
        drained = [lane for idle in self._idle.values() for lane in idle]
        self._idle.clear()
        return drained

    def _idle_since_before(self, moment: float) -> SingleConnectionPool | None:
        """One such lane, taken out: those that a cancelled closing does not come to are still there."""
        for place, idle in self._idle.items():
            if idle[0].idle_since < moment:
                lane = idle.popleft()
                if not idle:
                    del self._idle[place]
                return lane
        return None

    def _made(self, place: str) -> httpx.AsyncHTTPTransport:
        target = httpx.URL(place)
        if not target.host:
            raise ConfigurationError(f"{place} is no address: it names no host")
        url = proxies.proxy_for(target)
        if url is None:
            return httpx.AsyncHTTPTransport(verify=self._trusted, limits=_ONE)
        trusted = self._trusted if url.scheme == "https" else None
        try:
            proxy = httpx.Proxy(url, ssl_context=trusted)
            return httpx.AsyncHTTPTransport(verify=self._trusted, limits=_ONE, proxy=proxy)
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"the environment names a {url.scheme} proxy: {error}") from None
