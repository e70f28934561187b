"""Whether a base URL can be reached: its name, its port, its certificate, and how long each took."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ranvier import clock

LIMIT = 5.0
"""Seconds for all of it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one came, in seconds for each step; `failed` says why not all the way."""

    dns: float | None = None
    tcp: float | None = None
    tls: float | None = None
    failed: str | None = None


def reach_all(urls: Iterable[str]) -> dict[str, Reach]:
    """All of them at once."""

    async def all_at_once() -> dict[str, Reach]:
        wanted = list(dict.fromkeys(urls))
        return dict(zip(wanted, await asyncio.gather(*map(_reach, wanted)), strict=True))

    return asyncio.run(all_at_once())


async def _reach(url: str) -> Reach:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    taken: dict[str, float] = {}
    try:
        async with asyncio.timeout(LIMIT):
            await _connect(str(parts.hostname), parts.port or (443 if secure else 80), secure, taken)
    except TimeoutError:
        return _told(taken, f"no answer within {LIMIT:g} s")
    except (OSError, ssl.SSLError) as error:
        return _told(taken, _why(error))
    return _told(taken)


def _told(taken: dict[str, float], failed: str | None = None) -> Reach:
    return Reach(taken.get("dns"), taken.get("tcp"), taken.get("tls"), failed)


async def _connect(host: str, port: int, secure: bool, taken: dict[str, float]) -> None:
    began = clock.now()
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    taken["dns"], began = clock.now() - began, clock.now()
    address = str(found[0][4][0])
    _, writer = await asyncio.open_connection(address, port)
    try:
        taken["tcp"], began = clock.now() - began, clock.now()
        if secure:
            await writer.start_tls(ssl.create_default_context(), server_hostname=host)
            taken["tls"] = clock.now() - began
    finally:
        writer.transport.abort()


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {getattr(error, 'verify_message', None) or error.reason or 'no handshake'}"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    return f"no connection: {error.strerror or type(error).__name__}"
