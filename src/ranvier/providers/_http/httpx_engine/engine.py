"""The engine behind the port: httpx, and httpx2, which is the same library in its next version.

It is the one module that knows how they behave: where they would keep cookies, how large their pool
is, and what a cancellation does to it.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Collection
from typing import Any

import httpx

from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http.httpx_engine.exchange import Exchange, LaneExchange
from ranvier.providers._http.httpx_engine.pools import SingleConnectionPools
from ranvier.providers._http.httpx_engine.users_client import pool_size, view_of
from ranvier.providers._http.loop_end import close_without_loop
from ranvier.providers._http.port import HttpClient, HttpReply, HttpRequest


class HttpxClient(HttpClient):
    """Sends requests through httpx; `pool_size` is how many at once, `None` is without bound."""

    def __init__(
        self,
        client: Any = None,
        library: Any = httpx,
        pool_size: int | None = None,
        lanes: SingleConnectionPools | None = None,
    ) -> None:
        self.pool_size = pool_size
        self._client = client  # a view of the user's; None where there are lanes of ours
        self._owner: Any = None  # the user's client, which only the user closes
        self._library = library
        self._lanes = lanes
        self._exchanges: set[Exchange] = set()  # under way
        self._loop = asyncio.get_running_loop()

    @classmethod
    def ours(cls, trusted: ssl.SSLContext) -> HttpxClient:
        """A client of our own."""
        return cls(lanes=SingleConnectionPools(trusted))

    @classmethod
    def of_user(cls, client: Any) -> HttpxClient:
        """The user's client, its pool and hooks, seen through a copy with a cookie jar of its own."""
        library = httpx if isinstance(client, httpx.AsyncClient) else sys.modules["httpx2"]
        shared = cls(view_of(client), library, pool_size(client))
        shared._owner = client
        return shared

    @property
    def in_flight(self) -> Collection[HttpRequest]:
        """See `HttpClient.in_flight`."""
        return [exchange.request for exchange in self._exchanges]

    async def send(self, request: HttpRequest) -> HttpReply:
        """See `HttpClient.send`."""
        if self._owner is not None and self._owner.is_closed:
            raise ConfigurationError("http_client was closed: keep it open as long as a pipeline uses it")
        if self._lanes is None:
            exchange = Exchange(request, self._library, self._client)
        else:
            exchange = LaneExchange(request, self._lanes)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda task: self._exchanges.discard(exchange))
        try:
            response = await exchange.part()
        except BaseException:
            await exchange.aclose()
            raise
        assert not isinstance(response, bytes)
        return _HttpxReply(request, response, exchange)

    async def aclose(self) -> None:
        """See `HttpClient.aclose`."""
        try:
            await asyncio.gather(*(exchange.aclose() for exchange in tuple(self._exchanges)))
        finally:
            if self._lanes is not None:
                await self._lanes.aclose()

    async def hang_up(self) -> None:
        """See `HttpClient.hang_up`."""
        await self.aclose()

    def abandon(self) -> None:
        """See `HttpClient.abandon`."""
        if self._lanes is not None:
            used = [exchange.lane for exchange in self._exchanges if isinstance(exchange, LaneExchange)]
            self._exchanges.clear()
            for lane in (*self._lanes.drained(), *filter(None, used)):
                close_without_loop(lane.socket(), self._loop)

    def __del__(self) -> None:
        if self._loop.is_closed():  # a pipeline was left without being closed
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
