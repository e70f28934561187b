"""What every engine sends, and what it gives back of a reply: statuses, headers, bodies."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from ranvier.providers._http.port import HttpClient, HttpReply
from support.engines.five import FIVE, KEY, OURS, answered, body_of, nothing_in_flight, opened, request
from support.providers.asking import Visit

EVERY_BYTE = bytes(range(256))


async def hello(visit: Visit) -> None:
    """A whole answer."""
    await visit.answer("{}")


async def replied(client: HttpClient, url: str) -> HttpReply:
    """A reply whose body was read to its end."""
    reply = await client.send(request(url))
    await body_of(reply)
    return reply


# --- what is sent --------------------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_made(loopback: Any, client: HttpClient) -> None:
    """A POST to that path, with these headers, and nothing of the engine's but what HTTP asks for."""
    async with loopback(hello) as server:
        wanted = request(f"{server.url}/v1/chat/completions", b'{"a":1}', {"X-Odd": "two  words; a=b"})
        assert await answered(client, wanted) == (200, b"{}")
    (visit,) = server.visits
    assert visit.head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert visit.body == '{"a":1}'
    assert visit.headers["x-odd"] == "two  words; a=b"
    assert visit.headers["authorization"] == f"Bearer {KEY}"
    assert visit.headers["content-type"] == "application/json"
    assert visit.headers["content-length"] == "7"
    assert visit.headers["accept-encoding"] == "gzip"
    assert visit.headers["host"] == server.url.removeprefix("http://")
    known = {"x-odd", "authorization", "content-type", "content-length", "accept-encoding", "host"}
    assert set(visit.headers) - known <= {"user-agent", "accept", "connection"}
    assert len(visit.head.split("\r\n")) == 1 + len(visit.headers), "a header was sent twice"


@pytest.mark.parametrize("kind", [kind for kind in OURS if kind in FIVE])
async def test_ours_says_who_it_is(loopback: Any, client: HttpClient) -> None:
    """Our own clients tell the library's name and no more."""
    async with loopback(hello) as server:
        await answered(client, request(server.url))
    assert server.visits[0].headers["user-agent"] == "ranvier"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/models/gemini-3:generateContent?alt=sse", "/models/gemini-3:generateContent?alt=sse"),
        ("/models/claude@20250929", "/models/claude@20250929"),
        ("/a%2Fb/c%20d", "/a%2Fb/c%20d"),
        ("/a b", "/a%20b"),
        ("/ü", "/%C3%BC"),
    ],
)
async def test_an_address_is_written_in_one_way(
    loopback: Any, client: HttpClient, path: str, sent: str
) -> None:
    """What is escaped stays escaped, and nothing else is escaped than what has to be."""
    async with loopback(hello) as server:
        await answered(client, request(server.url + path))
    assert server.visits[0].head.split(" ")[1] == sent


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_bodies_of_any_size_arrive_whole(loopback: Any, client: HttpClient, size: int) -> None:
    """From none to megabytes, with their length told before."""
    async with loopback(hello) as server:
        sent = b"x" * size
        assert await answered(client, request(server.url, sent)) == (200, b"{}")
    assert server.visits[0].headers["content-length"] == str(size)
    assert server.visits[0].body == sent.decode()


async def test_a_server_that_reads_slowly_gets_all(client: HttpClient) -> None:
    """A body that has to wait for its reader is sent as fast as that reads."""
    got = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await reader.readuntil(b"\r\n\r\n")
        while got < 2_000_000:
            got += len(await reader.read(100_000))
            await asyncio.sleep(0.002)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wanted = request(f"http://127.0.0.1:{port}", b"x" * 2_000_000)
        assert await answered(client, wanted) == (200, b"{}")
    assert got == 2_000_000


async def test_nothing_of_an_answer_is_sent_back(loopback: Any, client: HttpClient) -> None:
    """No cookie is kept, and no redirect followed."""

    async def script(visit: Visit) -> None:
        headers = ("set-cookie: a=1; Path=/", f"location: {server.url}/elsewhere")
        await visit.answer("", *headers, status="307 Temporary Redirect")

    async with loopback(script) as server:
        for _ in range(2):
            assert await answered(client, request(server.url)) == (307, b"")
    assert ["cookie" in visit.headers for visit in server.visits] == [False, False]


# --- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 429, 500, 503, 529, 599])
async def test_every_status_comes_back_as_it_is(loopback: Any, client: HttpClient, status: int) -> None:
    """Whatever it says, it is an answer: engines raise for none."""

    async def script(visit: Visit) -> None:
        body = "" if status == 204 else '{"a": 1}'
        await visit.answer(body, status=f"{status} Whatever")

    async with loopback(script) as server:
        expected = b"" if status == 204 else b'{"a": 1}'
        assert await answered(client, request(server.url)) == (status, expected)


async def test_headers_are_found_by_their_names_in_lower_case(loopback: Any, client: HttpClient) -> None:
    """However the server writes them; `get` and `in` agree."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}", "X-Request-ID: r1", "RETRY-AFTER: 7", "x-empty:", 'X-Odd: a, b;c="d"')

    async with loopback(script) as server:
        reply = await replied(client, server.url)
    assert reply.headers.get("x-request-id") == "r1" == reply.request_id
    assert reply.headers["retry-after"] == "7"
    assert reply.headers.get("x-empty") == ""
    assert reply.headers["x-odd"] == 'a, b;c="d"'
    assert reply.headers.get("x-none") is None
    assert "x-none" not in reply.headers


async def test_a_long_header_is_a_header(loopback: Any, client: HttpClient) -> None:
    """Gateways add much: 30 KB in one header are no reason to fail."""

    async def script(visit: Visit) -> None:
        await visit.answer("{}", f"x-long: {'a' * 30_000}")

    async with loopback(script) as server:
        if client.__class__.__name__ == "AiohttpClient" and client._owner is not None:  # type: ignore[attr-defined]
            pytest.skip("a session of the user's has the user's limits")
        assert len((await replied(client, server.url)).headers["x-long"]) == 30_000


async def test_what_comes_before_the_answer_is_skipped(loopback: Any, client: HttpClient) -> None:
    """`100 Continue` and `103 Early Hints` are not the answer."""

    async def script(visit: Visit) -> None:
        await visit.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n")
        await visit.answer("{}")

    async with loopback(script) as server:
        assert await answered(client, request(server.url)) == (200, b"{}")


async def test_a_body_may_end_with_its_connection(loopback: Any, client: HttpClient) -> None:
    """Where no length is told the close is the end, as in HTTP/1.0."""

    async def script(visit: Visit) -> None:
        await visit.send(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + EVERY_BYTE)
        visit.writer.close()

    async with loopback(script) as server:
        assert await answered(client, request(server.url)) == (200, EVERY_BYTE)
        assert await server.settled() == 0


async def test_an_answer_before_the_whole_request_is_an_answer(client: HttpClient) -> None:
    """A server may refuse a long body before it has read it, and close."""
    refusal, left = b'{"error": "too long"}', asyncio.Event()

    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 413 Too Long\r\ncontent-length: {len(refusal)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + refusal)
        with suppress(ConnectionError):
            while await reader.read(65_536):  # or the kernel would reset the connection
                pass
        writer.close()
        left.set()

    async with await asyncio.start_server(hasty, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(20):
            wanted = request(f"http://127.0.0.1:{port}", b"x" * 5_000_000)
            assert await answered(client, wanted) == (413, refusal)
            await left.wait()


async def test_replies_are_closed_as_often_as_one_likes(loopback: Any, kind: str) -> None:
    """Closing twice, or after the client has closed, does nothing more."""
    async with loopback(hello) as server:
        async with opened(kind) as client:
            reply = await client.send(request(server.url))
            await reply.read()
            for _ in range(2):
                await reply.aclose()
            left = await client.send(request(server.url))
            assert list(client.in_flight) == [left.request]
        await left.aclose()
        await nothing_in_flight(client)
        assert await server.settled() == 0
