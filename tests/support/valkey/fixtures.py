"""The fixtures of a real server: a conftest imports those that its folder needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from support.valkey.proxy import Proxy, proxying
from support.valkey.server import AbsentError, ValkeyServer, serving

Servers = Callable[..., ValkeyServer]
"""Starts another server, given its options; it is killed when the test ends."""


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[ValkeyServer]:
    """One server for all tests that do it no harm, or a reason to skip them."""
    with ExitStack() as stack:
        yield _started(stack)


@pytest.fixture
def valkey_server(shared_valkey: ValkeyServer) -> ValkeyServer:
    """The shared server, emptied, scripts included."""
    shared_valkey.ask("FLUSHALL")
    shared_valkey.ask("SCRIPT", "FLUSH")
    return shared_valkey


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Servers of the test's own, which it may kill, stop and fill."""
    with ExitStack() as stack:
        yield lambda **options: _started(stack, **options)


@pytest.fixture
def own_valkey(servers: Servers) -> ValkeyServer:
    """One server of the test's own."""
    return servers()


@pytest.fixture
def proxied_valkey(own_valkey: ValkeyServer) -> Iterator[Proxy]:
    """A proxy before the test's own server."""
    with proxying(own_valkey.port) as proxy:
        yield proxy


def _started(stack: ExitStack, **options: str) -> ValkeyServer:
    """A server that ends with `stack`; without a program for one the test is skipped."""
    try:
        return stack.enter_context(serving(**options))
    except AbsentError as reason:
        pytest.skip(str(reason))
