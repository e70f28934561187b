"""How connections fail: the same error of ours whichever engine it is, with its facts and without the key."""

import asyncio
import gzip
import socket
from typing import Any

import pytest

from ranvier.errors import AttemptTimeoutError, ConnectionFailedError, InvalidResponseError, ProviderError
from ranvier.providers._http.port import HttpClient
from support.engines.five import KEY, answered, body_of, nothing_in_flight, opened, request
from support.providers.asking import Visit


async def failed(client: HttpClient, url: str, kind: type[Exception], **given: Any) -> Any:
    """The error of a request, which must be of exactly that kind."""
    with pytest.raises(kind) as caught:
        await answered(client, request(url, **given))
    assert type(caught.value) is kind
    assert (caught.value.provider, caught.value.model) == ("openai", "gpt-5.2")  # type: ignore[attr-defined]
    assert KEY not in repr(caught.value) + repr(caught.value.__cause__)
    await nothing_in_flight(client)
    return caught.value


async def test_nobody_listens(client: HttpClient) -> None:
    """A refused connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = await failed(client, f"http://127.0.0.1:{port}", ConnectionFailedError)
    assert error.retryable


async def test_a_name_that_nobody_has(client: HttpClient) -> None:
    """A host that cannot be found."""
    await failed(client, "http://nobody.invalid/v1", ConnectionFailedError)


async def cut(visit: Visit) -> None:
    """Less than the length that was told."""
    await visit.send("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")
    visit.writer.close()


async def cut_chunks(visit: Visit) -> None:
    """No last chunk."""
    await visit.begin_stream(b"{")
    visit.writer.close()


async def reset(visit: Visit) -> None:
    """A reset in the middle of a body."""
    await visit.begin_stream(b"{")
    await asyncio.sleep(0.02)
    visit.writer.transport.abort()


async def nothing(visit: Visit) -> None:
    """A close before any answer."""
    visit.writer.close()


async def other(visit: Visit) -> None:
    """No HTTP."""
    await visit.send("220 mail.example.com ESMTP\r\n\r\n")


async def odd_chunk(visit: Visit) -> None:
    """A chunk whose size is none."""
    await visit.begin_stream(b"{")
    await visit.send(b"zz\r\n\r\n")


@pytest.mark.parametrize("script", [cut, cut_chunks, reset, nothing, other, odd_chunk])
async def test_a_connection_that_breaks_is_a_failed_connection(
    loopback: Any, client: HttpClient, script: Any
) -> None:
    """Before the headers, in the body, or by speaking something else; its socket is closed."""
    async with loopback(script) as server:
        await failed(client, server.url, ConnectionFailedError)
        assert await server.settled() == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "compress"])
async def test_what_is_not_encoded_as_it_says_is_no_answer(
    loopback: Any, client: HttpClient, encoding: str
) -> None:
    """Whether it is broken or was never asked for."""

    async def script(visit: Visit) -> None:
        await visit.answer("plainly not that", f"content-encoding: {encoding}")

    async with loopback(script) as server:
        await failed(client, server.url, InvalidResponseError)


async def test_a_handshake_that_hangs_is_a_slow_connect(loopback: Any, client: HttpClient) -> None:
    """The connect limit covers the handshake, and nothing that comes after."""

    async def script(visit: Visit) -> None:
        await asyncio.sleep(0.6)
        await visit.answer("{}")

    async with loopback(script) as server:
        assert await answered(client, request(server.url, connect=0.5)) == (200, b"{}")
        url = server.url.replace("http:", "https:")
        error = await failed(client, url, AttemptTimeoutError, connect=0.1)
        assert error.phase == "connect"


# --- bodies --------------------------------------------------------------------------------------


async def test_a_compressed_body_is_undone_wherever_it_is_cut(loopback: Any, client: HttpClient) -> None:
    """Two chunks at every byte, and chunks of one byte: the same body."""
    content = b'{"text": "' + bytes(range(48, 90)) + "äöü".encode() + b'"}'
    zipped = gzip.compress(content)

    async def script(visit: Visit) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
        cut = int(visit.body)
        await visit.send(head)
        pieces = [zipped[:cut], zipped[cut:]] if cut else [bytes([each]) for each in zipped]
        for piece in filter(None, pieces):
            await visit.chunk(piece)
            await asyncio.sleep(0)
        await visit.chunk(b"")

    async with loopback(script) as server:
        for cut in range(len(zipped) + 1):
            assert await answered(client, request(server.url, b"%d" % cut)) == (200, content)


async def test_a_bomb_is_defused(loopback: Any, client: HttpClient) -> None:
    """A small body that would be gigabytes comes in bounded pieces, and is given up in the end."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))

    async def script(visit: Visit) -> None:
        await visit.answer(bomb, "content-encoding: gzip")

    async with loopback(script) as server:
        with pytest.raises(InvalidResponseError, match="longer than"):
            await answered(client, request(server.url))
        reply = await client.send(request(server.url))
        for _ in range(20):
            assert len(await reply.chunk()) <= 64 * 1024
        await reply.aclose()


async def test_large_bodies_come_whole(loopback: Any, client: HttpClient) -> None:
    """Ten megabytes."""
    content = bytes(range(256)) * 40_000

    async with loopback(lambda visit: visit.answer(content)) as server:
        reply = await client.send(request(server.url))
        assert b"".join(await body_of(reply)) == content


# --- connections ---------------------------------------------------------------------------------


async def test_a_connection_is_used_again(loopback: Any, client: HttpClient) -> None:
    """One after the other they need one connection, refusals included."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}", status="200 OK" if len(visit.body) % 2 else "503 No")

    async with loopback(script) as server:
        for number in range(6):
            await answered(client, request(server.url, b"x" * number))
        assert server.accepted == 1


@pytest.mark.parametrize("how", ["told", "at once", "later"])
async def test_a_server_that_closes_gets_a_new_connection(
    loopback: Any, client: HttpClient, how: str
) -> None:
    """Whether its answer tells it, the close comes with it, or while the connection is idle."""
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.answer("{}", *(["connection: close"] if how == "told" else []))
        if how == "later":
            await asyncio.sleep(0.02)
        visit.writer.close()
        closed.set()

    async with loopback(script) as server:
        for _ in range(3):
            assert await answered(client, request(server.url)) == (200, b"{}")
            await closed.wait()
            closed.clear()
            await asyncio.sleep(0.05)
        assert server.accepted == 3
        assert await server.settled() == 0


async def test_a_close_that_crosses_a_request_is_a_failed_connection_at_worst(
    loopback: Any, client: HttpClient
) -> None:
    """A server that closes an idle connection just as it is used: an answer, or an error to try again."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}")
        visit.writer.close()

    async with loopback(script) as server, asyncio.timeout(20):
        for turns in range(20):
            (answer,) = await asyncio.gather(answered(client, request(server.url)), return_exceptions=True)
            assert answer == (200, b"{}") or (isinstance(answer, ConnectionFailedError) and answer.retryable)  # type: ignore[has-type]
            for _ in range(turns % 5):
                await asyncio.sleep(0)


# --- who answers, and by which way ---------------------------------------------------------------


@pytest.mark.parametrize("user", ["", "user:pass%40word@"])
async def test_the_proxy_of_the_environment_is_used(
    loopback: Any, kind: str, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """With the credentials that it is given, but for the hosts that are spared."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}")

    async with loopback(script) as proxy, loopback(script) as server:
        place = proxy.url.removeprefix("http://")
        monkeypatch.setenv("HTTP_PROXY", f"http://{user}{place}")
        monkeypatch.setenv("http_proxy", f"http://{user}{place}")
        monkeypatch.setenv("NO_PROXY", "spared.example,127.0.0.1")
        monkeypatch.setenv("no_proxy", "spared.example,127.0.0.1")
        async with opened(kind) as client:
            assert (await answered(client, request("http://api.example/v1")))[0] == 200
            assert (await answered(client, request(server.url)))[0] == 200
    assert len(server.visits) == len(proxy.visits) == 1
    assert proxy.visits[0].head.startswith("POST http://api.example/v1 HTTP/1.1")
    assert proxy.visits[0].headers["host"] == "api.example"
    expected = "Basic dXNlcjpwYXNzQHdvcmQ=" if user else None
    assert proxy.visits[0].headers.get("proxy-authorization") == expected
    assert "proxy-authorization" not in server.visits[0].headers


async def test_a_proxy_that_refuses_is_a_failed_connection(
    loopback: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tunnel is asked for with the credentials, and the error shows none of them."""

    async def script(visit: Visit) -> None:
        await visit.answer("no", "connection: close", status="407 Who Are You")

    async with loopback(script) as proxy:
        place = proxy.url.removeprefix("http://")
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:hunter22@{place}")
        async with opened(kind) as client:
            with pytest.raises(ProviderError) as caught:
                await answered(client, request("https://api.example/v1"))
    assert type(caught.value) is ConnectionFailedError
    assert "hunter22" not in repr(caught.value) + repr(caught.value.__cause__)
    assert proxy.visits[0].head.startswith("CONNECT api.example:443 HTTP/1.1")
    assert proxy.visits[0].headers["proxy-authorization"] == "Basic dXNlcjpodW50ZXIyMg=="
    assert "authorization" not in proxy.visits[0].headers
