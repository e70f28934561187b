"""Which providers share an HTTP client, and when it closes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakValueDictionary, ref

from ranvier.closing import Steps
from ranvier.errors.configuration import ConfigurationError
from ranvier.providers._http.engines import Engine
from ranvier.providers._http.loop_end import close_at_end
from ranvier.providers._http.port import HttpClient

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime


class SharedClient:
    """A client, the event loop of its sockets, and the number of leases that keep it open.

    Attributes:
        slots: One for each connection of its pool, shared by all users; `None` if the pool is unbounded.
    """

    __slots__ = ("__weakref__", "client", "leases", "loop", "slots")

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self.loop = loop
        self.leases = 0
        self.slots = None if client.pool_size is None else asyncio.BoundedSemaphore(client.pool_size)

    async def give_back(self) -> None:
        """End one lease; the last one closes the client."""
        self.leases -= 1
        if not self.leases:
            await self.client.aclose()

    def abandon(self) -> None:
        """End all leases, because the event loop is closed."""
        if self.leases:
            self.leases = 0
            self.client.abandon()


Kind = tuple[str, ssl.SSLContext | None]
"""An engine and the user's TLS context: providers with the same two share a client."""

_of_pipelines: WeakKeyDictionary[Any, dict[Kind, SharedClient]] = WeakKeyDictionary()
"""The clients of each pipeline, kept until it is collected: then they close their sockets, if it did not."""

_of_users: WeakKeyDictionary[Any, WeakValueDictionary[Kind, SharedClient]] = WeakKeyDictionary()
"""The clients around each user's `http_client`: weak, since each refers to its key, and would keep it."""

_used_on: WeakKeyDictionary[Any, ref[asyncio.AbstractEventLoop]] = WeakKeyDictionary()
"""The event loop on which each `http_client` of a user was last used."""


class Connections:
    """One provider's leases on the clients that it uses.

    The providers of a pipeline with the same engine and `ssl_context` share one client. A user's
    `http_client` is used instead if given, and never closed. A provider may serve several pipelines on one
    event loop.

    Attributes:
        slots: The connection slots; `None` while nothing is open.
    """

    def __init__(self, engine: Engine, max_connections: int) -> None:
        self.slots: asyncio.Semaphore | None = None
        self._engine = engine
        self._max_connections = max_connections
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop of all leases
        self._leases: list[tuple[ref[Any], SharedClient]] = []  # by the lifecycles of their pipelines
        self._returned = 0  # leases given back but not ended, see `aclose`

    def open(self, pipeline: Runtime) -> None:
        """Take a lease on behalf of `pipeline`.

        Raises:
            ConfigurationError: the provider is in use on another event loop that is not closed, or has a
                user's `http_client` that was in use on a closed one.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._leases:
                _check_closed(self._loop)
                if self._engine.client is not None:
                    raise _cannot_move(self._engine.client)
            self._abandon()
            self._loop = loop
        shared = _lease(self._engine, pipeline, loop)
        self._leases.append((ref(pipeline.lifecycle), shared))
        if self.slots is None:
            self.slots = shared.slots or asyncio.BoundedSemaphore(self._max_connections)

    def client(self, pipeline: Runtime) -> HttpClient:
        """The client for calls of `pipeline`.

        Raises:
            ConfigurationError: `pipeline` has not opened this provider, or has closed it.
        """
        for owner, shared in self._leases:
            if owner() is pipeline.lifecycle:
                return shared.client
        raise ConfigurationError("the provider is not open: call it through a pipeline, which opens it")

    async def aclose(self) -> None:
        """Give one lease back.

        The caller does not say which pipeline closes, and a client must not close while another pipeline
        has calls in flight. So if several pipelines have leases, all are kept until the last one closes,
        except those of pipelines that no longer exist.
        """
        if self._loop is not None and self._loop.is_closed():
            self._abandon()
        if self._loop is not asyncio.get_running_loop() or not self._leases:
            return
        self._returned += 1
        if self._returned == len(self._leases):
            ended, self._leases, self.slots = self._leases, [], None
        else:
            ended = [lease for lease in self._leases if lease[0]() is None]
            self._leases = [lease for lease in self._leases if lease not in ended]
        self._returned -= len(ended)
        async with Steps() as steps:
            for _, shared in ended:
                steps.then(shared.give_back)

    def _abandon(self) -> None:
        """Drop all leases of a closed event loop."""
        for _, shared in self._leases:
            shared.abandon()
        self._leases, self._returned, self.slots = [], 0, None


def _lease(engine: Engine, pipeline: Runtime, loop: asyncio.AbstractEventLoop) -> SharedClient:
    clients: MutableMapping[Kind, SharedClient]
    kind: Kind
    if engine.client is None:
        clients = _of_pipelines.setdefault(pipeline.lifecycle, {})
        kind = engine.chosen(), engine.ssl_context
    else:
        _check_loop(engine, loop)
        clients, kind = _of_users.setdefault(engine.client, WeakValueDictionary()), ("user", None)
    shared = clients.get(kind)
    if shared is not None and shared.leases and shared.loop is not loop:
        _check_closed(shared.loop)
        shared.abandon()
        shared = None
    if shared is None or not shared.leases:
        shared = clients[kind] = SharedClient(engine.make(), loop)
        if engine.client is None:
            close_at_end(shared.client)
    shared.leases += 1
    return shared


def _check_loop(engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
    """Reject a user's `http_client` whose connections belong to another event loop."""
    client = engine.client
    last = _used_on.get(client)
    moved = last is not None and last() is not loop and engine.has_connections()
    own = getattr(client, "_loop", loop)  # an aiohttp.ClientSession has one
    if moved or own is not loop:
        raise _cannot_move(client)
    _used_on[client] = ref(loop)


def _cannot_move(client: Any) -> ConfigurationError:
    return ConfigurationError(
        f"http_client={client!r:.80} belongs to another event loop and cannot be moved: "
        "create a client, provider and pipeline for each loop, or omit http_client"
    )


def _check_closed(loop: asyncio.AbstractEventLoop | None) -> None:
    """Raise unless `loop` is closed: an open loop still needs its connections."""
    if loop is not None and not loop.is_closed():
        raise ConfigurationError(
            "this provider is in use on another event loop: aclose() its pipeline there first, "
            "or create a provider (and http_client) for each loop"
        )
