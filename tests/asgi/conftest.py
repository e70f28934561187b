"""What all tests of web applications share."""

import ssl

import httpx
import pytest

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture(autouse=True)
def one_tls_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client of a test shares one: to make one takes longer than a test, and none is used."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: TLS)
