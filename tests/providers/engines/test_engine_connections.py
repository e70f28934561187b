"""When every engine uses a connection again, and when it must not."""

import asyncio
from typing import Any

import pytest

from ranvier.errors import ConnectionFailedError
from ranvier.providers._http.port import HttpClient
from support.engines.engine_servers import bare
from support.engines.five import THEIRS, answered, nothing_in_flight, opened, request
from support.providers.asking import Visit


async def some_turns(number: int) -> None:
    """So many of the loop."""
    for _ in range(number):
        await asyncio.sleep(0)


async def after(turns: int, closing: asyncio.Event) -> None:
    """Sets it then."""
    await some_turns(turns)
    closing.set()


async def hello(visit: Visit) -> None:
    """A whole answer."""
    await visit.answer("{}")


async def test_a_connection_is_used_again(loopback: Any, client: HttpClient) -> None:
    """One after the other needs but one, with a body or without, of a length or in chunks."""

    async def script(visit: Visit) -> None:
        if len(server.visits) % 2:
            await visit.answer("{}")
        else:
            await visit.begin_stream(b"{", b"}", b"")

    async with loopback(script) as server:
        for _ in range(6):
            assert await answered(client, request(server.url)) == (200, b"{}")
        assert server.accepted == 1


async def test_two_at_once_need_two_connections(loopback: Any, client: HttpClient) -> None:
    """No request waits behind another; and both connections are there for the next two."""
    together = asyncio.Barrier(2)

    async def script(visit: Visit) -> None:
        await together.wait()
        await visit.answer("{}")

    async with loopback(script) as server, asyncio.timeout(5):
        for _ in range(3):
            await asyncio.gather(*(answered(client, request(server.url)) for _ in range(2)))
        assert server.accepted == 2


async def test_two_servers_do_not_share_a_connection(loopback: Any, client: HttpClient) -> None:
    """A connection leads where it leads."""
    async with loopback(hello) as first, loopback(hello) as second:
        for server in (first, second, first, second):
            assert await answered(client, request(server.url)) == (200, b"{}")
        assert (first.accepted, second.accepted) == (1, 1)
        assert (len(first.visits), len(second.visits)) == (2, 2)


async def test_a_server_that_says_close_is_closed(loopback: Any, client: HttpClient) -> None:
    """The client closes too, and at once: the server waits for it."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}", "connection: close")

    async with loopback(script) as server:
        for _ in range(2):
            assert await answered(client, request(server.url)) == (200, b"{}")
            assert await server.settled() == 0
        assert server.accepted == 2


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_was_closed_while_idle_is_not_used(
    loopback: Any, client: HttpClient, reset: bool
) -> None:
    """A server may close whenever nothing is asked: nobody is to notice."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}")
        if reset:
            visit.writer.transport.abort()
        visit.writer.close()

    async with loopback(script) as server:
        for _ in range(3):
            assert await answered(client, request(server.url)) == (200, b"{}")
            await server.settled()
            await asyncio.sleep(0.01)
        assert server.accepted == 3


async def test_a_connection_that_closes_as_the_request_comes_has_failed(
    loopback: Any, client: HttpClient
) -> None:
    """Nobody knows whether the server has read it: it is never sent again unasked; the next succeeds."""

    async def script(visit: Visit) -> None:
        if len(server.visits) == 2:
            visit.writer.close()
        else:
            await visit.answer("{}")

    async with loopback(script) as server:
        await answered(client, request(server.url))
        with pytest.raises(ConnectionFailedError) as caught:
            await answered(client, request(server.url))
        assert caught.value.retryable
        assert await answered(client, request(server.url)) == (200, b"{}")
        assert (len(server.visits), server.accepted) == (3, 2)


@pytest.mark.once
async def test_a_request_of_which_nothing_was_sent_goes_to_another_connection(client: HttpClient) -> None:
    """A server that closes an idle connection at any turn of the loop fails nobody whom it did not hear."""
    for turns in range(-8, 12):
        closing, asked = asyncio.Event(), [b""]

        async def serve(
            reader: asyncio.StreamReader,
            writer: asyncio.StreamWriter,
            closing: asyncio.Event = closing,
            asked: list[bytes] = asked,
        ) -> None:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            if not closing.is_set():
                await closing.wait()
                writer.write_eof()  # it says no more, and hears what comes
                asked[0] = await reader.read(1)

        async with bare(serve) as port:
            there = request(f"http://127.0.0.1:{port}")
            assert await answered(client, there) == (200, b"{}")
            timer = asyncio.create_task(after(max(turns, 0), closing))
            await some_turns(max(-turns, 0))
            task = asyncio.create_task(answered(client, there))
            try:
                assert await task == (200, b"{}")
            except ConnectionFailedError:
                assert asked[0], f"closed at turn {turns}"
            await timer


async def test_what_was_not_read_to_its_end_is_not_used_again(loopback: Any, client: HttpClient) -> None:
    """The rest of one answer must never be taken for the start of the next."""

    async def script(visit: Visit) -> None:
        await visit.begin_stream(b"first")
        await visit.gone()

    async with loopback(script) as server:
        for _ in range(2):
            reply = await client.send(request(server.url))
            assert await reply.chunk() == b"first"
            await reply.aclose()
            assert await server.settled() == 0
        assert server.accepted == 2


async def test_an_engine_that_closes_ends_what_is_in_flight(loopback: Any, kind: str) -> None:
    """Whoever waits is told, and every socket of ours is closed; a client of the user's stays open."""
    all_here = asyncio.Event()

    async def script(visit: Visit) -> None:
        if len(server.visits) == 1:
            await visit.begin_stream(b"first")
        elif len(server.visits) == 4:
            all_here.set()
        await visit.gone()

    async with loopback(script) as server, asyncio.timeout(5), opened(kind) as client:
        reply = await client.send(request(server.url))
        assert await reply.chunk() == b"first"
        waiting = [asyncio.create_task(reply.chunk())]
        waiting += [asyncio.create_task(answered(client, request(server.url))) for _ in range(3)]
        await all_here.wait()
        await client.aclose()
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, ConnectionFailedError)
        await nothing_in_flight(client)
        assert await server.settled() == 0
        await client.aclose()


@pytest.mark.parametrize("kind", THEIRS)
async def test_a_client_of_the_users_is_left_as_it_was(loopback: Any, kind: str) -> None:
    """It is open when we have closed, and still has its connections."""
    async with loopback(hello) as server, opened(kind) as client:
        await answered(client, request(server.url))
        await client.aclose()
        assert server.open == 1
