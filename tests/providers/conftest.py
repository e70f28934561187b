"""Providers opened over a handler or over real sockets, for the tests of adapters."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from support.providers import asking
from support.providers.asking import Asked, Chunks, Loopback


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Open a provider over a server that gives the reply (or computes it)."""
    return asking.opened


@pytest.fixture
def streamed() -> Callable[..., httpx.Response]:
    """A reply whose body arrives in chunks."""

    def reply(*chunks: bytes | Exception, status: int = 200, **headers: str) -> httpx.Response:
        return httpx.Response(status, stream=Chunks(*chunks), headers=headers)

    return reply


@pytest.fixture
def cut() -> Callable[..., Any]:
    """Cut bytes into chunks at random places."""
    return asking.cut


@pytest.fixture
def loopback() -> Callable[..., Any]:
    """Serve a script on loopback."""
    return asking.served


@pytest.fixture
def over() -> Callable[..., Any]:
    """Open a provider over real sockets."""

    def opened(
        kind: Callable[..., Any], server: Loopback, **arguments: Any
    ) -> AbstractAsyncContextManager[Asked]:
        return asking.opened_at(server.url, kind, **arguments)

    return opened
