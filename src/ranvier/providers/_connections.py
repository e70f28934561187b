"""Who shares which HTTP client, and when it closes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary, ref

import httpx

from ranvier.errors import ConfigurationError
from ranvier.providers._httpx import HttpClient

if TYPE_CHECKING:
    from ranvier.pipeline.pipeline import Pipeline

Owner = TypeVar("Owner")


class SharedClient:
    """A client, the loop that its sockets belong to, and how many leases keep it open.

    Attributes:
        slots: As many as its pool has, for all who use it; `None` where the pool is unbounded.
    """

    __slots__ = ("client", "leases", "loop", "slots")

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self.client = client
        self.loop = loop
        self.leases = 0
        self.slots = None if client.pool_size is None else asyncio.BoundedSemaphore(client.pool_size)

    async def give_back(self) -> None:
        """One lease ends; with the last one the client closes."""
        self.leases -= 1
        if not self.leases:
            await self.client.aclose()


_of_pipelines: WeakKeyDictionary[Pipeline, SharedClient] = WeakKeyDictionary()
_of_users: WeakKeyDictionary[httpx.AsyncClient, SharedClient] = WeakKeyDictionary()


class Connections:
    """One provider's leases on the clients that it uses.

    The providers of a pipeline share one client of ours, and so one TLS context. A client that the
    user has given is used instead, and never closed. A provider may serve several pipelines, on one
    event loop.

    Attributes:
        slots: Of the connections that may be in use at once; `None` while nothing is open.
    """

    def __init__(self, http_client: httpx.AsyncClient | None, max_connections: int) -> None:
        if http_client is not None and not isinstance(http_client, httpx.AsyncClient):
            raise ConfigurationError(f"http_client={http_client!r:.80}: give an httpx.AsyncClient")
        self.slots: asyncio.Semaphore | None = None
        self._http_client = http_client
        self._max_connections = max_connections
        self._loop: asyncio.AbstractEventLoop | None = None  # of all leases
        self._leases: list[tuple[ref[Pipeline], SharedClient]] = []
        self._returned = 0  # leases given back and not yet ended, see `aclose`

    def open(self, pipeline: Pipeline) -> None:
        """Take a lease on behalf of `pipeline`.

        Raises:
            ConfigurationError: it is in use on another event loop that still lives.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._leases:
                _refuse_while_alive(self._loop)
            self._leases, self._returned, self.slots, self._loop = [], 0, None, loop
        shared = self._lease(pipeline, loop)
        self._leases.append((ref(pipeline), shared))
        if self.slots is None:
            self.slots = shared.slots or asyncio.BoundedSemaphore(self._max_connections)

    def client(self, pipeline: Pipeline) -> HttpClient:
        """The client for calls of `pipeline`.

        Raises:
            ConfigurationError: that has not opened this provider, or has closed it.
        """
        for owner, shared in self._leases:
            if owner() is pipeline:
                return shared.client
        raise ConfigurationError("the provider is not open: it is asked through a pipeline, which opens it")

    async def aclose(self) -> None:
        """Give one lease back.

        Which pipeline closes is not said, and a client must not close under the calls of another.
        So where several have leases, all are kept until the last one closes, but for those of
        pipelines that are gone.
        """
        if self._loop is not asyncio.get_running_loop() or not self._leases:
            return
        self._returned += 1
        if self._returned == len(self._leases):
            ended, self._leases, self.slots = self._leases, [], None
        else:
            ended = [lease for lease in self._leases if lease[0]() is None]
            self._leases = [lease for lease in self._leases if lease not in ended]
        self._returned -= len(ended)
        for _, shared in ended:
            await shared.give_back()

    def _lease(self, pipeline: Pipeline, loop: asyncio.AbstractEventLoop) -> SharedClient:
        client = self._http_client
        if client is None:
            return _lease(_of_pipelines, pipeline, HttpClient.ours, loop)
        return _lease(_of_users, client, lambda: HttpClient.of_user(client), loop)


def _lease(
    shared_by: MutableMapping[Owner, SharedClient],
    owner: Owner,
    make: Callable[[], HttpClient],
    loop: asyncio.AbstractEventLoop,
) -> SharedClient:
    shared = shared_by.get(owner)
    if shared is not None and shared.leases and shared.loop is not loop:
        _refuse_while_alive(shared.loop)
        shared = None
    if shared is None or not shared.leases:
        shared = shared_by[owner] = SharedClient(make(), loop)
    shared.leases += 1
    return shared


def _refuse_while_alive(loop: asyncio.AbstractEventLoop | None) -> None:
    """A loop that was closed has taken its connections with it; one that was not still needs them."""
    if loop is not None and not loop.is_closed():
        raise ConfigurationError(
            "this provider is in use on another event loop: aclose() its pipeline there first, "
            "or make a provider (and http_client) for each loop"
        )
