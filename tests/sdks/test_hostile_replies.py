"""An SDK's client as a provider, before servers that send too much, break off, or repeat the key."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from ranvier import Access, Deployment, Pipeline, RanvierError
from ranvier.errors.provider import AuthenticationError, ServerError
from ranvier.errors.rejected import CredentialUnusableError
from ranvier.integrations import transport
from ranvier.layers import Fallback, Retry
from ranvier.messages import Document, Message
from ranvier.providers import from_openai
from ranvier.simulator import Simulator, Status
from ranvier.testing import Loopback, Visit
from support.sdks.clients import KEY, SDKS, Sdk

MIB = 1024 * 1024


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest) -> Sdk:
    return SDKS[request.param]


@pytest.fixture
async def server() -> AsyncIterator[Loopback]:
    async with Loopback() as running:
        yield running


async def failure(sdk: Sdk, server: Loopback, **settings: Any) -> RanvierError:
    """The error of a call to this server."""
    client = sdk.client(server.url + "/v1")
    try:
        async with Pipeline(Fallback(sdk.provider(client)), Retry(0), **settings) as pipeline:
            with pytest.raises(RanvierError) as failed:
                await pipeline.complete("Why?")
    finally:
        await sdk.close(client)
    return failed.value


async def test_an_error_that_unpacks_to_much_is_not_unpacked(sdk: Sdk, server: Loopback) -> None:
    """The SDKs would hold all of it."""
    packed = gzip.compress(bytes(64 * MIB))
    server.script = lambda visit: visit.answer(packed, 500, content_encoding="gzip")
    tracemalloc.start()
    try:
        error = await failure(sdk, server)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    assert isinstance(error, ServerError)
    assert error.status == 500


async def test_an_error_without_end_is_read_to_a_limit(sdk: Sdk, server: Loopback) -> None:
    """And the connection is closed then."""

    async def forever(visit: Visit) -> None:
        await visit.begin(status=503)
        while not visit.closed.is_set():
            await visit.chunk(bytes(100_000))

    server.script = forever
    assert (await failure(sdk, server)).status == 503  # type: ignore[attr-defined]


async def test_an_error_that_breaks_off_is_still_that_error(sdk: Sdk, server: Loopback) -> None:
    """By its status; it is no failed connection, which would be retried."""

    async def broken(visit: Visit) -> None:
        await visit.begin(b'{"error": {"mess', status=401)
        raise ConnectionResetError

    server.script = broken
    assert isinstance(await failure(sdk, server), AuthenticationError)


async def test_a_key_that_is_repeated_is_masked(sdk: Sdk, server: Loopback) -> None:
    said = f'{{"error": {{"message": "no such key: {KEY}"}}}}'.encode()
    server.script = lambda visit: visit.answer(said, 401)
    error = await failure(sdk, server)
    assert KEY not in str(error)
    assert "***" in str(error)


async def test_a_token_that_is_repeated_is_masked(server: Loopback) -> None:
    """It comes from a function of the user's, and is no `api_key`."""

    async def token() -> str:
        return "eyJ-a-secret-token"

    client = openai.AsyncOpenAI(api_key=token, base_url=server.url)
    server.script = lambda visit: visit.answer(b'{"error": {"message": "bad eyJ-a-secret-token"}}', 401)
    async with client, Pipeline(Fallback(from_openai(client)), Retry(0)) as pipeline:
        with pytest.raises(AuthenticationError) as failed:
            await pipeline.complete("Why?")
    assert "secret" not in str(failed.value)
    assert "eyJ-a-secret-token" in (await server.visited()).head


# --- what came with other parts of ranvier ---------------------------------------------------------------


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(seed=1) as running:
        yield running


async def test_an_endpoint_of_a_tenant_is_refused(sdk: Sdk, simulator: Simulator) -> None:
    """The address and the headers are those of the client."""
    client = sdk.client(simulator.url(sdk.vendor))
    keys = {
        "acme": Access("sk-acme", base_url="https://acme.example"),
        "globex": Access(headers={"x-a": "b"}),
    }
    async with Pipeline(
        Fallback(sdk.provider(client)), credentials=lambda tenant, provider: keys[tenant]
    ) as pipeline:
        for tenant in keys:
            with pytest.raises(CredentialUnusableError):
                await pipeline.complete("Why?", tenant=tenant)
    await sdk.close(client)
    assert not simulator.requests


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_reply_comes_with_the_answer(sdk: Sdk, streamed: bool, simulator: Simulator) -> None:
    """Its JSON, its headers and its id."""
    client = sdk.client(simulator.url(sdk.vendor))
    async with Pipeline(Fallback(sdk.provider(client))) as pipeline:
        if streamed:
            answer = await (await pipeline.stream("Why?", keep_raw=True)).collect()
        else:
            answer = await pipeline.complete("Why?")
    await sdk.close(client)
    assert answer.raw
    assert answer.headers["content-type"]
    assert KEY not in str(answer.headers)


async def test_a_document_is_sent(sdk: Sdk, simulator: Simulator) -> None:
    client = sdk.client(simulator.url(sdk.vendor))
    async with Pipeline(Fallback(sdk.provider(client))) as pipeline:
        await pipeline.complete([Message("user", ["Read", Document(data=b"%PDF-1.7 a report")])])
    await sdk.close(client)
    assert "JVBERi0xLjcgYSByZXBvcnQ" in str(simulator.requests[0].body)


async def test_a_request_of_an_sdk_passes_the_client_of_another(simulator: Simulator) -> None:
    """The transport sends it by that client, which has its own key."""
    inner = openai.AsyncOpenAI(api_key=KEY, base_url=simulator.url("openai"), max_retries=5)
    simulator.play("openai", Status(503))
    route = Fallback(Deployment(from_openai(inner, api="chat"), "gpt-5.2"))
    async with inner, Pipeline(route, Retry(base_delay=0.01)) as pipeline:
        http = httpx2.AsyncClient(transport=transport(pipeline))
        async with openai.AsyncOpenAI(api_key="sk-outer", http_client=http, max_retries=0) as outer:
            answer = await outer.chat.completions.create(
                model="gpt-5.2", messages=[{"role": "user", "content": "Why?"}]
            )
    assert answer.choices[0].message.content
    assert [exchange.key for exchange in simulator.requests] == [KEY, KEY]
