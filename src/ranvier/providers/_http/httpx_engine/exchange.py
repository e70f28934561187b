"""Runs one request through httpx, and reads its reply, in a separate task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from ranvier import clock
from ranvier.errors.provider import ConnectionFailedError
from ranvier.providers._http.httpx_engine.errors import map_exception
from ranvier.providers._http.httpx_engine.parts import Parts
from ranvier.providers._http.httpx_engine.pools import SingleConnectionPool, SingleConnectionPools
from ranvier.providers._http.port import ABORTED, HttpRequest
from ranvier.providers._reading.decoding import ACCEPTED, decompressor


class Exchange:
    """One request and its reply, in a separate task.

    httpcore closes a connection when the task that uses it is cancelled, but a second cancellation
    interrupts the closing, and the pool is never notified. So the caller's task, which may be cancelled any
    number of times, only waits for parts; the separate task is cancelled once.
    """

    def __init__(self, request: HttpRequest, library: Any, client: Any) -> None:
        self.request = request
        self._library = library
        self._client = client
        self._sockets: list[Any] = []  # httpcore's streams of the connection that was opened for it
        self._connecting = 0.0  # when connecting began, by the clock
        self._on_new_connection = False  # which stays open if cancelled before its first request
        self._parts: Parts[Any] = Parts(maxsize=1)  # first the response, then bytes
        self._last: bytes | Exception | None = None  # returned once; `None` means aborted
        self._closing = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def part(self) -> Any:
        """The next part: first the response, then its chunks, then empty ones."""
        part = self._last if self.task.done() and self._parts.empty() else await self._parts.get()
        if part is not None and not isinstance(part, Exception):
            return part
        self._last = None
        try:
            raise part or ConnectionFailedError(f"{self.request.target}: {ABORTED}", **self.request.facts)
        finally:
            del part  # breaks the reference cycle of the error and this frame

    async def aclose(self) -> None:
        """Stop at any point; closing continues even if waiting for it is cancelled."""
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
                # Breaks the reference cycle of the stream and its response.
                response.stream = self._library.ByteStream(b"")
            self._last = b""
            self._completed()
        except asyncio.CancelledError:  # from `aclose`; a task that ends with this error keeps its frames
            if self._parts.full():
                self._parts.get_nowait()
        except Exception as error:
            self._last = self._mapped(error)
        finally:
            if self._parts.empty():  # `part` may be waiting
                self._parts.put_nowait(self._last)
            self._closing = True
            await self._leave()

    async def _send(self) -> Any:
        try:
            return await self._request()
        except BaseException:
            for socket in self._sockets:
                await socket.aclose()
            raise

    async def _request(self) -> Any:
        request = self.request
        built = self._client.build_request(
            "POST",
            request.url,
            headers={"accept-encoding": ACCEPTED, **request.headers},
            content=request.body,
            timeout=(request.connect, None, None, None),
            extensions={"trace": self._trace},
        )
        return await self._client.send(built, stream=True, auth=None, follow_redirects=False)

    def _mapped(self, error: Exception) -> Exception:
        """The error to raise for `error`."""
        return map_exception(error, self.request, self._library)

    def _completed(self) -> None:
        """Called when the body was read to its end, and its connection is idle again."""

    async def _leave(self) -> None:
        """Called at the end, after success or failure."""

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Called by httpcore for each of its steps: the only way to control a handshake."""
        self._leave_new_connection()
        if event == "connection.connect_tcp.started":
            self._connecting = clock.now()
        elif event == "connection.connect_tcp.complete":
            self._opened(info["return_value"])
            self._on_new_connection = True
        elif event == "connection.start_tls.complete":
            self._on_new_connection = True
        elif event == "connection.start_tls.started" and self.request.connect is not None:
            spent = clock.now() - self._connecting  # otherwise each of the two gets the whole limit
            info["timeout"] = max(0.0, self.request.connect - spent)

    def _opened(self, stream: Any) -> None:
        """Remember a new connection, which a cancelled handshake would leave open."""
        self._sockets.append(stream)

    def _leave_new_connection(self) -> None:
        """The next step has begun: from here a cancellation closes the connection; run a deferred one now."""
        if self._on_new_connection:
            self._on_new_connection = False
            if self._closing:
                raise asyncio.CancelledError


class PooledExchange(Exchange):
    """One request through our own pools; its pool is closed unless the request completes."""

    def __init__(self, request: HttpRequest, pools: SingleConnectionPools) -> None:
        self._pools = pools
        self.pool: SingleConnectionPool | None = None
        super().__init__(request, httpx, None)  # last: its task may begin at once

    async def _request(self) -> Any:
        request = self.request
        self.pool = self._pools.take(request.url)
        built = httpx.Request(
            "POST",
            request.url,
            headers={"user-agent": "ranvier", "accept-encoding": ACCEPTED, **request.headers},
            content=request.body,
            extensions={"timeout": {"connect": request.connect}, "trace": self._trace},
        )
        return await self.pool.transport.handle_async_request(built)

    def _completed(self) -> None:
        if self.pool is not None:
            self._pools.give_back(self.pool)
            self.pool = None

    def _opened(self, stream: Any) -> None:
        super()._opened(stream)
        if self.pool is not None:
            self.pool.stream = stream

    async def _leave(self) -> None:
        if self.pool is not None:
            await self.pool.transport.aclose()
        else:
            await self._pools.sweep()


async def _decoded(response: Any) -> AsyncIterator[bytes]:
    """The pieces of a body; none is empty."""
    if response.is_stream_consumed:  # by a test transport, which holds the whole body
        yield response.content
        return
    decoder = decompressor(response.headers.get("content-encoding"))
    async for chunk in response.stream:  # not aiter_raw, which closes it while a cancellation is possible
        for piece in (chunk,) if decoder is None else decoder.pieces(chunk):
            if piece:  # an empty one would mean the end
                yield piece
    if decoder is not None:
        decoder.check_end()
