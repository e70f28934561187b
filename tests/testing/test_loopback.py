"""The server of the kit does what a script says, to one request after the other."""

import asyncio
import json

import httpx
import pytest

from ranvier.testing import Loopback, Visit

pytestmark = pytest.mark.integration


async def test_it_sees_requests_and_answers_them() -> None:
    """Over one connection, each with its head and body; a header's name is written with underscores."""

    async def echo(visit: Visit) -> None:
        await visit.answer(visit.body, 429, retry_after="7")

    async with Loopback(echo) as server, httpx.AsyncClient() as client:
        for number in range(3):
            reply = await client.post(server.url + "/v1", json={"n": number}, headers={"x-key": "secret"})
            assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
            assert reply.json() == {"n": number}
        assert [json.loads(visit.body)["n"] for visit in server.visits] == [0, 1, 2]
        assert server.visits[0].head.startswith("POST /v1 HTTP/1.1\r\n")
        assert "x-key: secret" in server.visits[0].head
        assert server.open == 1


async def test_it_answers_in_chunks() -> None:
    """The first with the headers, an empty one not at all."""

    async def script(visit: Visit) -> None:
        await visit.begin(b"one ", content_type="text/plain")
        await visit.chunk(b"")
        await visit.chunk(b"two")
        await visit.end()

    async with Loopback(script) as server, httpx.AsyncClient() as client:
        assert (await client.get(server.url)).text == "one two"
        assert (await client.get(server.url)).headers["content-type"] == "text/plain"


async def test_it_breaks_connections_off() -> None:
    """With a reset, so that the client reads an error and no end."""
    async with Loopback(Visit.reset) as server, httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadError):
            await client.get(server.url)
        async with asyncio.timeout(5):
            await server.visits[0].closed.wait()


async def test_it_waits_for_clients_to_leave() -> None:
    """And tells of each request whether its connection is closed."""
    async with Loopback(Visit.gone) as server, httpx.AsyncClient() as client:
        asked = [asyncio.create_task(client.get(server.url)) for _ in range(2)]
        async with asyncio.timeout(5):
            visit = await server.visited(2)
        assert (server.open, visit.closed.is_set()) == (2, False)
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
        async with asyncio.timeout(5):
            for each in server.visits:
                await each.closed.wait()
        assert server.open == 0


async def test_it_closes_on_clients_that_stay() -> None:
    """Also on one that reads nothing of what it is sent."""

    async def flood(visit: Visit) -> None:
        await visit.begin(b"x" * 10_000_000)

    async with asyncio.timeout(5):
        async with Loopback(flood) as server:
            port = int(server.url.rpartition(":")[2])
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await server.visited()
        assert server.open == 0
        writer.close()
        with pytest.raises(OSError, match=r"refused|failed|reset"):
            await asyncio.open_connection("127.0.0.1", port)
