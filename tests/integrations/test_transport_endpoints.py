"""The transport for SDKs at further endpoints: Azure, Vertex, those of tenants, and those of a reload."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from ranvier import Access, Deployment, Pipeline, tenant
from ranvier.integrations import transport
from ranvier.layers import Balance, Breaker, Fallback, Retry, Timeout
from ranvier.providers import Anthropic, Azure, Gemini, Ollama, OpenAI, Vertex
from ranvier.simulator import Simulator, Status

CHAT = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Why?"}]}
CHAT_URL = "https://api.openai.com/v1/chat/completions"
CONTENT = {"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]}
CONTENT_URL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.6-flash:generateContent"
MESSAGE = {"model": "claude-sonnet-5", "max_tokens": 50, "messages": CHAT["messages"]}
MESSAGE_URL = "https://api.anthropic.com/v1/messages"
DATED = "2025-04-01-preview"
MODELS = ("gpt-5.2", "gpt-5.2-mini")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


async def google_token() -> str:
    return "ya29.token"


def vertex(simulator: Simulator) -> Vertex:
    return Vertex("acme-prod", token=google_token, base_url=simulator.url("vertex"))


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("version", "path"),
    [(None, "openai/v1/chat/completions"), (DATED, "openai/deployments/chat/chat/completions")],
    ids=["v1", "classic"],
)
async def test_azure_is_a_further_endpoint_of_chat_completions(
    version: Any, path: str, streamed: bool, simulator: Simulator
) -> None:
    """With its path, version, header of the key, and the name of its deployment as the model.

    The simulator rejects a classic path without a version, and one of v1 with one.
    """
    simulator.play("openai", Status(503))
    openai = OpenAI("sk-first", api="chat", base_url=simulator.url("openai"))
    azure = Azure(simulator.url("azure"), version, api_key="az-key", deployments={"chat": "gpt-5.2"})
    pipeline = Pipeline(Fallback(Deployment(openai, "gpt-5.2"), Deployment(azure, "chat")), Timeout())
    asked = {**CHAT, "stream": True} if streamed else CHAT
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post(CHAT_URL, json=asked, headers={"authorization": "Bearer sk-sdk"})
    assert answer.status_code == 200
    sent = simulator.requests[1]
    assert (sent.path, sent.body["model"]) == (path, "chat")
    assert sent.headers["api-key"] == "az-key"
    assert "authorization" not in sent.headers


async def test_a_request_of_the_azure_client_goes_to_its_deployment(simulator: Simulator) -> None:
    """Its URL has a version that the simulator rejects, and the provider's replaces it."""
    azure = Azure(simulator.url("azure"), DATED, api_key="az-key")
    pipeline = Pipeline(Fallback(Deployment(azure, "chat")))
    url = "https://other.openai.azure.com/openai/deployments/chat/chat/completions?api-version=latest"
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post(url, json={**CHAT, "model": "chat"}, headers={"api-key": "sdk-key"})
    assert answer.status_code == 200
    (sent,) = simulator.requests
    assert sent.headers["api-key"] == "az-key"


async def test_azure_speaks_responses_only_if_it_is_told_to(simulator: Simulator) -> None:
    """The simulator rejects its classic path without a version."""
    told = Azure(simulator.url("azure"), DATED, api_key="az-key", api="responses")
    assert not Azure(simulator.url("azure"), api_key="az-key").speaks("responses", "chat")
    assert not told.speaks("chat_completions", "chat")
    pipeline = Pipeline(Fallback(Deployment(told, "chat")))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        url = "https://api.openai.com/v1/responses"
        answer = await client.post(url, json={"model": "chat", "input": "Why?"})
    assert answer.status_code == 200
    (sent,) = simulator.requests
    assert sent.path == "openai/responses"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_vertex_is_a_further_endpoint_of_gemini(streamed: bool, simulator: Simulator) -> None:
    """With the path of the project, and a token in place of a key."""
    simulator.play("gemini", Status(503))
    gemini = Gemini("sk-gemini", base_url=simulator.url("gemini"))
    pipeline = Pipeline(Fallback(gemini, vertex(simulator)), Timeout())
    url = CONTENT_URL.replace(":generate", ":streamGenerate") + "?alt=sse" if streamed else CONTENT_URL
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post(url, json=CONTENT, headers={"x-goog-api-key": "sk-sdk"})
    assert answer.status_code == 200
    assert '"candidates"' in answer.text
    sent = simulator.requests[1]
    assert "/projects/acme-prod/locations/global/publishers/google/models/gemini-3.6-flash:" in sent.path
    assert sent.headers["authorization"] == "Bearer ya29.token"
    assert "x-goog-api-key" not in sent.headers


async def test_claude_at_vertex_is_passed_over(simulator: Simulator) -> None:
    """It has another path, and another body."""
    simulator.always("anthropic", Status(503))
    claude = Anthropic("sk-a", base_url=simulator.url("anthropic"))
    pipeline = Pipeline(Fallback(claude, Deployment(vertex(simulator), "claude-sonnet-5")), Retry(0))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post(MESSAGE_URL, json=MESSAGE)
        assert answer.status_code == 503
        refused = await client.post(CONTENT_URL, json=CONTENT)
    assert "speaks gemini" in refused.json()["error"]["message"]
    assert {each.provider for each in simulator.requests} == {"anthropic"}


async def test_ollama_is_passed_over(simulator: Simulator) -> None:
    """It has an API of its own."""
    simulator.always("openai", Status(503))
    openai = OpenAI("sk-o", api="chat", base_url=simulator.url("openai"))
    ollama = Deployment(Ollama(base_url=simulator.url("ollama")), "gemma3")
    pipeline = Pipeline(Fallback(openai, ollama), Retry(0))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        assert (await client.post(CHAT_URL, json=CHAT)).status_code == 503
    assert {each.provider for each in simulator.requests} == {"openai"}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_a_tenants_own_endpoint_is_asked(streamed: bool, simulator: Simulator) -> None:
    """With the tenant's key and headers, and not with ours."""
    ours = OpenAI("sk-ours", api="chat", base_url="http://127.0.0.1:9/v1", headers={"x-ours": "secret"})
    access = Access("sk-acme", base_url=simulator.url("openai"), headers={"x-team": "research"})
    pipeline = Pipeline(Fallback(ours), credentials=lambda tenant, provider: access)
    asked = {**CHAT, "stream": True} if streamed else CHAT
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        with tenant("acme"):
            answer = await client.post(CHAT_URL, json=asked)
    assert answer.status_code == 200
    (sent,) = simulator.requests
    assert (sent.headers["authorization"], sent.headers["x-team"]) == ("Bearer sk-acme", "research")
    assert "x-ours" not in sent.headers


async def test_headers_of_the_provider_are_sent(simulator: Simulator) -> None:
    """Those of the user's own, as with every call."""
    openai = OpenAI("sk-o", api="chat", base_url=simulator.url("openai"), headers={"x-team": "research"})
    pipeline = Pipeline(Fallback(openai))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        await client.post(CHAT_URL, json=CHAT)
    (sent,) = simulator.requests
    assert sent.headers["x-team"] == "research"


async def test_the_targets_of_a_reload_are_asked(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that it adds are known at once, and those that it removes are not."""

    def described(model: str, **route: Any) -> Any:
        return {
            "providers": {
                "mine": {"type": "openai", "api_key": {"env": "KEY"}, "api": "chat", "base_url": url}
            },
            "layers": [{"type": "Fallback", "targets": [f"mine/{model}"], **route}],
        }

    monkeypatch.setenv("KEY", "sk-mine")
    url = simulator.url("openai")
    pipeline = Pipeline.from_config(described("gpt-5.2"))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:

        async def status(model: str) -> int:
            return (await client.post(CHAT_URL, json={**CHAT, "model": model})).status_code

        assert (await status("gpt-5.2"), await status("gpt-5.2-mini")) == (200, 404)
        await pipeline.reload(described("gpt-5.2-mini"))
        assert (await status("gpt-5.2"), await status("gpt-5.2-mini")) == (404, 200)
        await pipeline.reload(described("gpt-5.2-mini", open=True))
        assert await status("gpt-5.2") == 200


@pytest.mark.parametrize("first", [False, True], ids=["alone", "behind another API"])
async def test_a_balance_spreads_the_requests_of_an_sdk(first: bool, simulator: Simulator) -> None:
    """Where the first target that speaks the API has the model, the layers choose the target."""
    names = ("openai-a", "openai-b")
    ends = [OpenAI("sk", api="chat", base_url=simulator.url(name), name=name) for name in names]
    balance = Balance(*(Deployment(each, "gpt-5.2") for each in ends), by="least_busy")
    claude = Anthropic("sk-a", base_url=simulator.url("anthropic"))
    pipeline = Pipeline(Fallback(*([claude] if first else []), balance))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        for _ in range(20):
            await client.post(CHAT_URL, json=CHAT)
    assert {each.provider for each in simulator.requests} == set(names)


async def test_a_request_for_a_model_starts_at_its_target(simulator: Simulator) -> None:
    """Though an earlier one speaks the API, too."""
    ends = [Deployment(OpenAI("sk", api="chat", base_url=simulator.url("openai")), model) for model in MODELS]
    pipeline = Pipeline(Fallback(*ends))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        await client.post(CHAT_URL, json={**CHAT, "model": MODELS[1]})
    (sent,) = simulator.requests
    assert sent.model == MODELS[1]


async def test_the_error_is_that_of_the_target_that_was_asked(simulator: Simulator) -> None:
    """And not of the first, which has another API; also while the circuit of the other one is open."""
    claude = Anthropic("sk-a", base_url=simulator.url("anthropic"))
    openai = OpenAI("sk-o", api="chat", base_url=simulator.url("openai"))
    simulator.always("openai", Status(503))
    pipeline = Pipeline(Fallback(claude, openai), Retry(max_retries=0), Breaker(failure_threshold=1))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        failed = await client.post(CHAT_URL, json=CHAT)
        rejected = await client.post(CHAT_URL, json=CHAT)
    assert (failed.status_code, rejected.status_code) == (503, 503)
    assert "overloaded" in failed.json()["error"]["message"]
    assert "circuit" in rejected.json()["error"]["message"]
    assert len(simulator.requests) == 1
