"""Providers opened over a handler or over real sockets, for the tests of adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from asking import Asked, Chunks, FakePipeline, Loopback, Reply, Visit


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Open a provider over a server that gives the reply (or computes it)."""

    @asynccontextmanager
    async def open_provider(kind: Callable[..., Any], reply: Reply, **arguments: Any) -> AsyncIterator[Asked]:
        requests: list[httpx.Request] = []

        def serve(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return reply(request) if callable(reply) else reply

        async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
            provider, pipeline = kind(http_client=client, **arguments), FakePipeline()
            provider.open(pipeline)
            yield Asked(provider, pipeline, requests)
            await provider.aclose()

    return open_provider


@pytest.fixture
def streamed() -> Callable[..., httpx.Response]:
    """A reply whose body arrives in chunks."""

    def reply(*chunks: bytes | Exception, status: int = 200, **headers: str) -> httpx.Response:
        return httpx.Response(status, stream=Chunks(*chunks), headers=headers)

    return reply


@pytest.fixture
def cut() -> Callable[[bytes, Any], Iterator[bytes]]:
    """Cut bytes into chunks at random places."""

    def chunks(content: bytes, random: Any) -> Iterator[bytes]:
        places = sorted(random.sample(range(1, len(content)), min(len(content) - 1, random.randint(1, 40))))
        for begin, end in zip([0, *places], [*places, len(content)], strict=True):
            yield content[begin:end]

    return chunks


@pytest.fixture
def loopback() -> Callable[..., Any]:
    """Serve a script on loopback."""

    @asynccontextmanager
    async def serve(script: Callable[[Visit], Awaitable[None]]) -> AsyncIterator[Loopback]:
        served = Loopback(script)
        server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
        served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield served
            served.close()
            await asyncio.sleep(0)

    return serve


@pytest.fixture
def over() -> Callable[..., Any]:
    """Open a provider over real sockets."""

    @asynccontextmanager
    async def open_provider(
        kind: Callable[..., Any], server: Loopback, **arguments: Any
    ) -> AsyncIterator[Asked]:
        provider, pipeline = kind(base_url=server.url, **arguments), FakePipeline()
        provider.open(pipeline)
        try:
            yield Asked(provider, pipeline, [])
        finally:
            await provider.aclose()

    return open_provider
