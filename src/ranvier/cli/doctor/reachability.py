"""Tests if a base URL can be reached, and measures DNS, TCP and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ranvier import clock
from ranvier.providers._http.proxies import public_proxy_for
from ranvier.providers._http.trust import context_of

LIMIT = 5.0
"""The timeout of all steps together, in seconds."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The duration of each step in seconds; `failed` says why a step failed.

    If the environment sets a proxy for the address, the proxy was tested instead: `proxy` is its URL.
    """

    dns: float | None = None
    tcp: float | None = None
    tls: float | None = None
    failed: str | None = None
    proxy: str | None = None


def reach_all(trust: Mapping[str, ssl.SSLContext | None]) -> dict[str, Reach]:
    """Test all addresses at once, each with the TLS context of its provider, if that has its own."""

    async def all_at_once() -> dict[str, Reach]:
        reached = await asyncio.gather(*(_reach(url, context) for url, context in trust.items()))
        return dict(zip(trust, reached, strict=True))

    return asyncio.run(all_at_once())


async def _reach(url: str, context: ssl.SSLContext | None) -> Reach:
    proxy = public_proxy_for(url)
    parts = urlsplit(proxy or url)
    secure = parts.scheme == "https"
    taken: dict[str, float] = {}
    try:
        trusted = context_of(context) if secure else None
        async with asyncio.timeout(LIMIT):
            await _connect(str(parts.hostname), parts.port or (443 if secure else 80), trusted, taken)
    except TimeoutError:
        return _result(taken, proxy, f"no answer within {LIMIT:g} s")
    except (OSError, ValueError) as error:
        return _result(taken, proxy, _why(error))
    return _result(taken, proxy)


def _result(taken: dict[str, float], proxy: str | None, failed: str | None = None) -> Reach:
    return Reach(taken.get("dns"), taken.get("tcp"), taken.get("tls"), failed, proxy)


async def _connect(host: str, port: int, trusted: ssl.SSLContext | None, taken: dict[str, float]) -> None:
    started_at = clock.now()
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    taken["dns"], started_at = clock.now() - started_at, clock.now()
    writer = await _first_open(list(dict.fromkeys(str(each[4][0]) for each in found)), port)
    try:
        taken["tcp"], started_at = clock.now() - started_at, clock.now()
        if trusted is not None:
            await writer.start_tls(trusted, server_hostname=host)
            taken["tls"] = clock.now() - started_at
    finally:
        writer.transport.abort()


async def _first_open(addresses: list[str], port: int) -> asyncio.StreamWriter:
    """Connect to the first address that accepts: `localhost` is also ::1, where few servers listen."""
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return (await asyncio.open_connection(address, port))[1]
    return (await asyncio.open_connection(addresses[-1], port))[1]


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):  # UnicodeError: the name is invalid in DNS
        return "unknown host name"
    if isinstance(error, ssl.SSLError):  # a certificate error is a ValueError, too
        return f"TLS failed: {getattr(error, 'verify_message', None) or error.reason or 'no handshake'}"
    if isinstance(error, ValueError):
        return "invalid port"  # urlsplit raises it for a port above 65535
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return f"no connection: {error.strerror or type(error).__name__}"
