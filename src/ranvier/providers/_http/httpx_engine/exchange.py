"""One request through httpx and its reply, in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from ranvier import clock
from ranvier.errors.provider import ConnectionFailedError
from ranvier.providers._http.httpx_engine.errors import map_exception
from ranvier.providers._http.httpx_engine.pools import SingleConnectionPool, SingleConnectionPools
from ranvier.providers._http.port import HttpRequest
from ranvier.providers._reading.decoding import ACCEPTED, decompressor
from ranvier.providers._reading.parts import Parts


class Exchange:
    """One request and its reply, in a task of its own.

    httpcore closes a connection when the task that uses it is cancelled, but a second cancellation
    interrupts the closing, and the pool never learns of it. So the caller's task, which may be
    cancelled as often as it likes, only waits for parts here; this one is cancelled once.
    """

    def __init__(self, request: HttpRequest, library: Any, client: Any) -> None:
        self.request = request
        self._library = library
        self._client = client
        self._sockets: list[Any] = []  # streams of httpcore, of the connection that was opened for it
        self._connecting = 0.0  # since when, by the clock
        self._on_new_connection = False  # which nobody closes, if it is cancelled before its first request
        self._parts: Parts[Any] = Parts(maxsize=1)  # first the response, then bytes
        self._last: bytes | Exception | None = None  # said once; `None` is that it was given up
        self._closing = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def part(self) -> Any:
        """First the response, then its chunks, then empty ones."""
        part = self._last if self.task.done() and self._parts.empty() else await self._parts.get()
        if part is not None and not isinstance(part, Exception):
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
                # It knows its response, and only the collector would part them.
                response.stream = self._library.ByteStream(b"")
            self._last = b""
            self._come_through()
        except asyncio.CancelledError:  # by `aclose`: a task that ends with it keeps its frames
            if self._parts.full():
                self._parts.get_nowait()
        except Exception as error:
            self._last = map_exception(error, self.request, self._library)
        finally:
            if self._parts.empty():  # somebody may wait for it
                self._parts.put_nowait(self._last)
            self._closing = True
            await self._leave()

    async def _send(self) -> Any:
        try:
            return await self._ask()
        except BaseException:
            for socket in self._sockets:
                await socket.aclose()
            raise

    async def _ask(self) -> Any:
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

    def _come_through(self) -> None:
        """The body was read to its end, and its connection is idle again."""

    async def _leave(self) -> None:
        """All is said, well or not."""

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Told by httpcore of what it does: it has no other way to look after a handshake."""
        self._leave_new_connection()
        if event == "connection.connect_tcp.started":
            self._connecting = clock.now()
        elif event == "connection.connect_tcp.complete":
            self._opened(info["return_value"])
            self._on_new_connection = True
        elif event == "connection.start_tls.complete":
            self._on_new_connection = True
        elif event == "connection.start_tls.started" and self.request.connect is not None:
            spent = clock.now() - self._connecting  # each of the two would get the whole limit
            info["timeout"] = max(0.0, self.request.connect - spent)

    def _opened(self, stream: Any) -> None:
        """There is a connection: a cancelled handshake would leave it open."""
        self._sockets.append(stream)

    def _leave_new_connection(self) -> None:
        """Its next step has begun, from which on a cancellation closes it; what had to wait happens now."""
        if self._on_new_connection:
            self._on_new_connection = False
            if self._closing:
                raise asyncio.CancelledError


class LaneExchange(Exchange):
    """One request on a lane of ours, which is closed unless it comes to its good end."""

    def __init__(self, request: HttpRequest, lanes: SingleConnectionPools) -> None:
        self._lanes = lanes
        self.lane: SingleConnectionPool | None = None
        super().__init__(request, httpx, None)  # last: its task may begin at once

    async def _ask(self) -> Any:
        request = self.request
        self.lane = self._lanes.take(request.url)
        built = httpx.Request(
            "POST",
            request.url,
            headers={"user-agent": "ranvier", "accept-encoding": ACCEPTED, **request.headers},
            content=request.body,
            extensions={"timeout": {"connect": request.connect}, "trace": self._trace},
        )
        return await self.lane.transport.handle_async_request(built)

    def _come_through(self) -> None:
        if self.lane is not None:
            self._lanes.give_back(self.lane)
            self.lane = None

    def _opened(self, stream: Any) -> None:
        super()._opened(stream)
        if self.lane is not None:
            self.lane.stream = stream

    async def _leave(self) -> None:
        if self.lane is not None:
            await self.lane.transport.aclose()
        else:
            await self._lanes.sweep()


async def _decoded(response: Any) -> AsyncIterator[bytes]:
    """The pieces of a body; none is empty."""
    if response.is_stream_consumed:  # by a transport of somebody's tests, which holds all of it
        yield response.content
        return
    unzip = decompressor(response.headers.get("content-encoding"))
    async for chunk in response.stream:  # not aiter_raw, which closes it while it may yet be cancelled
        for piece in (chunk,) if unzip is None else unzip.pieces(chunk):
            if piece:  # to whoever reads, an empty one is the end
                yield piece
    if unzip is not None:
        unzip.check_end()
