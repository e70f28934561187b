"""A TCP proxy before a server, which loses what it is told to lose.

It runs in a thread with a loop of its own, so that it works for any test and any process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

from support.valkey.server import HERE

PUSH = b"$7\r\nmessage\r\n"
"""What each push of a subscription contains."""


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Way(Enum):
    """What happens to the bytes."""

    WHOLE = "carried"
    HELD = "kept back in both directions, and carried once that ends, as TCP does after a partition"
    LOST = "swallowed in both directions, while connections stay open"
    DEAF = "replies swallowed: the server executes, and nobody hears of it"
    MUTE = "pushes swallowed, and nothing else"
    REFUSED = "connections broken, new ones refused"


class Proxy:
    """The way to one port, and back.

    Attributes:
        port: Where clients connect.
        delay: Seconds by which everything that the server says is late.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.delay = 0.0
        self._target = target
        self._way = Way.WHOLE
        self._open: dict[asyncio.Task[None], _Connection] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        """What a client is given."""
        return f"valkey://{HERE}:{self.port}/0"

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self._run(self._listen())

    def stop(self) -> None:
        """Break everything, and end."""
        self.become(Way.REFUSED)
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def become(self, way: Way) -> None:
        """Treat the bytes like that from now on, those of open connections, too.

        A connection of which bytes were swallowed is broken then, since it could never be read again.
        """
        self._way = way
        self._run(self._break(lambda connection: way is Way.REFUSED or connection.torn))

    def lead_to(self, port: int) -> None:
        """Let new connections reach another server, and break the old ones (a failover)."""
        self._target = port
        self._run(self._break(lambda connection: True))

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    def _run(self, does: Coroutine[Any, Any, None]) -> None:
        """Run something on the proxy's own loop, from any other thread."""
        asyncio.run_coroutine_threadsafe(does, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, HERE, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        await self._break(lambda connection: True)

    async def _break(self, chosen: Callable[[_Connection], bool]) -> None:
        going = [task for task, connection in self._open.items() if chosen(connection)]
        for task in going:
            task.cancel()
        if going:
            await asyncio.wait(going)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until an end of it goes."""
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = connection = _Connection(self)
        try:
            if self._way is not Way.REFUSED:
                there = await asyncio.open_connection(HERE, self._target)
                await connection.carry((reader, writer), there)
        except (OSError, asyncio.CancelledError):
            pass  # the server is not there, or the proxy breaks it: nobody waits for this task
        finally:
            writer.transport.abort()
            del self._open[task]

    @property
    def way(self) -> Way:
        """What happens to the bytes just now."""
        return self._way


class _Connection:
    """One connection's two directions.

    Attributes:
        torn: Bytes of it were swallowed.
    """

    def __init__(self, proxy: Proxy) -> None:
        self.torn = False
        self._proxy = proxy

    async def carry(self, here: Ends, there: Ends) -> None:
        """Carry both directions until one of them ends, and end the other."""
        ways = [
            asyncio.ensure_future(self._up(here[0], there[1])),
            asyncio.ensure_future(self._down(there[0], here[1])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            there[1].transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the client to the server."""
        while read := await reader.read(65536):
            await self._pass_on(read, writer, swallowed=(Way.LOST,))

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the server to the client."""
        while read := await reader.read(65536):
            if self._proxy.delay:
                await asyncio.sleep(self._proxy.delay)
            mute = (Way.MUTE,) if PUSH in read else ()
            await self._pass_on(read, writer, swallowed=(Way.LOST, Way.DEAF, *mute))

    async def _pass_on(self, read: bytes, writer: asyncio.StreamWriter, swallowed: tuple[Way, ...]) -> None:
        while self._proxy.way is Way.HELD:  # noqa: ASYNC110  # because: another thread says so
            await asyncio.sleep(0.005)
        if self._proxy.way in swallowed:
            self.torn = True
            return
        writer.write(read)
        await writer.drain()


@contextmanager
def proxying(target: int) -> Iterator[Proxy]:
    """A proxy before a port of this machine, for as long as the block lasts."""
    proxy = Proxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        with suppress(TimeoutError):
            proxy.stop()
