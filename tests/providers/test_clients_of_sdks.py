"""Providers by an SDK's client, with a stand-in for the SDK; `tests/sdks` has the real ones."""

from __future__ import annotations

import asyncio
import gc
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ranvier import SHARED, ConfigurationError, Pipeline, RanvierError
from ranvier.errors.provider import AuthenticationError, ServerError
from ranvier.errors.rejected import CredentialUnusableError
from ranvier.layers import Fallback, Retry
from ranvier.providers import from_anthropic, from_openai
from ranvier.providers._http.port import MAX_ERROR_BYTES
from ranvier.simulator import Simulator, Status
from ranvier.testing import Loopback, Visit, assert_settled
from support.stand_in_sdk import AsyncOpenAI

KEY = "sk-of-the-client"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


def to(client: Any, **settings: Any) -> Pipeline:
    return Pipeline(Fallback(from_openai(client, api="chat")), Retry(0), **settings)


async def failure(client: Any, **settings: Any) -> RanvierError:
    async with to(client, **settings) as pipeline:
        with pytest.raises(RanvierError) as failed:
            await pipeline.complete("Why?")
    await client.close()
    return failed.value


async def test_half_a_character_is_replaced(simulator: Simulator) -> None:
    """The SDKs cannot write it, and their error would hold the prompt."""
    client = AsyncOpenAI(simulator.url("openai"), KEY)
    async with to(client) as pipeline:
        await pipeline.complete("cut \ud83d")
    await client.close()
    assert simulator.requests[0].body["messages"][0]["content"] == "cut \ufffd"


def acme(tenant: str, provider: str) -> str:
    """The key of a tenant's own."""
    return "sk-of-acme"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_client_sends_and_ranvier_reads(streamed: bool, simulator: Simulator) -> None:
    client = AsyncOpenAI(simulator.url("openai"), KEY)
    async with to(client) as pipeline:
        if streamed:
            answer = await (await pipeline.stream("Why?")).collect()
        else:
            answer = await pipeline.complete("Why?")
        assert_settled(pipeline)
    await client.close()
    assert answer.text
    assert answer.usage.output > 0
    assert [exchange.key for exchange in simulator.requests] == [KEY]


async def test_each_try_is_one_request(simulator: Simulator) -> None:
    """The retries of the client are off, and the client is as it was."""
    simulator.play("openai", Status(503))
    client = AsyncOpenAI(simulator.url("openai"), KEY, max_retries=5)
    error = await failure(client)
    assert isinstance(error, ServerError)
    assert len(simulator.requests) == 1
    assert client._max_retries == 5
    assert not client._client.event_hooks["request"]


async def test_a_key_of_a_tenant_replaces_that_of_the_client(simulator: Simulator) -> None:
    client = AsyncOpenAI(simulator.url("openai"), KEY)
    async with to(client, credentials=acme) as pipeline:
        await pipeline.complete("Why?")
    await client.close()
    assert [exchange.key for exchange in simulator.requests] == ["sk-of-acme"]
    assert client.api_key == KEY


async def test_a_key_that_the_client_would_not_send_is_refused(simulator: Simulator) -> None:
    """Nothing is sent in the wrong name."""
    client = AsyncOpenAI(simulator.url("openai"), KEY, authorization="Bearer another")
    assert isinstance(await failure(client, credentials=acme), CredentialUnusableError)
    assert not simulator.requests
    client = AsyncOpenAI(simulator.url("openai"), KEY, authorization="Bearer another")
    async with to(client, credentials=lambda tenant, provider: SHARED) as pipeline:
        assert (await pipeline.complete("Why?")).text
    await client.close()


async def test_a_token_is_masked_where_a_server_repeats_it() -> None:
    """Ranvier learns it from the request that the client has made."""

    async def token() -> str:
        return "eyJ-a-secret-token"

    async with Loopback() as server:
        server.script = lambda visit: visit.answer(b'{"error": {"message": "bad eyJ-a-secret-token"}}', 401)
        error = await failure(AsyncOpenAI(server.url, token=token))
    assert isinstance(error, AuthenticationError)
    assert "bad ***" in str(error)


async def test_of_an_error_only_the_start_is_read() -> None:
    """Decoded by us, since an HTTP client would unpack all of it at once."""
    read: list[int] = []

    class Reading(AsyncOpenAI):
        async def post(self, path: str, **arguments: Any) -> Any:
            try:
                return await super().post(path, **arguments)
            except Exception as error:
                read.append(len(error.response.content))  # type: ignore[attr-defined]
                raise

    Reading.__module__ = "openai"
    packed = gzip.compress(bytes(4_000_000))
    async with Loopback(lambda visit: visit.answer(packed, 500, content_encoding="gzip")) as server:
        error = await failure(Reading(server.url, KEY))
    assert isinstance(error, ServerError)
    assert read == [MAX_ERROR_BYTES]


async def test_an_error_that_breaks_off_is_still_that_error() -> None:
    """By its status."""

    async def broken(visit: Visit) -> None:
        await visit.begin(b'{"error": {"mess', status=401)
        raise ConnectionResetError

    async with Loopback(broken) as server:
        assert isinstance(await failure(AsyncOpenAI(server.url, KEY)), AuthenticationError)


async def test_a_cancelled_call_closes_its_connection() -> None:
    """While the server is silent."""
    async with Loopback(lambda visit: visit.gone()) as server:
        client = AsyncOpenAI(server.url, KEY)
        async with to(client) as pipeline:
            asking = asyncio.create_task(pipeline.complete("Why?"))
            visit = await server.visited()
            asking.cancel()
            await asyncio.wait([asking])
            assert_settled(pipeline)
            await visit.closed.wait()
        await client.close()
    assert asking.cancelled()


async def test_the_connection_of_the_client_stays_open(simulator: Simulator) -> None:
    """Its user closes it: neither our end nor the garbage collector does."""
    client = AsyncOpenAI(simulator.url("openai"), KEY)
    for _ in range(2):
        pipeline = to(client)
        assert (await pipeline.complete("Why?")).text
        await pipeline.aclose()
        del pipeline
        gc.collect()
        await asyncio.sleep(0.05)  # in which it would close
    assert simulator.open_connections == 1
    await client.close()


def test_another_clients_class_is_rejected() -> None:
    client = AsyncOpenAI("http://127.0.0.1:9", KEY)
    with pytest.raises(ConfigurationError, match="give an anthropic"):
        from_anthropic(client)
