"""Every test of this folder is promised of every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ranvier.providers._http import HttpClient
from support.engines import five

SELF_SIGNED = Path(__file__).parents[2] / "security" / "self_signed.pem"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They cross real sockets."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("integration")


@pytest.fixture(params=five.FIVE)
def kind(request: pytest.FixtureRequest) -> str:
    """Which engine it is."""
    return str(request.param)


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are nobody's business here."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)


@pytest.fixture(autouse=True)
def few_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading the hundred that a machine trusts would take longer than most of these tests."""
    monkeypatch.setenv("SSL_CERT_FILE", str(SELF_SIGNED))


@pytest.fixture
async def client(kind: str) -> AsyncIterator[HttpClient]:
    """The engine, open."""
    async with five.opened(kind) as client:
        yield client
