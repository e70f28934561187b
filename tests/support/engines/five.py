"""The five engines, and the requests that their tests send through the port."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import httpx2

from ranvier.providers._http.engines import Engine
from ranvier.providers._http.port import HttpClient, HttpReply, HttpRequest

try:
    import aiohttp
except ImportError:
    aiohttp = None

OURS = ("aiohttp", "httpx")
THEIRS = ("their httpx client", "their httpx2 client", "their aiohttp session")
FIVE = tuple(each for each in OURS + THEIRS if aiohttp or "aiohttp" not in each)
"""Those that are installed."""

TIMEOUT = 0.2
"""Seconds that a client of the user's would wait for anything: our layers have limits of their own."""

KEY = "sk-very-secret-0123456789"


def theirs(kind: str, trusted: ssl.SSLContext | None = None, most: int | None = None) -> Any:
    """A client as a user makes it, impatient, and with the proxies of the environment."""
    if kind == "their aiohttp session":
        connector = aiohttp.TCPConnector(ssl=trusted or True, limit=most or 0)
        limit = aiohttp.ClientTimeout(total=TIMEOUT)
        return aiohttp.ClientSession(connector=connector, trust_env=True, timeout=limit)
    library = httpx2 if kind == "their httpx2 client" else httpx
    limits = library.Limits(max_connections=most)
    return library.AsyncClient(verify=trusted or True, limits=limits, timeout=TIMEOUT)


@asynccontextmanager
async def opened(
    kind: str, trusted: ssl.SSLContext | None = None, most: int | None = None
) -> AsyncIterator[HttpClient]:
    """One of the engines; a client of a user's opens at most so many connections."""
    async with AsyncExitStack() as stack:
        users = None
        if kind in THEIRS:
            users = await stack.enter_async_context(theirs(kind, trusted, most))
        client = Engine("auto" if users else kind, users).make()
        stack.push_async_callback(client.aclose)
        yield client


def request(
    url: str,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    connect: float | None = None,
) -> HttpRequest:
    """A request on behalf of a provider, with a key."""
    known = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **(headers or {})}
    return HttpRequest(url, known, body, provider="openai", model="gpt-5.2", connect=connect, secret=KEY)


async def answered(client: HttpClient, wanted: HttpRequest) -> tuple[int, bytes]:
    """The status and the whole body of an answer."""
    reply = await client.send(wanted)
    try:
        return reply.status, await reply.read()
    finally:
        await reply.aclose()


async def body_of(reply: HttpReply) -> list[bytes]:
    """The chunks of a body, to its end."""
    chunks = []
    try:
        while chunk := await reply.chunk():
            chunks.append(chunk)
    finally:
        await reply.aclose()
    return chunks


async def nothing_in_flight(client: HttpClient) -> None:
    """Wait until every request has ended, which may take a moment longer than its answer."""
    for _ in range(100):
        if not client.in_flight:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(list(client.in_flight))
