"""A small HTTP server on loopback that answers each request with a test's script."""

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
    """One request as the server receives it, with methods to answer it.

    Attributes:
        head: The request line and the headers, as received.
        body: The request's body.
        closed: Set once the connection is closed, by either side.
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
        """Read the whole request."""
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"\ncontent-length: *(\d+)", self.head, re.IGNORECASE)
        self.body = await self._reader.readexactly(int(length[1]) if length else 0)

    async def send(self, content: bytes) -> None:
        """Write these bytes and flush them."""
        self._writer.write(content)
        await self._writer.drain()

    async def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a whole reply; `retry_after="7"` becomes the header `retry-after`."""
        await self.send(_head(status, {"content-length": str(len(body)), **_named(headers)}) + body)

    async def begin(self, *chunks: bytes, status: int = 200, **headers: str) -> None:
        """Start a chunked reply and send its first chunks."""
        await self.send(_head(status, {"transfer-encoding": "chunked", **_named(headers)}))
        for chunk in chunks:
            await self.chunk(chunk)

    async def chunk(self, content: bytes) -> None:
        """Send the next chunk, unless it is empty."""
        if content:
            await self.send(b"%x\r\n%b\r\n" % (len(content), content))

    async def end(self) -> None:
        """End a chunked reply properly."""
        await self.send(b"0\r\n\r\n")

    async def reset(self) -> None:
        """Reset the connection."""
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the client disconnects."""
        with suppress(ConnectionError):
            while await self._reader.read(1024):
                pass


Script = Callable[[Visit], Awaitable[None]]
"""Answers one request."""


class Loopback:
    """Serves a script: `async with Loopback() as server: server.script = ...; ask(server.url)`.

    Attributes:
        script: Answers the next requests.
        url: The server's base URL.
        visits: The requests so far, oldest first.
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
        """Stop listening, and abort the requests in flight."""
        assert self._server is not None
        self._server.close()
        for task, writer in self._connections.items():
            task.cancel()
            writer.transport.abort()  # close() would wait until the client has read everything
        if self._connections:
            await asyncio.wait(self._connections)

    async def visited(self, times: int = 1) -> Visit:
        """Wait for `times` requests in total, and return the latest."""
        while len(self.visits) < times:
            self._arrived.clear()
            await self._arrived.wait()
        return self.visits[-1]

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task that `close` can cancel even before its first step."""
        if self._server is not None and not self._server.is_serving():  # the server has just been closed
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
        # These errors mean that the client has disconnected, or that the test is over.
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.transport.is_closing():
                visit = Visit(reader, writer, closed)
                await visit.receive()
                self.visits.append(visit)
                self._arrived.set()
                await self.script(visit)


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {"content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
