"""Nothing that comes from outside becomes a header, an address or a line of a log."""

import json
import logging
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ranvier import Deployment, Pipeline
from ranvier.errors import ConfigurationError, CredentialMissingError, RanvierError
from ranvier.layers import Breaker, Fallback
from ranvier.providers import Gemini, OpenAI
from ranvier.telemetry import LoggingListener
from support.providers.asking import opened
from support.providers.seven import APIS, body
from support.security.failing import KEY

pytestmark = pytest.mark.once

BREAKS = ["\r\nx-evil: 1", "\n", "\r", "\x00", "\x1b[31m", "\u2028", "\u202e", "\x7f", "\ud800"]
"""Characters that end a header or a line, or change how it is read."""

ODD = ["x-api-key: 1", "../../admin", "acme%0d%0ax: y", "a?b#c", "Ünïcödé 😀", "'; drop", "{tenant}", "%s%n"]
"""Names that look like something else, and are names all the same."""


def answered(name: str) -> Any:
    """A server that answers everything well."""
    return lambda request: httpx.Response(200, content=body(name, "answer.json"))


# --- tenants -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", APIS)
async def test_a_tenant_is_in_nothing_that_is_sent(name: str) -> None:
    """Whoever calls, the same bytes go to the provider, but for the key: tenants are ours to know."""
    requests: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answered(name)(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        pipeline = Pipeline(Fallback(APIS[name](KEY, http_client=client)), Breaker())
        for tenant in ("acme", *ODD):
            await pipeline.complete("Hi", tenant=tenant)
        await pipeline.aclose()
    assert len({(str(each.url), tuple(each.headers.raw), each.content) for each in requests}) == 1


@pytest.mark.parametrize("tenant", [f"acme{each}" for each in BREAKS] + ["", "x" * 257])
async def test_a_tenant_that_breaks_a_line_is_refused(tenant: str) -> None:
    """Before it is a key of anything, or a word of a log."""
    pipeline = Pipeline(Fallback(OpenAI(KEY)))
    with pytest.raises(ConfigurationError, match="printable") as caught:
        await pipeline.complete("Hi", tenant=tenant)
    assert str(caught.value).isprintable()


async def test_what_a_provider_says_is_one_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """Its words cannot begin a line of their own, or colour one, in a log of it or of what happened."""
    caplog.set_level(logging.DEBUG, "ranvier")
    said = {"error": {"message": "".join(BREAKS), "code": "\r\nWARNING ranvier: all is well"}}

    def refuse(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, content=json.dumps(said).encode())

    async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as client:
        provider = OpenAI(KEY, http_client=client)
        pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1), listeners=[LoggingListener()])
        async with pipeline:
            with pytest.raises(RanvierError) as caught:
                await pipeline.complete("Hi")
    assert str(caught.value).isprintable()
    assert caplog.records
    assert all(record.getMessage().isprintable() for record in caplog.records)


# --- models, names, keys -------------------------------------------------------------------------


@pytest.mark.parametrize("model", [f"gpt{each}" for each in BREAKS] + ["", "x" * 257])
@pytest.mark.parametrize("kind", [OpenAI, Gemini])
def test_a_model_or_a_name_that_breaks_a_line_is_refused(kind: Any, model: str) -> None:
    """When the target is built."""
    with pytest.raises(ConfigurationError, match="printable"):
        Deployment(kind(KEY), model)
    with pytest.raises(ConfigurationError, match="printable"):
        kind(KEY, name=model)


MODELS = [
    *ODD,
    "a/b",
    "publishers/google/models/x",
    "x:generateContent?key=1#",
    "//evil.test/x",
    "\\evil",
    "@evil",
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", APIS)
async def test_a_model_stays_where_a_model_belongs(name: str, model: str) -> None:
    """It is a field of the body, or a part of the path below base_url: never a host, a query or a header."""
    base = "https://llm.test/v1"
    async with opened(APIS[name], answered(name), base_url=base) as asked:
        try:
            await asked.complete(model=model, key=KEY)
        except ConfigurationError:
            assert ".." in model.split("/")
            return
    (request,) = asked.requests
    address = urlsplit(str(request.url))
    assert (address.netloc, address.query, address.fragment) == ("llm.test", "", "")
    assert address.path.startswith("/v1/")
    assert "evil" not in request.headers["host"]
    assert {each for each, _ in request.headers.raw} <= HEADERS


HEADERS = {
    *(b"Host", b"Accept", b"Accept-Encoding", b"Connection", b"User-Agent", b"Content-Length"),
    *(b"host", b"accept", b"accept-encoding", b"connection", b"user-agent", b"content-length"),
    *(b"content-type", b"authorization", b"x-api-key", b"x-goog-api-key", b"anthropic-version"),
}
"""All that is ever sent."""


@pytest.mark.parametrize("name", APIS)
@pytest.mark.parametrize("key", [f"sk-1234{each}" for each in [*BREAKS, " ", "é", "\t"]])
async def test_a_key_that_is_none_is_never_sent(name: str, key: str) -> None:
    """It could end its header and begin another: for whoever gives it, it is as if there were none."""
    async with opened(APIS[name], answered(name)) as asked:
        with pytest.raises(CredentialMissingError) as caught:
            await asked.complete(key=key)
        assert key not in str(caught.value)
        assert not asked.requests


@pytest.mark.parametrize("name", APIS)
async def test_the_key_is_in_one_header_and_nowhere_else(name: str) -> None:
    """Never in the address, which servers, proxies and httpx itself log, nor in the body."""
    async with opened(APIS[name], answered(name)) as asked:
        await asked.complete(key=KEY)
        await asked.sent(streamed=True, key=KEY)
    for request in asked.requests:
        assert KEY not in str(request.url)
        assert KEY.encode() not in request.content
        assert [KEY in value for value in request.headers.values()].count(True) == 1


# --- extras --------------------------------------------------------------------------------------

EXTRA = {
    "headers": {"x-evil": "1"},
    "extra_headers": {"authorization": "Bearer evil", "x-api-key": "evil"},
    "api_key": "evil",
    "base_url": "https://evil.test",
    "url": "https://evil.test",
    "model": "evil",
    "stream": "evil",
    "host": "evil.test",
    "x-evil\r\nx": "y",
}
"""Names that mean something to clients of other makers."""


@pytest.mark.parametrize("name", APIS)
async def test_fields_of_the_wire_are_fields_of_the_body(name: str) -> None:
    """An extra reaches neither the headers nor the address; the model and the way it is asked stay ours."""
    async with opened(APIS[name], answered(name), base_url="https://llm.test") as asked:
        call = asked.call(key=KEY, options=EXTRA)
        await asked.provider.complete(call)
    (request,) = asked.requests
    assert request.url.host == "llm.test"
    assert "evil" not in str(request.headers.raw)
    assert b"llm.test" not in request.content
    sent = json.loads(request.content)
    assert sent.get("model", "") != "evil"
    assert sent.get("stream", False) is False


# --- addresses -----------------------------------------------------------------------------------

ADDRESSES = {
    "a line break": "https://llm.test/\r\nx-evil: 1",
    "a control character": "https://llm.test/\x00",
    "a user": "https://me:sentinel@llm.test",
    "a host behind a user": "https://llm.test@evil.test/",
    "a host behind a backslash": "https://llm.test\\@evil.test/",
    "a query": "https://llm.test/v1?key=sentinel",
    "a fragment": "https://llm.test/v1#sentinel",
    "a file": "file:///etc/passwd",
    "a script": "javascript:alert(1)",
    "a socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "no host": "https:///v1",
    "no scheme": "llm.test/v1?key=sentinel",
    "a port that is none": "https://me:sentinel@llm.test:port/",
}


@pytest.mark.parametrize("what", ADDRESSES)
@pytest.mark.parametrize("name", APIS)
def test_an_address_that_is_more_than_one_is_refused(name: str, what: str) -> None:
    """And the refusal shows no password and no query of it."""
    if name == "ollama" and what == "no host":
        return  # because: there it means this machine
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        APIS[name](KEY, base_url=ADDRESSES[what])
    assert "sentinel" not in repr(caught.value)
    assert str(caught.value).isprintable()
