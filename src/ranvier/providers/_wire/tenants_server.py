"""A provider at the endpoint of a tenant's own."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

MAX_SERVERS: Final = 1_000
"""Endpoints of tenants that a provider remembers; the one that was used the longest time ago goes first."""


class Moving(Protocol):
    """An adapter, which may be at several endpoints; each member is documented at `Adapter`."""

    @property
    def servers(self) -> OrderedDict[str, Self]:
        """The same provider at endpoints of tenants' own, by their base URLs."""

    def moved_to(self, base_url: str) -> Self:
        """The same provider at the endpoint of a tenant's own."""


A = TypeVar("A", bound=Moving)


def server_of(adapter: A, call: Call) -> A:
    """`adapter` where `call` is sent: each endpoint of a tenant's own has one, with fixes of its own."""
    if call.access is None or call.access.base_url is None:
        return adapter
    base_url, known = call.access.base_url, adapter.servers
    server = known.get(base_url)
    if server is None:
        server = known[base_url] = adapter.moved_to(base_url)
        if len(known) > MAX_SERVERS:
            known.popitem(last=False)
    else:
        known.move_to_end(base_url)
    return server
