"""Whoever cannot prove to be the provider gets no key: there is no switch for that, and no accident."""

import inspect
import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from asking import Loopback, Visit, listening, opened_at
from failing import KEY
from seven import SEVEN, body

import ranvier
from ranvier.errors import ConnectionFailedError
from ranvier.providers import OpenAI

pytestmark = pytest.mark.once

CERTIFICATE = Path(__file__).parent / "self_signed.pem"
"""Of 127.0.0.1, by nobody; its private key opens nothing but this test."""

SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "SSL_VERIFY": "0",
    "HTTPX_VERIFY": "0",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "GIT_SSL_NO_VERIFY": "1",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "",
}
"""Variables that turn verification off somewhere, or are said to."""


def serving() -> AbstractAsyncContextManager[Loopback]:
    """A server that proves to be nobody."""

    async def script(visit: Visit) -> None:
        await visit.answer(body("openai", "answer.json"))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return listening(Loopback(script), context)


@pytest.mark.parametrize("variable", [None, *SWITCHES])
async def test_a_server_that_proves_nothing_is_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    """Whatever the environment says: it is a failed connection, and no request arrives."""
    if variable is not None:
        monkeypatch.setenv(variable, SWITCHES[variable])
    async with serving() as server, opened_at(server.url, OpenAI) as asked:
        with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
            await asked.complete(key=KEY)
        assert not server.visits


async def test_a_server_that_proves_to_be_somebody_else_is_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A certificate that is trusted, but for another name."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with serving() as server:
        async with opened_at(server.url.replace("127.0.0.1", "localhost"), OpenAI) as asked:
            with pytest.raises(ConnectionFailedError, match="Hostname mismatch"):
                await asked.complete(key=KEY)
        assert not server.visits


async def test_an_authority_of_your_own_is_trusted_where_you_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SSL_CERT_FILE` names who is trusted; it is the one way in, and verification goes on."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with serving() as server, opened_at(server.url, OpenAI) as asked:
        await asked.complete(key=KEY)
        assert len(server.visits) == 1


@pytest.mark.parametrize("kind", SEVEN.values())
def test_no_provider_has_a_switch_for_it(kind: Any) -> None:
    """Whoever needs another context gives an `http_client` that has one, which nobody does by accident."""
    assert set(inspect.signature(kind).parameters) == {
        *("api_key", "base_url", "name", "http_client", "engine", "max_connections"),
    }


def test_no_source_turns_it_off() -> None:
    """Not a line of ours knows how."""
    for path in Path(ranvier.__file__).parent.rglob("*.py"):
        code = path.read_text()
        for word in ("verify=False", "CERT_NONE", "check_hostname", "_create_unverified_context"):
            assert word not in code, path.name
