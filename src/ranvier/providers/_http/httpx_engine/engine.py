"""The default engine: httpx, and httpx2, which is the next version of the same library.

Only this package depends on how they behave: where they would keep cookies, how large their pool is, and
what a cancellation does to it.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Collection
from typing import Any

import httpx

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http.httpx_engine.exchange import Exchange, PooledExchange
from ranvier.providers._http.httpx_engine.pools import SingleConnectionPools
from ranvier.providers._http.httpx_engine.users_client import pool_size, view_of
from ranvier.providers._http.loop_end import close_without_loop
from ranvier.providers._http.port import HttpClient, HttpReply, HttpRequest


class HttpxClient(HttpClient):
    """Sends requests through httpx."""

    def __init__(
        self,
        client: Any = None,
        library: Any = httpx,
        pool_size: int | None = None,
        pools: SingleConnectionPools | None = None,
    ) -> None:
        self.pool_size = pool_size
        self._client = client  # a view of the user's client; None with pools of our own
        self._owner: Any = None  # the user's client, which only the user closes
        self._library = library
        self._pools = pools
        self._exchanges: set[Exchange] = set()  # in flight
        self._loop = asyncio.get_running_loop()

    @classmethod
    def ours(cls, trusted: ssl.SSLContext) -> HttpxClient:
        """A client with its own connection pools."""
        return cls(pools=SingleConnectionPools(trusted))

    @classmethod
    def of_user(cls, client: Any) -> HttpxClient:
        """A client that uses a copy of the user's, with its pool and hooks but a separate cookie jar."""
        library = httpx if isinstance(client, httpx.AsyncClient) else sys.modules["httpx2"]
        shared = cls(view_of(client), library, pool_size(client))
        shared._owner = client
        return shared

    @property
    def in_flight(self) -> Collection[HttpRequest]:
        """See `HttpClient.in_flight`."""
        return [exchange.request for exchange in self._exchanges if not exchange.task.done()]

    async def send(self, request: HttpRequest) -> HttpReply:
        """See `HttpClient.send`."""
        if self._owner is not None and self._owner.is_closed:
            raise ConfigurationError("http_client was closed: keep it open as long as a pipeline uses it")
        exchange = self._exchange(request)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda task: self._exchanges.discard(exchange))
        try:
            response = await exchange.part()
        except BaseException:
            await exchange.aclose()
            raise
        assert not isinstance(response, bytes)
        return _HttpxReply(request, response, exchange)

    def _exchange(self, request: HttpRequest) -> Exchange:
        if self._pools is None:
            return Exchange(request, self._library, self._client)
        return PooledExchange(request, self._pools)

    async def aclose(self) -> None:
        """See `HttpClient.aclose`."""
        try:
            await asyncio.gather(*(exchange.aclose() for exchange in tuple(self._exchanges)))
        finally:
            if self._pools is not None:
                await self._pools.aclose()

    async def hang_up(self) -> None:
        """See `HttpClient.hang_up`."""
        await self.aclose()

    def abandon(self) -> None:
        """See `HttpClient.abandon`."""
        if self._pools is not None:
            used = [exchange.pool for exchange in self._exchanges if isinstance(exchange, PooledExchange)]
            self._exchanges.clear()
            for pool in (*self._pools.drained(), *filter(None, used)):
                close_without_loop(pool.socket(), self._loop)

    def __del__(self) -> None:
        if self._loop.is_closed():  # a pipeline was not closed
            self.abandon()


class _HttpxReply(HttpReply):
    def __init__(self, request: HttpRequest, response: Any, exchange: Exchange) -> None:
        super().__init__(request, response.status_code, dict(response.headers))
        self._exchange = exchange

    async def chunk(self) -> bytes:
        chunk = await self._exchange.part()
        assert isinstance(chunk, bytes)
        return chunk

    async def aclose(self) -> None:
        await self._exchange.aclose()
