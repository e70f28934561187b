"""A simulator, a client, and a way to talk."""

import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from ranvier.simulator import Simulator
from support.simulator.talking import Talk

TLS = ssl.create_default_context()


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """A simulator without a script."""
    async with Simulator(seed=1) as simulator:
        yield simulator


@pytest.fixture
def one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client of a test shares one: to make one takes longer than a test, and none is used."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: TLS)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client that looks at no environment and waits at most as long as a test may take."""
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=30) as one:
        yield one


@pytest.fixture
def talk(sim: Simulator, client: httpx.AsyncClient) -> Talk:
    """Asks `sim`."""
    return Talk(sim, client)
