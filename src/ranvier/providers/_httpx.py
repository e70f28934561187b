"""The engine behind the port: httpx.

It is the one module that knows how httpx behaves: where it would keep cookies, how large its pool
is, and what a cancellation does to it.
"""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import AsyncIterator, Collection
from http.cookiejar import CookieJar
from typing import Any, Final

import httpx

from ranvier import clock
from ranvier.errors import ConfigurationError, ConnectionFailedError
from ranvier.providers._decoding import ACCEPTED, unzipper
from ranvier.providers._http import KEEP_ALIVE_SECONDS, HttpClient, HttpReply, HttpRequest
from ranvier.providers._httpx_errors import as_ours
from ranvier.providers._parts import Parts

DEFAULT_POOL_SIZE: Final = 100
"""The size of httpx's own pool, where a client of the user's does not tell."""

_NOTHING: Final = httpx.ByteStream(b"")


class HttpxClient(HttpClient):
    """Sends requests through httpx; `pool_size` is how many at once, `None` is without bound."""

    def __init__(self, client: httpx.AsyncClient, pool_size: int | None = None) -> None:
        self.pool_size = pool_size
        self._client = client
        self._owner: httpx.AsyncClient | None = None  # the user's client, which only the user closes
        self._exchanges: set[_Exchange] = set()  # under way
        self._door = asyncio.Lock()

    @classmethod
    def ours(cls) -> HttpxClient:
        """A client of our own. Its pool is unbounded, since requests wait for a slot before it."""
        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE_SECONDS
        )
        return cls(
            httpx.AsyncClient(
                verify=httpx.create_ssl_context(),
                headers={"user-agent": "ranvier"},
                cookies=_NoCookies(),
                limits=limits,
            )
        )

    @classmethod
    def of_user(cls, client: httpx.AsyncClient) -> HttpxClient:
        """The user's client, its pool and hooks, seen through a copy with a cookie jar of its own."""
        view = copy.copy(client)
        view.cookies = _NoCookies()
        shared = cls(view, _pool_size(client))
        shared._owner = client
        return shared

    @property
    def under_way(self) -> Collection[HttpRequest]:
        """See `HttpClient.under_way`."""
        return [exchange.request for exchange in self._exchanges]

    async def send(self, request: HttpRequest) -> HttpReply:
        """See `HttpClient.send`."""
        if self._owner is not None and self._owner.is_closed:
            raise ConfigurationError("http_client was closed: keep it open as long as a pipeline uses it")
        # A client of the user's may have hooks or a transport that take long, and must take them at once.
        exchange = _Exchange(self._client, request, self._door if self._owner is None else None)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda task: self._exchanges.discard(exchange))
        try:
            response = await exchange.part()
        except BaseException:
            await exchange.aclose()
            raise
        assert isinstance(response, httpx.Response)
        return _HttpxReply(request, response, exchange)

    async def aclose(self) -> None:
        """See `HttpClient.aclose`."""
        try:
            await asyncio.gather(*(exchange.aclose() for exchange in tuple(self._exchanges)))
        finally:
            if self._owner is None:
                await self._client.aclose()


class _Exchange:
    """One request and its reply, in a task of its own.

    httpcore closes a connection when the task that uses it is cancelled, but a second cancellation
    interrupts the closing, and the pool never learns of it. So the caller's task, which may be
    cancelled as often as it likes, only waits for parts here; this one is cancelled once.

    Its pool gives an idle connection to everybody who asks before the first of them is on it, and
    sends all others back to try again: fifty calls at once would queue for one connection after the
    other, and the unlucky for seconds. So they go in by a door, each once the one before has its own.
    """

    def __init__(self, client: httpx.AsyncClient, request: HttpRequest, door: asyncio.Lock | None) -> None:
        self._client = client
        self.request = request
        self._door = door
        self._in_door = False
        self._sockets: list[Any] = []  # streams of httpcore, of the connection that was opened for it
        self._connecting = 0.0  # since when, by the clock
        self._on_new_connection = False  # which nobody closes, if it is cancelled before its first request
        self._parts: Parts[httpx.Response | bytes | Exception | None] = Parts(maxsize=1)
        self._last: bytes | Exception | None = None  # said once; `None` is that it was given up
        self._closing = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def part(self) -> httpx.Response | bytes:
        """First the response, then its chunks, then empty ones."""
        part = self._last if self.task.done() and self._parts.empty() else await self._parts.get()
        if isinstance(part, (httpx.Response, bytes)):
            return part
        self._last = None
        try:
            raise part or ConnectionFailedError(f"{self.request.target}: given up", **self.request.facts)
        finally:
            del part  # because an error keeps this frame, and would be kept by it: a ring

    async def aclose(self) -> None:
        """Stop, wherever it is; the closing goes on where the wait for it is cancelled."""
        if not self._closing:
            self._closing = True
            if not self._on_new_connection:
                self.task.cancel()
        if not self.task.done():
            await asyncio.wait([self.task])

    async def _run(self) -> None:
        try:
            response = await self._send()
            try:
                await self._parts.put(response)
                async for chunk in _decoded(response):
                    await self._parts.put(chunk)
            finally:
                self._closing = True  # from here on a cancellation would leave the connection in the pool
                await response.aclose()
                response.stream = _NOTHING  # it knows its response, and only the collector would part them
            self._last = b""
        except (
            asyncio.CancelledError
        ):  # by `aclose`: a task that ends with it keeps the frames it came through
            if self._parts.full():
                self._parts.get_nowait()
        except Exception as error:
            self._last = as_ours(error, self.request)
        finally:
            if self._parts.empty():  # somebody may wait for it
                self._parts.put_nowait(self._last)

    async def _send(self) -> httpx.Response:
        request = self.request
        try:
            built = self._client.build_request(
                "POST",
                request.url,
                headers={"accept-encoding": ACCEPTED, **request.headers},
                content=request.body,
                timeout=httpx.Timeout(None, connect=request.connect),
                extensions={"trace": self._trace},
            )
            if self._door is not None:
                self._in_door = await self._door.acquire()
            return await self._client.send(built, stream=True, auth=None, follow_redirects=False)
        except BaseException:
            for socket in self._sockets:
                await socket.aclose()
            raise
        finally:
            self._leave_door()

    def _leave_door(self) -> None:
        if self._door is not None and self._in_door:
            self._in_door = False
            self._door.release()

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Told by httpcore of what it does: it has no other way to look after a handshake."""
        self._leave_door()
        self._leave_new_connection()
        if event == "connection.connect_tcp.started":
            self._connecting = clock.now()
        elif event == "connection.connect_tcp.complete":
            self._sockets.append(info["return_value"])  # a cancelled handshake leaves it open
            self._on_new_connection = True
        elif event == "connection.start_tls.complete":
            self._on_new_connection = True
        elif event == "connection.start_tls.started" and self.request.connect is not None:
            spent = clock.now() - self._connecting  # each of the two would get the whole limit
            info["timeout"] = max(0.0, self.request.connect - spent)

    def _leave_new_connection(self) -> None:
        """Its next step has begun, from which on a cancellation closes it; what had to wait happens now."""
        if self._on_new_connection:
            self._on_new_connection = False
            if self._closing:
                raise asyncio.CancelledError


class _HttpxReply(HttpReply):
    def __init__(self, request: HttpRequest, response: httpx.Response, exchange: _Exchange) -> None:
        super().__init__(request, response.status_code, dict(response.headers))
        self._exchange = exchange

    async def chunk(self) -> bytes:
        chunk = await self._exchange.part()
        assert isinstance(chunk, bytes)
        return chunk

    async def aclose(self) -> None:
        await self._exchange.aclose()


async def _decoded(response: httpx.Response) -> AsyncIterator[bytes]:
    """The pieces of a body; none is empty."""
    if response.is_stream_consumed:  # by a transport of somebody's tests, which holds all of it
        yield response.content
        return
    unzip = unzipper(response.headers.get("content-encoding"))
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for chunk in response.stream:  # not aiter_raw, which closes it while it may yet be cancelled
        for piece in (chunk,) if unzip is None else unzip.pieces(chunk):
            if piece:  # to whoever reads, an empty one is the end
                yield piece


class _NoCookies(CookieJar):
    """Keeps nothing: the tenants of a pipeline share a client, and must never share a cookie."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        pass

    def add_cookie_header(self, request: Any) -> None:
        pass


def _pool_size(client: httpx.AsyncClient) -> int | None:
    """How many connections the user's client opens at most; httpx has no public word for it."""
    pool = getattr(getattr(client, "_transport", None), "_pool", None)
    size = getattr(pool, "_max_connections", DEFAULT_POOL_SIZE)
    return None if size is None or size >= sys.maxsize else int(size)
