"""The address of a server, and connections to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.store.valkey.lookup import Lookup

if TYPE_CHECKING:
    from valkey.asyncio.connection import AbstractConnection, ConnectionPool

SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")

CONNECT_SECONDS = 2.0
"""The timeout of connecting, including TLS. No call waits for it."""

OURS = {"protocol": 2, "decode_responses": False, "socket_timeout": None, "health_check_interval": 0}
"""Settings of a connection that a URL cannot change."""

PARTS = re.compile(r"[a-z]+://[^/?#]*(/\d*)?([?#][^@]*)?")
"""The valid form of a URL: an unescaped password could otherwise be taken for a path or a query."""

ESCAPES = "in a user or a password write / as %2F, ? as %3F, # as %23, @ as %40"


class Address:
    """The address of one server.

    Attributes:
        public: The address without user, password and query, for messages.

    Raises:
        ConfigurationError: the URL is not one of a single server, or an option in it is wrong.
    """

    def __init__(self, url: str) -> None:
        self.public = _public(url)
        pool = _pool(url, self.public)  # used only to parse the URL
        self._kind, self._settings = pool.connection_class, pool.connection_kwargs
        self._tls = self._checked()
        host = str(self._settings.get("host", ""))
        self._lookup = Lookup(host) if host and not _is_number(host) else None

    def _checked(self) -> Any:
        """The TLS context, or `None` without TLS; created once, because that reads files."""
        required = self._settings.get("ssl_cert_reqs", "required") == "required"
        if required and self._kind.__name__ == "SSLConnection":
            self._settings.setdefault("ssl_check_hostname", True)  # valkey-py would accept any name
        try:
            tls = getattr(self._kind(**self._settings), "ssl_context", None)
            if tls is not None:
                tls.get()
        except Exception as error:
            named = re.search(r"argument '(\w+)'", str(error))
            about = f"{named[1]} is no option" if named else f"an option of it is wrong: {error}"
            raise ConfigurationError(f"ValkeyStore({self.public!r}): {about}") from None
        return tls

    async def connect(self, client_name: str) -> AbstractConnection:
        """A new connection, which the server lists as `client_name`.

        Raises:
            ValkeyError, OSError: connecting failed or took longer than `CONNECT_SECONDS`.
        """
        from ranvier.store.valkey.connection import disconnect

        connection = self._kind(**{**self._settings, "client_name": client_name})
        if self._tls is not None:
            setattr(connection, "ssl_context", self._tls)  # noqa: B010  # because: only that of TLS has one
        connect: Callable[[], Awaitable[None]] = connection.connect
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._lookup is not None:
                    await self._lookup.found()
                await connect()
        except BaseException:
            await disconnect(connection)
            raise
        return connection


def _pool(url: str, public: str) -> ConnectionPool:
    scheme = url.partition("://")[0] if isinstance(url, str) else ""
    if "sentinel" in scheme or "cluster" in scheme or "," in public:
        raise ConfigurationError(
            f"ValkeyStore({public!r}): name a single server, neither sentinels nor a cluster"
        )
    if scheme not in SCHEMES:
        raise ConfigurationError(f"ValkeyStore({public!r}): give a URL such as 'valkey://localhost:6379/0'")
    if not url.isprintable():
        raise ConfigurationError(f"ValkeyStore({public!r}): remove the line breaks and control characters")
    if scheme != "unix" and not PARTS.fullmatch(url):
        raise ConfigurationError(f"ValkeyStore({public!r}): only a number may follow the host; {ESCAPES}")
    try:
        from valkey.asyncio.connection import ConnectionPool
    except ImportError:
        raise ConfigurationError("ValkeyStore needs valkey-py: pip install 'ranvier[valkey]'") from None
    try:
        pool = ConnectionPool.from_url(re.sub("^redis", "valkey", url))
    except ValueError as error:
        said = str(error)  # only known messages are shown: others may quote the password
        wrong = said if said.startswith("Invalid value for") else f"Port or host cannot be read; {ESCAPES}"
        raise ConfigurationError(f"ValkeyStore({public!r}): {wrong}") from None
    pool.connection_kwargs.update(OURS, socket_connect_timeout=CONNECT_SECONDS)
    return pool


def _public(url: object) -> str:
    """The part of a URL that may be shown: without user, password and query."""
    shown, *hidden = re.split("[?#]", str(url), maxsplit=1)
    if "@" in "".join(hidden):  # the password may reach until there
        return f"{shown.partition('://')[0]}://..." if "://" in shown else "..."
    return re.sub(r"^([\w+.-]*://)?.*@", r"\1", shown, flags=re.DOTALL)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
