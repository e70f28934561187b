"""Cancelled at any step, once or twice, or closed over its head: the server sees every engine leave."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ranvier.errors import ConnectionFailedError
from ranvier.providers._http.port import HttpClient
from support.engines.five import answered, nothing_in_flight, request
from support.providers.asking import Loopback, Visit, half_a_body, listening, silence

LARGE = b"x" * 20_000_000


async def some_of_much(visit: Visit) -> None:
    """A body that is always coming, and on no machine so fast that it soon is too long."""
    await visit.begin_stream()
    while True:
        await visit.chunk(b" " * 100_000)
        await asyncio.sleep(0.001)


class Deaf(Loopback):
    """A server that accepts, and reads nothing for now."""

    def __init__(self) -> None:
        super().__init__(silence)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Keep the connection until the client leaves."""
        self.open += 1
        await reader.read(1)
        self.visited.set()
        await asyncio.sleep(0.1)
        try:
            while await reader.read(1 << 20):
                pass
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()


Step = Callable[[], tuple[Loopback, str, bytes]]
STEPS: dict[str, Step] = {
    "within the handshake": lambda: (Deaf(), "https:", b"{}"),
    "sending": lambda: (Deaf(), "http:", LARGE),
    "waiting for headers": lambda: (Loopback(silence), "http:", b"{}"),
    "within the body": lambda: (Loopback(half_a_body), "http:", b"{}"),
    "within much": lambda: (Loopback(some_of_much), "http:", b"{}"),
}


async def in_flight(client: HttpClient, server: Loopback, scheme: str, body: bytes) -> asyncio.Task[Any]:
    """A request that has come as far as it will."""
    url = server.url.replace("http:", scheme)
    task = asyncio.create_task(answered(client, request(url, body)))
    await server.visited.wait()
    await asyncio.sleep(0.03)
    assert not task.done()
    return task


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("step", STEPS)
async def test_a_cancelled_request_closes_its_socket(client: HttpClient, step: str, times: int) -> None:
    """Wherever it is, and however often its task is cancelled; and nothing of it is left in flight."""
    loopback, scheme, body = STEPS[step]()
    async with listening(loopback) as server:
        task = await in_flight(client, server, scheme, body)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await server.settled() == 0
        await nothing_in_flight(client)


@pytest.mark.parametrize("step", STEPS)
async def test_a_client_that_closes_ends_what_is_in_flight(client: HttpClient, step: str) -> None:
    """Whoever waits gets an error, not silence; the sockets close."""
    loopback, scheme, body = STEPS[step]()
    async with listening(loopback) as server:
        task = await in_flight(client, server, scheme, body)
        await client.aclose()
        with pytest.raises(ConnectionFailedError):
            await task
        assert await server.settled() == 0
        await nothing_in_flight(client)


async def test_a_request_cancelled_at_any_turn_closes_its_socket(loopback: Any, client: HttpClient) -> None:
    """From before it has a connection until it waits for an answer; the next ones are answered."""

    async def script(visit: Visit) -> None:
        await (visit.answer("{}") if visit.body == "[]" else visit.gone())

    async with loopback(script) as server:
        for turns in range(40):
            task = asyncio.create_task(answered(client, request(server.url)))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await server.settled() == 0
        async with asyncio.timeout(5):
            for _ in range(3):
                assert await answered(client, request(server.url, b"[]")) == (200, b"{}")


async def test_a_reply_that_is_left_closes_its_socket(loopback: Any, client: HttpClient) -> None:
    """A body that is not read to its end cannot be waited for."""
    async with loopback(some_of_much) as server:
        reply = await client.send(request(server.url))
        assert await reply.chunk()
        await reply.aclose()
        assert await server.settled() == 0
        await nothing_in_flight(client)


async def test_a_client_that_closes_before_a_request_has_begun_leaves_nobody_waiting(
    loopback: Any, client: HttpClient
) -> None:
    """Whoever waits for its answer is told."""
    async with loopback(silence) as server, asyncio.timeout(5):
        for turns in range(1, 5):
            task = asyncio.create_task(answered(client, request(server.url)))
            for _ in range(turns):
                await asyncio.sleep(0)
            await client.aclose()
            with pytest.raises(ConnectionFailedError):
                await task
