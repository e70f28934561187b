"""What servers say that is no answer: every engine raises the same typed error, which shows no key."""

import asyncio
import socket
import ssl
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from ranvier.errors import AttemptTimeoutError, ConfigurationError, ConnectionFailedError, RanvierError
from ranvier.providers._http.port import HttpClient, HttpRequest
from support.engines.engine_servers import bare, until_gone
from support.engines.five import KEY, answered, nothing_in_flight, request

OK = b"HTTP/1.1 200 OK\r\n"

SAID = {
    "nothing": b"",
    "half a status": b"HTTP/1.1 20",
    "half a header": OK + b"content-le",
    "no http": b"SSH-2.0-OpenSSH_9.6 " + KEY.encode() + b"\r\n\r\n",
    "an odd status": b"HTTP/1.1 abc Oh\r\n\r\n",
    "an odd header": OK + b"content-length 2\r\n\r\n{}",
    "an odd length": OK + b"content-length: two\r\n\r\n{}",
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "an endless header": OK + b"x-long: " + b"a" * 2_000_000,
    "a cut body": OK + b"content-length: 10\r\n\r\n{}",
    "a cut chunk": OK + b"transfer-encoding: chunked\r\n\r\nff\r\n{}",
    "no last chunk": OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "an odd chunk": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
}
"""What a server says before it closes the connection, or resets it."""


def told(error: BaseException | None) -> str:
    """All that a report would say of an error, and of what is behind it."""
    return "".join(traceback.format_exception(error)) + repr(vars(error))


async def failure_of(client: HttpClient, wanted: HttpRequest) -> RanvierError:
    """The error of a request, which comes soon and says for whom it was, and no key."""
    with pytest.raises(RanvierError) as caught:
        async with asyncio.timeout(10):
            await answered(client, wanted)
    error: Any = caught.value
    assert KEY not in told(error)
    if not isinstance(error, ConfigurationError):
        assert (error.provider, error.model) == ("openai", "gpt-5.2")
        assert error.retryable
    await nothing_in_flight(client)
    return error


@pytest.mark.once
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("said", SAID)
async def test_a_connection_that_breaks_has_failed(client: HttpClient, said: str, reset: bool) -> None:
    """Before the headers, within them, or within the body; closed, reset, or not HTTP at all."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(SAID[said])
        if said.startswith("an endless"):
            await writer.drain()
        if reset:
            await asyncio.sleep(0.01)
            writer.transport.abort()

    async with bare(handler) as port:
        error = await failure_of(client, request(f"http://127.0.0.1:{port}"))
    assert type(error) is ConnectionFailedError
    assert error.__cause__ is not None


async def test_a_server_that_speaks_no_tls_is_a_failed_connection(client: HttpClient) -> None:
    """It answers a handshake with HTTP."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await until_gone(reader)

    async with bare(handler) as port:
        error = await failure_of(client, request(f"https://127.0.0.1:{port}", connect=5))
    assert type(error) is ConnectionFailedError


@pytest.mark.parametrize("limit", [0.0, 0.02])
async def test_a_handshake_that_hangs_is_a_connect_timeout(
    loopback: Any, client: HttpClient, limit: float
) -> None:
    """A connection that does not stand in time is told apart from one that failed."""

    async def script(visit: Any) -> None:
        raise AssertionError("the handshake never ends")

    async with loopback(script) as server:
        address = server.url.replace("http:", "https:")
        error: Any = await failure_of(client, request(address, connect=limit))
        assert type(error) is AttemptTimeoutError
        assert error.phase == "connect"
        assert await server.settled() == 0


async def test_a_server_that_accepts_nobody_is_a_connect_timeout(client: HttpClient) -> None:
    """A full queue at the door: the connection never stands."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(door.getsockname())
        await asyncio.sleep(0.01)
        error: Any = await failure_of(
            client, request(f"http://127.0.0.1:{door.getsockname()[1]}", connect=0.1)
        )
        for one in waiting:
            one.close()
    assert type(error) is AttemptTimeoutError
    assert error.phase == "connect"


@pytest.mark.parametrize(
    "address", ["ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://[::1", "http://a:b/"]
)
async def test_an_address_that_cannot_be_is_a_mistake(client: HttpClient, address: str) -> None:
    """Trying again would not help."""
    assert type(await failure_of(client, request(address))) is ConfigurationError


@pytest.mark.parametrize("wrong", [ssl.SSLError("oh"), OSError("oh"), ConnectionResetError("oh")])
async def test_what_the_system_raises_is_a_failed_connection(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, wrong: Exception
) -> None:
    """Too many files, no route: whatever the loop raises as it connects."""

    async def broken(*arguments: Any, **settings: Any) -> Any:
        raise wrong

    loop: Callable[..., Any] = type(asyncio.get_running_loop())
    monkeypatch.setattr(loop, "create_connection", broken, raising=False)
    assert type(await failure_of(client, request("http://127.0.0.1:9"))) is ConnectionFailedError
