"""Servers that do as their handler says, whatever HTTP would have them do, over TCP or TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trustme

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def bare(handler: Handler, proven: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port of loopback where a handler has each connection to itself, whatever becomes of it."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(task := asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=proven) as server:
        yield server.sockets[0].getsockname()[1]
        for task in tuple(filter(None, tasks)):
            task.cancel()
        for _ in range(3):  # for the handlers to end, and for their connections to close
            await asyncio.sleep(0)


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Wait until the client has closed its side."""
    with suppress(ConnectionError):
        while await reader.read(65_536):
            pass


class Authority:
    """Who says who somebody is: the test's own, which no machine trusts."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def proves(self, name: str) -> ssl.SSLContext:
        """What a server needs to prove that it is `name`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context

    def trusted(self) -> ssl.SSLContext:
        """What a client needs to believe it."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context

    def written_to(self, path: Path) -> Path:
        """Its certificate in a file, as the environment names one."""
        self._authority.cert_pem.write_to_path(str(path))
        return path
