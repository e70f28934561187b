"""A real uvicorn on the loop of the test, and a client that can say and leave what it likes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

ENTRY_POINT = "127.0.0.1"


class Caller:
    """One connection, spoken to in bytes, so that it can be left at any moment."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, path: str, *headers: tuple[bytes, bytes], body: bytes = b"", method: str = "") -> None:
        """Send a request, and wait for nothing."""
        lines = [f"{method or ('POST' if body else 'GET')} {path} HTTP/1.1\r\nhost: here\r\n".encode()]
        lines += [name + b": " + value + b"\r\n" for name, value in headers]
        if body:
            lines.append(b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body))
        self.writer.write(b"".join(lines) + b"\r\n" + body)

    async def answer(self) -> tuple[int, bytes]:
        """The status and the body of the next response, which must have a length."""
        head = await self.head()
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        return int(head[9:12]), await self.reader.readexactly(int(length.partition(b":")[2]))

    async def head(self) -> bytes:
        """The head of the next response, or an interim one, and nothing of what follows."""
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def leave(self) -> None:
        """Go, whatever is in flight."""
        self.writer.close()
        await self.writer.wait_closed()


class Served:
    """An application that is being served."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{ENTRY_POINT}:{port}"

    @asynccontextmanager
    async def caller(self) -> AsyncIterator[Caller]:
        """A new connection."""
        caller = Caller(*await asyncio.open_connection(ENTRY_POINT, self.port))
        try:
            yield caller
        finally:
            await caller.leave()


@asynccontextmanager
async def serving(app: Any, *, lifespan: Any = "off") -> AsyncIterator[Served]:
    """`app` on uvicorn, without its main loop, which would take a tenth of a second to end."""
    config = uvicorn.Config(app, host=ENTRY_POINT, port=0, lifespan=lifespan, log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield Served(server.servers[0].sockets[0].getsockname()[1])
    finally:
        for listener in server.servers:
            listener.close()
        while connections := tuple(server.server_state.connections):
            for connection in connections:
                connection.transport.abort()
            await asyncio.sleep(0)
        while tasks := tuple(server.server_state.tasks):
            await asyncio.wait(tasks, timeout=1)
        await server.lifespan.shutdown()
