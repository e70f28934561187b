"""An SDK's client as a provider: its requests, our layers, and the faults between them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from ranvier import SHARED, ConfigurationError, Message, Pipeline, RanvierError, Tool, ToolCall
from ranvier.errors.provider import ConnectionFailedError, ServerError
from ranvier.errors.rejected import CredentialLookupError, CredentialUnusableError
from ranvier.layers import Fallback, Retry, Throttle, Timeout
from ranvier.providers import from_anthropic, from_genai, from_openai
from ranvier.simulator import Simulator, Status
from ranvier.testing import Loopback, Visit
from support.sdks.clients import KEY, SDKS, Sdk
from support.sdks.faults import FAULTS

WAYS = ("whole", "streamed")


@dataclass
class Scene:
    """One SDK's client, which asks the simulator.

    Attributes:
        sdk: The SDK.
        simulator: The server.
        client: The client.
    """

    sdk: Sdk
    simulator: Simulator
    client: Any

    def pipeline(self, *layers: Any, names: tuple[str, ...] = ("first",), **settings: Any) -> Pipeline:
        """A pipeline with the client as its provider, or as several."""
        providers = [self.sdk.provider(self.client, name=name) for name in names]
        return Pipeline(Fallback(*providers), *layers, **settings)


@pytest.fixture(params=SDKS)
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    sdk = SDKS[request.param]
    async with Simulator(seed=1) as simulator:
        client = sdk.client(simulator.url(sdk.vendor))
        yield Scene(sdk, simulator, client)
        await sdk.close(client)


async def failure_of(asking: Awaitable[Any]) -> RanvierError:
    """The error of a call."""
    with pytest.raises(RanvierError) as failed:
        await asking
    return failed.value


async def ask(pipeline: Pipeline, way: str, **options: Any) -> Any:
    """Ask, whole or streamed."""
    if way == "whole":
        return await pipeline.complete("Why?", **options)
    return await (await pipeline.stream("Why?", **options)).collect()


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_answers_with_text_and_usage(scene: Scene, way: str) -> None:
    """The request has the key of the client, and the answer is that of our own adapter."""
    async with scene.pipeline() as pipeline:
        answer = await ask(pipeline, way)
    assert answer.text
    assert answer.usage.output > 0
    headers = scene.simulator.requests[0].headers
    assert any(KEY in value for value in headers.values())
    assert "ranvier" not in headers["user-agent"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_the_layers_carry_a_client_past_a_fault(scene: Scene, fault: str, way: str) -> None:
    """Each try is one request: the SDK adds none of its own."""
    scene.simulator.play(scene.sdk.vendor, *FAULTS[fault])
    layers = (Retry(base_delay=0.01), Throttle(), Timeout(seconds=1, first_token=1))
    async with scene.pipeline(*layers, names=("first", "backup")) as pipeline:
        assert (await ask(pipeline, way)).text
    assert len(scene.simulator.requests) == 1 + len(FAULTS[fault])


@pytest.mark.parametrize("way", WAYS)
async def test_the_retries_of_the_sdk_are_off(scene: Scene, way: str) -> None:
    """A client that would retry five times sends one request, and the error is ours."""
    scene.simulator.play(scene.sdk.vendor, Status(503), Status(503))
    async with scene.pipeline() as pipeline:
        error = await failure_of(ask(pipeline, way))
    assert isinstance(error, ServerError)
    assert error.status == 503
    assert len(scene.simulator.requests) == 1


async def test_a_refused_connection_is_our_error_without_a_retry(scene: Scene) -> None:
    """The SDKs hide the error of their HTTP library below their own."""
    await scene.simulator.aclose()
    async with asyncio.timeout(5), scene.pipeline() as pipeline:
        error = await failure_of(pipeline.complete("Why?"))
    assert isinstance(error, ConnectionFailedError)
    assert not error.billable


async def test_tools_and_schemas_are_sent(scene: Scene) -> None:
    """As our adapters write them."""
    weather = Tool("weather", "The weather.", {"type": "object", "properties": {"place": {"type": "string"}}})
    async with scene.pipeline() as pipeline:
        await pipeline.complete("Why?", tools=[weather])
    assert "weather" in str(scene.simulator.requests[0].body["tools"])


async def test_a_call_with_another_key_is_sent_with_it(scene: Scene) -> None:
    """The client keeps its own."""

    async def keys(tenant: str, provider: str) -> str | None:
        return "sk-of-acme" if tenant == "acme" else None

    async with scene.pipeline(credentials=keys) as pipeline:
        await pipeline.complete("Why?", tenant="acme")
    headers = scene.simulator.requests[0].headers
    assert any("sk-of-acme" in value for value in headers.values())
    assert not any(KEY in value for value in headers.values())


async def test_a_client_outlives_its_pipeline(scene: Scene) -> None:
    """Its user closes it: neither our end nor the garbage collector does."""
    for _ in range(2):
        async with scene.pipeline() as pipeline:
            await pipeline.complete("Why?")
        del pipeline
        gc.collect()
        await asyncio.sleep(0.05)  # in which a connection would close
    assert scene.simulator.open_connections == 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_cancelled_call_closes_its_connection(scene: Scene, way: str) -> None:
    """While the server is silent."""
    scene.simulator.always(scene.sdk.vendor, FAULTS["silence"][0])
    async with scene.pipeline() as pipeline:
        asking = asyncio.create_task(ask(pipeline, way))
        await scene.simulator.busy()
        asking.cancel()
        await asyncio.wait([asking])
        await scene.simulator.idle()
    assert asking.cancelled()


async def test_cookies_and_redirects_stay_out(scene: Scene) -> None:
    """A cookie would join tenants, and a redirect would take the key elsewhere."""

    async def elsewhere(visit: Visit) -> None:
        await visit.answer(b"{}", 307, location="/elsewhere", set_cookie="a=1; Path=/")

    async with Loopback(elsewhere) as server:
        client = scene.sdk.client(server.url + "/v1")
        async with Pipeline(Fallback(scene.sdk.provider(client))) as pipeline:
            for times in (1, 2):
                await failure_of(pipeline.complete("Why?"))
                visit = await server.visited(times)
                assert "elsewhere" not in visit.head.splitlines()[0]
                assert "cookie:" not in visit.head.lower()
        await scene.sdk.close(client)


# --- one SDK ---------------------------------------------------------------------------------------------


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(seed=1) as running:
        yield running


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_the_http_client_and_the_headers_of_a_client_are_used(
    simulator: Simulator, library: Any
) -> None:
    """Its hooks included, and each time."""
    seen: list[str] = []

    async def hook(request: Any) -> None:
        seen.append(request.method)

    async with library.AsyncClient(event_hooks={"request": [hook]}) as http:
        client = openai.AsyncOpenAI(
            api_key=KEY,
            base_url=simulator.url("openai"),
            http_client=http,
            default_headers={"x-team": "blue"},
        )
        async with Pipeline(Fallback(from_openai(client))) as pipeline:
            await pipeline.complete("Why?")
        assert http.event_hooks["request"] == [hook]
    assert seen == ["POST"]
    assert simulator.requests[0].headers["x-team"] == "blue"


async def test_azure_gets_its_own_path_and_header(simulator: Simulator) -> None:
    """The name of the deployment is in the path, and the key in `api-key`."""
    async with Loopback() as server:
        client = openai.AsyncAzureOpenAI(api_key=KEY, azure_endpoint=server.url, api_version="2026-01-01")
        server.script = lambda visit: visit.answer(b"{}", 400)
        async with client, Pipeline(Fallback(from_openai(client), "openai/ours")) as pipeline:
            await failure_of(pipeline.complete("Why?", to="openai/ours"))
        head = (await server.visited()).head
    assert head.startswith("POST /openai/deployments/")
    assert "/chat/completions?api-version=2026-01-01" in head
    assert f"api-key: {KEY}" in head.lower()


async def test_claude_on_vertex_gets_its_own_path() -> None:
    """The model is in the path, and the token of the client in the header."""
    async with Loopback() as server:
        client = anthropic.AsyncAnthropicVertex(
            project_id="ours", region="eu", access_token="a-token", base_url=server.url
        )
        server.script = lambda visit: visit.answer(b"{}", 400)
        async with client, Pipeline(Fallback(from_anthropic(client))) as pipeline:
            await failure_of(ask(pipeline, "streamed"))
        head = (await server.visited()).head
    assert "/projects/ours/locations/eu/publishers/anthropic/models/claude-sonnet-5:streamRawPredict" in head
    assert "Bearer a-token" in head


async def test_gemini_on_vertex_gets_its_own_path() -> None:
    """The project is in the path."""
    async with Loopback() as server:
        credentials = _Token()
        client = genai.Client(
            vertexai=True,
            project="ours",
            location="eu",
            credentials=credentials,
            http_options=types.HttpOptions(base_url=server.url),
        )
        server.script = lambda visit: visit.answer(b"{}", 400)
        async with Pipeline(Fallback(from_genai(client))) as pipeline:
            await failure_of(pipeline.complete("Why?"))
        head = (await server.visited()).head
        await client.aio.aclose()
        client.close()
    assert "/projects/ours/locations/eu/publishers/google/models/gemini-3.6-flash:generateContent" in head
    assert "Bearer a-token" in head


async def test_gemini_on_vertex_gets_no_ids_of_calls() -> None:
    """It rejects them, also at a private endpoint."""
    async with Loopback(lambda visit: visit.answer(b"{}", 400)) as server:
        options = types.HttpOptions(base_url=server.url)
        client = genai.Client(
            vertexai=True, project="ours", location="eu", credentials=_Token(), http_options=options
        )
        history = [
            Message.user("Why?"),
            Message.assistant(tool_calls=[ToolCall("call-1", "weather", {})]),
            Message.tool("call-1", "sunny"),
        ]
        async with Pipeline(Fallback(from_genai(client))) as pipeline:
            await failure_of(pipeline.complete(history, tools=[Tool("weather")]))
        body = (await server.visited()).body
        await client.aio.aclose()
        client.close()
    assert b"functionResponse" in body
    assert b"call-1" not in body


async def test_a_client_with_a_token_takes_no_key_of_a_tenant() -> None:
    """Google would get both."""
    options = types.HttpOptions(base_url="http://127.0.0.1:9")
    client = genai.Client(
        vertexai=True, project="ours", location="eu", credentials=_Token(), http_options=options
    )
    async with Pipeline(Fallback(from_genai(client)), credentials=lambda *of: "sk-of-acme") as pipeline:
        assert isinstance(await failure_of(pipeline.complete("Why?")), CredentialUnusableError)
    await client.aio.aclose()
    client.close()


async def test_a_client_with_connections_stays_on_its_event_loop(simulator: Simulator) -> None:
    """They belong to that loop."""
    sdk = SDKS["openai chat"]
    client = sdk.client(simulator.url(sdk.vendor))

    async def asked() -> str:
        async with Pipeline(Fallback(sdk.provider(client))) as pipeline:
            return (await pipeline.complete("Why?")).text

    assert await asked()
    with pytest.raises(ConfigurationError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, asked())
    await sdk.close(client)


async def test_a_middleware_sees_each_request(simulator: Simulator) -> None:
    """Middleware of Anthropic's SDK, which may also answer by itself: that is an error of ours."""
    seen = []

    async def middleware(request: Any, call_next: Any) -> Any:
        seen.append(request)
        return await call_next(request) if len(seen) == 1 else {"kept": "answer"}

    base = simulator.url("anthropic").removesuffix("/v1")
    client = anthropic.AsyncAnthropic(api_key=KEY, base_url=base, middleware=[middleware])
    async with client, Pipeline(Fallback(from_anthropic(client))) as pipeline:
        assert (await pipeline.complete("Why?")).text
        error = await failure_of(pipeline.complete("Why?"))
    assert "a middleware of the client returned dict" in str(error)
    assert len(seen) == 2


async def test_a_token_that_cannot_be_had_is_named(simulator: Simulator) -> None:
    """The error of the user's function is the cause, and nothing is sent."""

    async def token() -> str:
        raise LookupError("no token today")

    client = openai.AsyncAzureOpenAI(
        azure_ad_token_provider=token, azure_endpoint=simulator.url("openai"), api_version="2026-01-01"
    )
    async with client, Pipeline(Fallback(from_openai(client))) as pipeline:
        error = await failure_of(pipeline.complete("Why?"))
    assert isinstance(error, CredentialLookupError)
    assert "raised LookupError" in str(error)
    assert isinstance(error.__cause__, LookupError)
    assert not simulator.requests


async def test_a_key_that_a_client_would_not_send_is_refused(simulator: Simulator) -> None:
    """A client with a header of its own ignores an api_key: nothing is sent in the wrong name."""
    client = openai.AsyncOpenAI(
        api_key=KEY, base_url=simulator.url("openai"), default_headers={"authorization": "Bearer a-token"}
    )

    def keys(tenant: str, provider: str) -> Any:
        return "sk-of-acme" if tenant == "acme" else SHARED

    async with client, Pipeline(Fallback(from_openai(client)), credentials=keys) as pipeline:
        error = await failure_of(pipeline.complete("Why?", tenant="acme"))
        assert isinstance(error, CredentialUnusableError)
        assert not simulator.requests
        await pipeline.complete("Why?")
    assert simulator.requests[0].headers["authorization"] == "Bearer a-token"


class _Token:
    """Google's credentials, as far as the SDK looks at them."""

    token = "a-token"
    expired = False
    quota_project_id = None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: from_openai(openai.OpenAI(api_key=KEY)), "OpenAI is not asynchronous: give an AsyncOpenAI"),
        (lambda: from_anthropic(anthropic.Anthropic(api_key=KEY)), "give an AsyncAnthropic"),
        (lambda: from_openai(anthropic.AsyncAnthropic(api_key=KEY)), "give an openai.AsyncOpenAI"),
        (lambda: from_anthropic("client"), "str is no client: give an anthropic.AsyncAnthropic"),
        (lambda: from_genai(openai.AsyncOpenAI(api_key=KEY)), "give a genai.Client"),
        (lambda: from_openai(openai.AsyncOpenAI), "no client"),
    ],
)
def test_what_is_no_asynchronous_client_is_rejected(make: Any, says: str) -> None:
    """At once, with the remedy."""
    with pytest.raises(ConfigurationError, match=says):
        make()


def test_bedrock_is_rejected_with_the_remedy() -> None:
    """Its streams are no server-sent events."""

    class AsyncAnthropicBedrock(anthropic.AsyncAnthropic):
        __module__ = "anthropic.lib.bedrock._client"

    with pytest.raises(ConfigurationError, match="give an AsyncAnthropicBedrockMantle"):
        from_anthropic(AsyncAnthropicBedrock(api_key=KEY))


async def test_a_session_of_aiohttp_is_rejected() -> None:
    """The client would not send by it."""
    aiohttp = pytest.importorskip("aiohttp")
    async with aiohttp.ClientSession() as session:
        client = genai.Client(api_key=KEY, http_options=types.HttpOptions(aiohttp_client=session))
        with pytest.raises(ConfigurationError, match="httpx_async_client"):
            from_genai(client)
        await client.aio.aclose()
        client.close()
