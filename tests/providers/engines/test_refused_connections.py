"""A connection that was not made has cost nothing; one that broke may have."""

import asyncio

import pytest

from ranvier import ConnectionFailedError
from support.engines.five import FIVE, opened, request


@pytest.mark.parametrize("engine", FIVE)
async def test_a_refused_connection_is_not_billable(engine: str) -> None:
    """Nobody listens at that port."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with opened(engine) as client:
        with pytest.raises(ConnectionFailedError) as raised:
            await client.send(request(f"http://127.0.0.1:{port}/"))
    assert not raised.value.billable


@pytest.mark.parametrize("engine", FIVE)
async def test_a_broken_connection_is_billable(engine: str) -> None:
    """The server has read the request, and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(engine) as client:
        with pytest.raises(ConnectionFailedError) as raised:
            await client.send(request(f"http://127.0.0.1:{port}/"))
    assert raised.value.billable
