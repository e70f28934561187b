"""A store for many processes, on a Valkey or Redis server."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.store.digest import digest
from ranvier.store.errors import StoreError
from ranvier.store.protocol import Epoch, Receive, Worker
from ranvier.store.valkey import scripts
from ranvier.store.valkey.address import CONNECT_SECONDS, Address
from ranvier.store.valkey.names import PROTOCOL, root_of

if TYPE_CHECKING:
    from valkey.asyncio.connection import AbstractConnection

    from ranvier.store.valkey.session import ValkeySession

OLDEST_REDIS = 7
"""The oldest supported major version of Redis: earlier ones reject the first line of a script."""


class ValkeyStore:
    """Shares the state of all workers of a service on a Valkey or Redis server: `Pipeline(store=...)`.

    Needs `pip install 'ranvier[valkey]'`. Calls do not wait for the server, with two exceptions, each for at
    most 250 ms: a probe, and a call whose spend limit is not leased to its worker yet. One object serves any
    number of pipelines.

    Args:
        url: `valkey://user:password@host:6379/0`, `valkeys://` for TLS, or `unix://`; `redis://` and
            `rediss://` are the same. Options of TLS go into the query, such as `?ssl_ca_certs=ca.pem`. The
            name in the certificate is checked.
        prefix: The beginning of all keys. Services with different prefixes share nothing.
        secret: The key of the digests that stand for tenants and keys; all workers need the same
            one. Without a secret, anyone who can read the server can guess names.
        timeout: Seconds for one round trip, after which the store counts as down; a pipeline waits at most
            1 second.

    Raises:
        ConfigurationError: the URL is not one of a single server, an option in it is wrong, or valkey-py is
            not installed.
    """

    def __init__(
        self, url: str, prefix: str = "ranvier", secret: str | bytes | None = None, *, timeout: float = 0.25
    ) -> None:
        self._timeout = validation.seconds("ValkeyStore(timeout)", timeout)
        self._root = root_of(_checked_prefix(prefix))
        self._prefix = prefix
        self._key = _key_of(secret)
        self._address = Address(url)
        self._where = self._address.public
        self._scripts = {name: scripts.load(name) for name in scripts.names()}

    def __repr__(self) -> str:
        return f"ValkeyStore({self._where!r}, prefix={self._prefix!r})"

    def digest(self, name: str) -> str:
        """The name under which a tenant or a key is known in the store."""
        return digest(name, self._key)

    async def connect(self, worker: Worker, receive: Receive) -> ValkeySession:
        """Start a session and the pushes to `receive`.

        Raises:
            StoreError: the server cannot be reached, is no single server, or cannot be written to.
        """
        from ranvier.store.valkey.failures import store_error

        try:
            return await self._connect(worker, receive)
        except StoreError:
            raise
        except Exception as error:  # a server may answer anything
            raise store_error(self._where, error) from None

    async def _connect(self, worker: Worker, receive: Receive) -> ValkeySession:
        from ranvier.store.valkey.connection import disconnect
        from ranvier.store.valkey.session import ValkeySession
        from ranvier.store.valkey.subscriber import Subscriber

        name = re.sub(r"[^a-zA-Z0-9_-]", "", worker.id)[:64]

        async def connection() -> AbstractConnection:
            return await self._address.connect(f"ranvier-{name}")

        subscriber = Subscriber(connection, f"{self._root}:changes".encode(), receive)
        await subscriber.start()
        first = None
        try:
            first = await connection()
            async with asyncio.timeout(CONNECT_SECONDS):
                epoch = await self._greet(first)
        except BaseException:
            await subscriber.aclose()
            if first is not None:
                await disconnect(first)
            raise
        return ValkeySession(
            first,
            subscriber,
            epoch=epoch,
            where=self._where,
            root=self._root,
            scripts=self._scripts,
            timeout=self._timeout,
        )

    async def _greet(self, connection: AbstractConnection) -> Epoch:
        """The epoch of the server's data."""
        from ranvier.store.valkey.connection import ask

        hello = self._scripts["hello"].text
        check = digest("ranvier", self._key)
        protocols = f"{self._prefix}:protocols"
        arguments = (self._root, secrets.token_hex(8), check, protocols, str(PROTOCOL))
        commands = [
            (b"INFO", b"server"),
            (b"INFO", b"replication"),
            (b"EVAL", hello, b"0", *(each.encode() for each in arguments)),
        ]
        about, replication, reply = await ask(connection, commands)
        server = _info(about)
        mode = server.get("server_mode", server.get("redis_mode", "standalone"))
        if mode != "standalone":
            raise StoreError(f"the store {self._where} runs as {mode}: name a single server")
        version = server.get("redis_version", "")  # Valkey names the Redis version it is compatible with
        if re.match(r"\d\.", version) and int(version[0]) < OLDEST_REDIS:
            raise StoreError(f"the store {self._where} is Redis {version}: run Valkey, or Redis 7 or later")
        if isinstance(reply, Exception):
            raise reply
        run_id, role = server.get("run_id", ""), _info(replication).get("role", "")  # some services hide them
        return _epoch(run_id, role, json.loads(reply))


def _epoch(run_id: str, role: str, hello: dict[str, Any]) -> Epoch:
    others = (int(each) for each in hello["protocols"])
    return Epoch(
        hello["epoch"],
        run_id,
        role,
        bool(hello["same_secret"]),
        tuple(sorted(each for each in others if each != PROTOCOL)),
    )


def _info(raw: bytes | Exception) -> dict[str, str]:
    if isinstance(raw, Exception):
        raise raw
    lines = (line.partition(":") for line in raw.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


# --- settings ------------------------------------------------------------------------------------


def _checked_prefix(prefix: str) -> str:
    prefix = validation.identifier("ValkeyStore(prefix)", prefix, longest=64)
    if re.search(r"[{}\s*?\[\]]", prefix):
        raise ConfigurationError(f"ValkeyStore(prefix={prefix!r}): without braces, spaces, *, ? and brackets")
    return prefix


def _key_of(secret: str | bytes | None) -> bytes:
    if secret is None:
        return b""
    if not isinstance(secret, (str, bytes)) or not secret:
        raise ConfigurationError("ValkeyStore(secret): give a string, the same one in all workers")
    return blake2b(secret.encode(errors="surrogatepass") if isinstance(secret, str) else secret).digest()
