"""A small HTTP server on loopback, which does to one request after the other what a test wants."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class Visit:
    """One request, as the server sees it, and the ways to answer it.

    Attributes:
        head: The request's first line and headers, as they came.
        body: Its body.
        closed: Set once its connection is closed, by whomever.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, closed: asyncio.Event
    ) -> None:
        self.head = ""
        self.body = b""
        self.closed = closed
        self._reader = reader
        self._writer = writer

    async def receive(self) -> None:
        """Wait until the request is here."""
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"\ncontent-length: *(\d+)", self.head, re.IGNORECASE)
        self.body = await self._reader.readexactly(int(length[1]) if length else 0)

    async def send(self, content: bytes) -> None:
        """Write these bytes, and let them go out."""
        self._writer.write(content)
        await self._writer.drain()

    async def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """A whole reply; `retry_after="7"` is the header `retry-after`."""
        await self.send(_head(status, {"content-length": str(len(body)), **_named(headers)}) + body)

    async def begin(self, *chunks: bytes, status: int = 200, **headers: str) -> None:
        """The start of a reply in chunks, and the first of them."""
        await self.send(_head(status, {"transfer-encoding": "chunked", **_named(headers)}))
        for chunk in chunks:
            await self.chunk(chunk)

    async def chunk(self, content: bytes) -> None:
        """The next chunk, if there is anything in it."""
        if content:
            await self.send(b"%x\r\n%b\r\n" % (len(content), content))

    async def end(self) -> None:
        """The good end of a reply in chunks."""
        await self.send(b"0\r\n\r\n")

    async def reset(self) -> None:
        """Break the connection off."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client has left."""
        with suppress(ConnectionError):
            while await self._reader.read(1024):
                pass


Script = Callable[[Visit], Awaitable[None]]
"""What becomes of one request."""


class Loopback:
    """Serves a script: `async with Loopback() as server: server.script = ...; ask(server.url)`.

    Attributes:
        script: What becomes of the next request.
        url: Where it is.
        visits: The requests so far.
    """

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or (lambda visit: visit.answer(b"{}"))
        self.url = ""
        self.visits: list[Visit] = []
        self._arrived = asyncio.Event()
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening, and break off what is under way."""
        assert self._server is not None
        self._server.close()
        for task, writer in self._connections.items():
            task.cancel()
            writer.transport.abort()  # to close would wait until a client has read what was sent to it
        if self._connections:
            await asyncio.wait(self._connections)

    async def visited(self, times: int = 1) -> Visit:
        """The latest request, once there have been so many."""
        while len(self.visits) < times:
            self._arrived.clear()
            await self._arrived.wait()
        return self.visits[-1]

    @property
    def open(self) -> int:
        """The connections that are not closed."""
        return len(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that is known from the start: it may be closed before it has run."""
        if self._server is not None and not self._server.is_serving():  # it has just been closed
            writer.transport.abort()
            return
        closed = asyncio.Event()
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, closed))
        self._connections[task] = writer

        def ended(task: asyncio.Task[None]) -> None:
            del self._connections[task]
            writer.close()
            closed.set()

        task.add_done_callback(ended)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, closed: asyncio.Event
    ) -> None:
        # These mean that the client has left, or that the test is over.
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.transport.is_closing():
                visit = Visit(reader, writer, closed)
                await visit.receive()
                self.visits.append(visit)
                self._arrived.set()
                await self.script(visit)


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
