"""Whoever cannot prove to be the provider gets no key: there is no switch for that, and no accident."""

import inspect
import ssl
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import trustme

import ranvier
from ranvier.errors import ConfigurationError, ConnectionFailedError
from ranvier.providers import ADAPTERS, OpenAI, adapter
from support.providers.asking import Asked, FakePipeline, Loopback, Visit, listening, opened_at
from support.providers.seven import APIS, body
from support.security.authorities import HOST, OldAuthority, proving, trusting
from support.security.failing import KEY

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


ENGINES = ["aiohttp", "httpx"]


def serving(context: ssl.SSLContext | None = None) -> AbstractAsyncContextManager[Loopback]:
    """A server that proves to be who its context says, or nobody."""

    async def script(visit: Visit) -> None:
        await visit.answer(body("openai", "answer.json"))

    if context is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
    return listening(Loopback(script), context)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A company's own."""
    return trustme.CA()


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


OWN_PARAMETERS = {
    "OpenAI": ("api",),
    "Azure": ("endpoint", "api_version", "token", "deployments", "api"),
    "Bedrock": ("region", "api", "endpoint", "token", "profile"),
    "Vertex": ("project", "location", "token", "quota_project", "anthropic_version"),
}


@pytest.mark.parametrize("kind", list(map(adapter, ADAPTERS)))
def test_no_provider_has_a_switch_for_it(kind: Any) -> None:
    """Whoever needs another context gives it, or an `http_client` that has one: nobody does by accident."""
    assert set(inspect.signature(kind).parameters) == {
        *(
            "api_key",
            "base_url",
            "name",
            "headers",
            "params",
            "http_client",
            "engine",
            "ssl_context",
            "max_connections",
            "unknown",
        ),
        *OWN_PARAMETERS.get(kind.__name__, ()),
    } - ({"base_url"} if kind.__name__ == "Azure" else set())
    for switch in ("verify", "verify_ssl", "insecure", "unknown"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{switch}'"):
            kind("sk-any", **{switch: False})


def test_no_source_turns_it_off() -> None:
    """Not a line of ours knows how."""
    for path in Path(ranvier.__file__).parent.rglob("*.py"):
        code = path.read_text().replace('"ssl_check_hostname", True', "")  # this turns it on, in a store
        for word in ("verify=False", "CERT_NONE", "check_hostname", "_create_unverified_context"):
            assert word not in code, path.name


# --- a context of the user's ---------------------------------------------------------------------


class Untouchable(ssl.SSLContext):
    """Fails where it is changed, and does not only act as it is."""

    def set_alpn_protocols(self, protocols: Any) -> None:
        raise AssertionError(f"it offers {protocols} now")


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_context_of_yours_says_who_is_trusted(authority: trustme.CA, engine: str) -> None:
    """An authority that nobody else knows will do; the context is used, not changed."""
    context = Untouchable(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    before = (context.options, context.verify_flags, context.verify_mode, context.minimum_version)
    async with serving(proving(authority.issue_cert(HOST))) as server:
        async with opened_at(server.url, OpenAI, engine=engine, ssl_context=context) as asked:
            await asked.complete(key=KEY)
            await asked.stream(key=KEY)
        assert len(server.visits) == 2
        async with opened_at(server.url, OpenAI, engine=engine) as asked:
            with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
                await asked.complete(key=KEY)
        assert len(server.visits) == 2
    assert (context.options, context.verify_flags, context.verify_mode, context.minimum_version) == before


@pytest.mark.parametrize("engine", ENGINES)
async def test_with_a_context_of_yours_a_server_still_proves_its_name(
    authority: trustme.CA, engine: str
) -> None:
    """It verifies what it always verifies."""
    async with serving(proving(authority.issue_cert("elsewhere.test"))) as server:
        async with opened_at(server.url, OpenAI, engine=engine, ssl_context=trusting(authority)) as asked:
            with pytest.raises(ConnectionFailedError, match="IP address mismatch"):
                await asked.complete(key=KEY)
        assert not server.visits


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_company_authority_that_strict_verification_refuses_may_be_trusted(engine: str) -> None:
    """Python 3.13 is strict by default; the remedy of the page on security lets it in."""
    company = OldAuthority()
    context = ssl.create_default_context(cadata=company.pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as it is from Python 3.13 on
    async with serving(proving(company.issue())) as server:
        async with opened_at(server.url, OpenAI, engine=engine, ssl_context=context) as asked:
            with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
                await asked.complete(key=KEY)
        assert not server.visits
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        async with opened_at(server.url, OpenAI, engine=engine, ssl_context=context) as asked:
            await asked.complete(key=KEY)
        assert len(server.visits) == 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_context_of_yours_may_prove_who_you_are(authority: trustme.CA, engine: str) -> None:
    """A gateway that asks for a certificate of the client is shown the one of the context."""
    proof = proving(authority.issue_cert(HOST))
    authority.configure_trust(proof)
    proof.verify_mode = ssl.CERT_REQUIRED
    context = trusting(authority)
    authority.issue_cert("client.test").configure_cert(context)
    async with serving(proof) as server:
        async with opened_at(server.url, OpenAI, engine=engine, ssl_context=context) as asked:
            await asked.complete(key=KEY)
        assert len(server.visits) == 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_connections_are_shared_by_those_who_trust_the_same(authority: trustme.CA, engine: str) -> None:
    """One pipeline: what one context has let in is not there for a provider with another."""
    context, other = trusting(authority), ssl.create_default_context()
    async with serving(proving(authority.issue_cert(HOST))) as server:
        pipeline: Any = FakePipeline()
        providers = [
            OpenAI(base_url=server.url, engine=engine, ssl_context=given)  # type: ignore[arg-type]
            for given in (context, context, other, None)
        ]
        for provider in providers:
            provider.open(pipeline)
        first, second, *strangers = (Asked(provider, pipeline, []) for provider in providers)
        await first.complete(key=KEY)
        await second.complete(key=KEY)
        assert server.accepted == 1
        for asked in strangers:
            with pytest.raises(ConnectionFailedError, match="certificate verify failed"):
                await asked.complete(key=KEY)
        for provider in providers:
            await provider.aclose()
        assert len(server.visits) == 2


@pytest.mark.parametrize("kind", APIS.values())
@pytest.mark.parametrize(
    ("context", "says"),
    [
        ("company.pem", r"ssl_context='company\.pem': give an ssl\.SSLContext, such as"),
        (False, "ssl_context=False: give an"),
        (True, "ssl_context=True: give an"),
        (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "ssl_context is for servers"),
    ],
)
def test_what_is_no_context_for_clients_is_refused(kind: Any, context: Any, says: str) -> None:
    """When the provider is made, and not when it is asked."""
    with pytest.raises(ConfigurationError, match=says):
        kind(KEY, ssl_context=context)


async def test_a_client_of_yours_has_a_context_of_its_own() -> None:
    """Which of the two would count? One is to be given."""
    context = ssl.create_default_context()
    async with httpx.AsyncClient() as one, aiohttp.ClientSession() as another:
        for client in (one, another):
            with pytest.raises(
                ConfigurationError, match="http_client, which has its own: give one of the two"
            ):
                OpenAI(KEY, http_client=client, ssl_context=context)
