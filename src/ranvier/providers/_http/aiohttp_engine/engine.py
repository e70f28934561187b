"""The faster engine: aiohttp, used directly.

It needs no task per request: aiohttp itself closes the connection of a cancelled request. But it does not
close a connection immediately while unread bytes are left, so connections are aborted here.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import io
import ssl
from collections.abc import Awaitable, Collection, Iterator
from typing import Any, Final

import aiohttp

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import ConnectionFailedError
from ranvier.providers._http.aiohttp_engine.errors import is_stale_connection, map_exception
from ranvier.providers._http.aiohttp_engine.pool import Connector, limits, pool_size_of
from ranvier.providers._http.aiohttp_engine.routes import Route, route_to
from ranvier.providers._http.loop_end import close_without_loop
from ranvier.providers._http.port import ABORTED, KEEP_ALIVE_SECONDS, HttpClient, HttpReply, HttpRequest
from ranvier.providers._reading.decoding import ACCEPTED, Decompressor, decompressor

MAX_CONNECTIONS: Final = 1 << 16
"""The limit of the pool. It is never reached: requests wait for a slot first, never for the pool."""

MAX_HEADER: Final = 64 * 1024

LARGE_BODY: Final = 1 << 20
"""Size in bytes from which a body is written piece by piece."""

MAX_STALE: Final = 3
"""Maximum number of idle connections per request that turn out stale, closed by the server."""

MAX_ROUTES: Final = 1000
"""Maximum number of URLs whose routes a client remembers."""


class AiohttpClient(HttpClient):
    """Sends requests through aiohttp."""

    def __init__(self, session: aiohttp.ClientSession, owner: aiohttp.ClientSession | None = None) -> None:
        self.pool_size = None if owner is None else pool_size_of(owner)
        self._session = session
        self._owner = owner  # the user's session, which only the user closes
        self._connector: Connector | None = None  # our own, unless the session is the user's
        self._trusts_environment = owner is None or owner.trust_env
        self._in_flight: dict[HttpRequest, asyncio.Task[Any] | _AiohttpReply | None] = {}
        self._routes: dict[str, Route] = {}
        self._headers = {} if owner is None else {"accept-encoding": ACCEPTED}
        self._closing = False
        self._loop = asyncio.get_running_loop()

    @classmethod
    def ours(cls, trusted: ssl.SSLContext) -> AiohttpClient:
        """A client with its own session."""
        trusted.set_alpn_protocols(["http/1.1"])
        connector = Connector(limit=MAX_CONNECTIONS, ssl=trusted, keepalive_timeout=KEEP_ALIVE_SECONDS)
        client = cls(
            aiohttp.ClientSession(
                connector=connector,
                headers={"user-agent": "ranvier", "accept-encoding": ACCEPTED},
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
            )
        )
        client._connector = connector
        return client

    @classmethod
    def of_user(cls, session: aiohttp.ClientSession) -> AiohttpClient:
        """A client that uses a copy of the user's session: its connector and hooks, no cookies or keys."""
        view: Any = copy.copy(session)
        view._cookie_jar = aiohttp.DummyCookieJar()
        view._default_auth = None
        view._trust_env = False  # aiohttp would read netrc in a thread for each request
        return cls(view, session)

    @property
    def in_flight(self) -> Collection[HttpRequest]:
        """See `HttpClient.in_flight`."""
        return self._in_flight.keys()

    async def send(self, request: HttpRequest) -> HttpReply:
        """See `HttpClient.send`."""
        if self._owner is not None and self._owner.closed:
            raise ConfigurationError("http_client was closed: keep it open as long as a pipeline uses it")
        self._in_flight[request] = asyncio.current_task(self._loop)
        stale = 0
        while True:
            try:
                response = await self._posted(request)
            except BaseException as error:
                if is_stale_connection(error) and len(request.body) < LARGE_BODY and stale < MAX_STALE:
                    stale += 1
                    continue
                del self._in_flight[request]
                failure = self._failure(error, request)
            else:
                reply = self._in_flight[request] = _AiohttpReply(request, response, self._in_flight)
                return reply
            try:
                raise failure
            finally:
                del failure  # breaks the reference cycle of the error and this frame

    async def aclose(self) -> None:
        """See `HttpClient.aclose`."""
        self._closing = True
        for holder in tuple(self._in_flight.values()):
            if isinstance(holder, asyncio.Task):
                holder.cancel()  # the task waits in `send`, and nowhere else
            elif holder is not None:
                holder.abort()
        if self._owner is None:
            await self._session.close()
        else:
            self._session.detach()

    async def hang_up(self) -> None:
        """See `HttpClient.hang_up`."""
        if self._connector is not None:
            for transport in self._connector.drained():
                transport.abort()

    def abandon(self) -> None:
        """See `HttpClient.abandon`."""
        self._closing = True
        if self._connector is not None:
            for transport in self._connector.drained():
                with contextlib.suppress(RuntimeError):  # the loop is closed; with TLS this closes only half
                    transport.abort()
                close_without_loop(transport.get_extra_info("socket"), self._loop)
        self._session.detach()

    def __del__(self) -> None:
        if self._loop.is_closed():
            self.abandon()
        self._session.detach()  # otherwise it warns if a pipeline was not closed

    def _posted(self, request: HttpRequest) -> Awaitable[aiohttp.ClientResponse]:
        route = self._routes.get(request.url) or self._route(request.url)
        return self._session.post(
            route.url,
            data=request.body if len(request.body) < LARGE_BODY else io.BytesIO(request.body),
            headers={**self._headers, **request.headers, **route.headers},
            timeout=limits(request.connect),
            proxy=route.proxy,
            proxy_headers=route.proxy_headers,
            allow_redirects=False,
            auto_decompress=False,
            raise_for_status=False,
        )

    def _route(self, address: str) -> Route:
        if len(self._routes) >= MAX_ROUTES:
            self._routes.clear()
        route = self._routes[address] = route_to(address, self._trusts_environment)
        return route

    def _failure(self, error: BaseException, request: HttpRequest) -> BaseException:
        """The exception to raise for `error`, without aiohttp's frames, which hold the headers."""
        error.__traceback__ = None
        if not isinstance(error, asyncio.CancelledError):
            return map_exception(error, request) if isinstance(error, Exception) else error
        task = asyncio.current_task()
        if not self._closing or task is None or task.uncancel():
            return error
        return ConnectionFailedError(f"{request.target}: {ABORTED}", **request.facts)


class _AiohttpReply(HttpReply):
    # Most bodies are not compressed.
    _begun = False
    _decompressor: Decompressor | None = None
    _pieces: Iterator[bytes] = iter(())

    def __init__(
        self, request: HttpRequest, response: aiohttp.ClientResponse, in_flight: dict[HttpRequest, Any]
    ) -> None:
        super().__init__(request, response.status, response.headers)
        self._response = response
        self._in_flight = in_flight

    @property
    def ended(self) -> bool:
        """See `HttpReply.ended`."""
        return self._decompressor is None and self._response.content.at_eof()

    async def chunk(self) -> bytes:
        try:
            if not self._begun:
                self._begun = True
                self._decompressor = decompressor(self.headers.get("content-encoding"))
            if self._decompressor is not None:
                return await self._decompressed(self._decompressor)
            return await self._raw()
        except Exception as error:
            error.__traceback__ = None
            failure = map_exception(error, self.request)
        try:
            raise failure
        finally:
            del failure  # breaks the reference cycle of the error and this frame

    async def _decompressed(self, decompressor: Decompressor) -> bytes:
        while True:
            for piece in self._pieces:
                return piece
            if not (chunk := await self._raw()):
                decompressor.check_end()
                return b""
            self._pieces = decompressor.pieces(chunk)

    def _raw(self) -> Awaitable[bytes]:
        content = self._response.content
        broken = content.exception()
        return content.readany() if broken is None else self._before(broken)

    async def _before(self, broken: BaseException) -> bytes:
        """The bytes that arrived before the connection broke."""
        content = self._response.content
        content.set_exception(None)  # type: ignore[arg-type]  # because: those bytes are read first
        try:
            if left := content.read_nowait():
                return left
        finally:
            content.set_exception(broken)
        raise broken

    async def aclose(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close the connection immediately, unless the body was read to its end and has released it."""
        self._in_flight.pop(self.request, None)
        connection = self._response.connection
        if connection is None:
            return
        if connection.transport is not None:
            connection.transport.abort()
        self._response.close()
