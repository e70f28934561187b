"""Bodies as every engine gives them: whole, at once, decoded, and never more of them than was asked for."""

import asyncio
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from ranvier.errors import InvalidResponseError
from ranvier.providers._http.port import MAX_BODY_BYTES, HttpClient
from ranvier.providers._reading.decoding import MAX_PIECE
from support.engines.engine_servers import bare, until_gone
from support.engines.five import answered, body_of, request
from support.providers.asking import Visit

TEXT = bytes(range(256)) * 40
BOMB = gzip.compress(bytes(MAX_BODY_BYTES * 2))


def flushed(chunks: list[bytes]) -> list[bytes]:
    """Each chunk in gzip, so that it can be read before the next has come."""
    zipped = zlib.compressobj(wbits=31)
    parts = [zipped.compress(chunk) + zipped.flush(zlib.Z_SYNC_FLUSH) for chunk in chunks]
    return [*parts, zipped.flush()]


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("identity", TEXT),
        ("utf-8", TEXT),
        ("aws-chunked, identity", TEXT),
        ("identity, gzip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:])),
    ],
)
async def test_a_body_is_decoded(loopback: Any, client: HttpClient, encoding: str, body: bytes) -> None:
    """Gzip, in however many parts, and deflate; what is no encoding is passed on as it is."""

    async def script(visit: Visit) -> None:
        await visit.answer(body, f"content-encoding: {encoding}")

    async with loopback(script) as server:
        for _ in range(2):
            assert await answered(client, request(server.url)) == (200, TEXT)
        assert server.accepted == 1


@pytest.mark.once
@pytest.mark.parametrize("count", [1, 2])
async def test_a_body_that_fills_its_last_piece_is_whole(
    loopback: Any, client: HttpClient, count: int
) -> None:
    """It is decoded in pieces of one size, and nothing is left for another."""
    text = bytes(count * MAX_PIECE)

    async def script(visit: Visit) -> None:
        await visit.answer(gzip.compress(text), "content-encoding: gzip")

    async with loopback(script) as server:
        assert await answered(client, request(server.url)) == (200, text)


@pytest.mark.once
@pytest.mark.parametrize(
    "body",
    [gzip.compress(TEXT) + b"\r\n", gzip.compress(TEXT[:1000]) + gzip.compress(TEXT[1000:]) + b"\n"],
)
async def test_white_space_after_a_body_is_passed_on(loopback: Any, client: HttpClient, body: bytes) -> None:
    """Where a proxy ends it with a line break, which JSON ignores."""

    async def script(visit: Visit) -> None:
        await visit.answer(body, "content-encoding: gzip")

    async with loopback(script) as server:
        status, content = await answered(client, request(server.url))
        assert (status, content.rstrip(b"\r\n")) == (200, TEXT)


@pytest.mark.once
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT)[:-20]),
        ("gzip", gzip.compress(TEXT) + b"more"),
        ("deflate", TEXT),
        ("br", b"\x0b\x02\x80{}\x03"),
        ("zstd", TEXT),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT))),
    ],
)
async def test_a_body_that_is_not_encoded_as_asked_is_no_answer(
    loopback: Any, client: HttpClient, encoding: str, body: bytes
) -> None:
    """Broken, cut, or in an encoding that nobody asked for; the connection is given up."""

    async def script(visit: Visit) -> None:
        await visit.answer(body, f"content-encoding: {encoding}")
        await visit.gone()

    async with loopback(script) as server:
        with pytest.raises(InvalidResponseError, match="encoded"):
            await answered(client, request(server.url))


async def test_a_bomb_goes_off_in_small_pieces(loopback: Any, client: HttpClient) -> None:
    """However much a chunk decodes to, it is decoded as far as it is read."""

    async def script(visit: Visit) -> None:
        await visit.answer(BOMB, "content-encoding: gzip")
        await visit.gone()

    async with loopback(script) as server:
        tracemalloc.start()
        reply = await client.send(request(server.url))
        for _ in range(20):
            assert 0 < len(await reply.chunk()) <= MAX_PIECE
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await reply.aclose()
    assert peak < 4_000_000


@pytest.mark.once
async def test_a_bomb_is_no_answer(loopback: Any, client: HttpClient) -> None:
    """What is longer than an answer may be is given up there."""

    async def script(visit: Visit) -> None:
        await visit.answer(BOMB, "content-encoding: gzip")
        await visit.gone()

    async with loopback(script) as server:
        with pytest.raises(InvalidResponseError, match="longer than"):
            await answered(client, request(server.url))


# --- chunks --------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_chunks_may_be_cut_anywhere(
    loopback: Any, client: HttpClient, size: int, encoding: str
) -> None:
    """Within a code, a character, a line: the bytes are the same; and no chunk is empty but the last."""
    body = gzip.compress(TEXT[:2000]) if encoding == "gzip" else TEXT[:2000]

    async def script(visit: Visit) -> None:
        await visit.send(
            f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for begin in range(0, len(body), size):
            await visit.chunk(body[begin : begin + size])
            await asyncio.sleep(0)
        await visit.chunk(b"")

    async with loopback(script) as server:
        chunks = await body_of(await client.send(request(server.url)))
    assert b"".join(chunks) == TEXT[:2000]
    assert all(chunks)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_chunk_is_read_before_the_next_is_sent(
    loopback: Any, client: HttpClient, encoding: str
) -> None:
    """Nothing waits for more: the first word of a stream is there when it has come."""
    words = [f"word {number}".encode() for number in range(5)]
    parts = flushed(words) if encoding == "gzip" else [*words, b""]
    read = asyncio.Semaphore(0)

    async def script(visit: Visit) -> None:
        await visit.send(
            f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for part in parts[:5]:
            await visit.chunk(part)
            await read.acquire()
        for part in filter(None, parts[5:]):
            await visit.chunk(part)
        await visit.chunk(b"")

    async with loopback(script) as server, asyncio.timeout(5):
        reply = await client.send(request(server.url))
        for word in words:
            assert await reply.chunk() == word
            read.release()
        assert await reply.chunk() == b""
        assert await reply.chunk() == b"", "the end stays the end"
        await reply.aclose()


async def test_chunks_may_have_extensions_and_trailers(client: HttpClient) -> None:
    """What HTTP allows around chunks is no part of the body."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b'5;name="value"\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n'
        )
        await until_gone(reader)

    async with bare(handler) as port:
        assert await answered(client, request(f"http://127.0.0.1:{port}")) == (200, b"hello")


# --- big and slow --------------------------------------------------------------------------------


async def test_a_big_body_comes_whole(loopback: Any, client: HttpClient) -> None:
    """Twenty megabytes, as pictures and long documents are."""
    body = TEXT * 2000

    async def script(visit: Visit) -> None:
        await visit.answer(body)

    async with loopback(script) as server:
        assert await answered(client, request(server.url)) == (200, body)


async def test_a_server_waits_for_who_reads_slowly(client: HttpClient) -> None:
    """What is not read is not taken from the network either, but for what the buffers of sockets hold."""
    sent = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(bytes(100_000))
            await writer.drain()
            sent += 100_000

    async with bare(handler) as port:
        reply = await client.send(request(f"http://127.0.0.1:{port}"))
        assert await reply.chunk()
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < 20_000_000
        await reply.aclose()


async def test_a_slow_answer_is_not_the_engines_concern(loopback: Any, client: HttpClient) -> None:
    """Whatever limits a client of the user's has: layers bound the wait for headers and for chunks."""

    async def script(visit: Visit) -> None:
        await asyncio.sleep(0.55)
        await visit.begin_stream(b"hello")
        await asyncio.sleep(0.55)
        await visit.chunk(b"")

    async with loopback(script) as server:
        assert await answered(client, request(server.url, connect=0.5)) == (200, b"hello")
