"""A call to a provider without layers, and servers to answer it: a handler, or a script on loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from random import Random
from typing import Any

import httpx

from ranvier.clock import clock_of
from ranvier.errors import RanvierError
from ranvier.facts.record import Record
from ranvier.messages import Message, Request
from ranvier.pipeline.call import Call
from ranvier.pipeline.deployment import Deployment
from ranvier.pipeline.registry import names_of
from ranvier.pipeline.timing.limits import Limits


class Events:
    """Takes down what is emitted."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.listeners = (self.heard.append,)

    def hears(self, kind: type[Any]) -> bool:
        """Everything."""
        return True

    def emit(self, event: Any, call: Any = None) -> None:
        """Take it down."""
        self.heard.append(event)


class FakePipeline:
    """As much of a pipeline as an adapter sees."""

    def __init__(self) -> None:
        self.events = Events()
        self.lifecycle = self
        self.provider_names: frozenset[str] = frozenset()
        self.loop = asyncio.get_running_loop()
        self.clock = clock_of(self.loop)

    def in_background(self, work: Any, *_: Any, **__: Any) -> asyncio.Task[None]:
        """Start it."""
        return self.loop.create_task(work)


class Asked:
    """A provider behind a handler that stands for its server.

    Attributes:
        requests: What was sent.
        heard: The events that were emitted.
    """

    def __init__(self, provider: Any, pipeline: FakePipeline, requests: list[httpx.Request]) -> None:
        self.provider = provider
        self.requests = requests
        self.pipeline = pipeline
        self.pipeline.provider_names = names_of([provider])
        self.heard = pipeline.events.heard

    def call(
        self,
        request: Request | str = "Hi",
        *,
        model: str | None = None,
        key: str | None = "secret-key",
        options: dict[str, Any] | None = None,
        facts_of: str | None = None,
        connect: float | None = None,
    ) -> Call:
        """The first try of a request."""
        if isinstance(request, str):
            request = Request((Message.user(request),))
        call = Call(request, "acme", self.pipeline, Record())  # type: ignore[arg-type]
        call = call.within(Limits(connect=connect))
        return call.to(Deployment(self.provider, model, options=options, facts_of=facts_of), key)

    async def complete(self, request: Request | str = "Hi", **given: Any) -> Any:
        """The whole answer."""
        return await self.provider.complete(self.call(request, **given))

    async def stream(self, request: Request | str = "Hi", **given: Any) -> list[Any]:
        """All events of the streamed answer."""
        return [event async for event in self.provider.stream(self.call(request, **given))]

    async def sent(self, request: Request | str = "Hi", *, streamed: bool = False, **given: Any) -> Any:
        """The JSON of the body that is sent for a request, whatever comes back."""
        before = len(self.requests)
        with suppress(RanvierError):
            await (self.stream(request, **given) if streamed else self.complete(request, **given))
        return json.loads(self.requests[before].content)


Reply = httpx.Response | Callable[[httpx.Request], httpx.Response]


class Chunks(httpx.AsyncByteStream):
    """A body that arrives in the given chunks, then ends, or breaks where an exception stands."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def cut(content: bytes, dice: Random) -> Iterator[bytes]:
    """Cut bytes into chunks at random places."""
    places = sorted(dice.sample(range(1, len(content)), min(len(content) - 1, dice.randint(1, 40))))
    for begin, end in zip([0, *places], [*places, len(content)], strict=True):
        yield content[begin:end]


@asynccontextmanager
async def opened(kind: Callable[..., Any], reply: Reply, **arguments: Any) -> AsyncIterator[Asked]:
    """A provider over a server that gives the reply (or computes it)."""
    requests: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return reply(request) if callable(reply) else reply

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        provider, pipeline = kind(http_client=client, **arguments), FakePipeline()
        provider.open(pipeline)
        yield Asked(provider, pipeline, requests)
        await provider.aclose()


# --- real sockets --------------------------------------------------------------------------------


class Visit:
    """One request as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head
        lines = head.split("\r\n")[1:]
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }

    async def send(self, content: bytes | str) -> None:
        """Write, and let it go out."""
        self.writer.write(content.encode() if isinstance(content, str) else content)
        await self.writer.drain()

    async def answer(self, body: bytes | str, *headers: str, status: str = "200 OK") -> None:
        """A whole reply."""
        body = body.encode() if isinstance(body, str) else body
        lines = [
            f"HTTP/1.1 {status}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *headers,
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def begin_stream(self, *chunks: bytes) -> None:
        """The headers of a streamed reply, and its first chunks."""
        await self.send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for chunk in chunks:
            await self.chunk(chunk)

    async def chunk(self, content: bytes) -> None:
        """One chunk of a streamed reply; an empty one ends it."""
        await self.send(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    async def gone(self) -> None:
        """Wait until the client has closed the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(1024):
                pass


class Loopback:
    """A server that answers every request by a script.

    Attributes:
        url: Where it is.
        visits: The requests so far.
        accepted: The connections so far.
        open: The connections that the client has not closed.
        connected, visited: Set at the first connection and at the first request.
    """

    def __init__(self, script: Callable[[Visit], Awaitable[None]]) -> None:
        self.url = ""
        self.visits: list[Visit] = []
        self.accepted = 0
        self.open = 0
        self.connected = asyncio.Event()
        self.visited = asyncio.Event()
        self._script = script
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        self.accepted += 1
        self.open += 1
        self.connected.set()
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().strip()
                self.visits.append(visit := Visit(reader, writer, head))
                visit.body = (await reader.readexactly(int(visit.headers.get("content-length", 0)))).decode()  # type: ignore[attr-defined]
                self.visited.set()
                await self._script(visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)  # type: ignore[arg-type]
            writer.close()

    async def settled(self, seconds: float = 2.0) -> int:
        """The number of connections that the client keeps open, once that is none or the time is over."""
        for _ in range(int(seconds / 0.01)):
            if not self.open:
                break
            await asyncio.sleep(0.01)
        return self.open

    def close(self) -> None:
        """Stop serving."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def listening(loopback: Loopback, proven: ssl.SSLContext | None = None) -> AsyncIterator[Loopback]:
    """That server, where it can be asked; over TLS where it has something to prove who it is."""
    server = await asyncio.start_server(loopback.serve, "127.0.0.1", 0, ssl=proven, backlog=4096)
    scheme = "http" if proven is None else "https"
    loopback.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield loopback
        loopback.close()
        await asyncio.sleep(0)


def served(script: Callable[[Visit], Awaitable[None]]) -> AbstractAsyncContextManager[Loopback]:
    """A script on loopback."""
    return listening(Loopback(script))


async def silence(visit: Visit) -> None:
    """No answer at all."""
    await visit.gone()


async def half_a_body(visit: Visit) -> None:
    """Headers, and half of the body."""
    await visit.begin_stream(b'{"choices": ')
    await visit.gone()


@asynccontextmanager
async def opened_at(url: str, kind: Callable[..., Any], **arguments: Any) -> AsyncIterator[Asked]:
    """A provider over real sockets."""
    provider, pipeline = kind(base_url=url, **arguments), FakePipeline()
    provider.open(pipeline)
    try:
        yield Asked(provider, pipeline, [])
    finally:
        await provider.aclose()
