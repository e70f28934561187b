"""The transport for SDKs: what it sends to which endpoint, and what it hands back, with httpx and httpx2."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest

from ranvier import ConfigurationError, Deployment, Layer, Pipeline, Place, RejectedError, tenant
from ranvier.integrations import sync_transport, transport
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler
from ranvier.providers import Anthropic, Gemini, OpenAI
from ranvier.simulator import Cut, Reset, Rule, Silence, Simulator, Slow, Status
from ranvier.testing import Loopback, Visit, assert_settled, settled

CHAT = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Why?"}]}
ANSWER = {"model": "gpt-5.2", "input": "Why?"}
LIBRARIES = [httpx, httpx2]
SSE = "text/event-stream"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture(params=LIBRARIES, ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


def stack(simulator: Simulator, **settings: Any) -> Pipeline:
    """OpenAI, and its endpoint in Europe, which has another key and another model."""
    url = simulator.url("openai")
    api = settings.pop("api", "chat")
    first = OpenAI("sk-first", api=api, base_url=url)
    europe = OpenAI("sk-europe", api=api, base_url=url, name="europe")
    return Pipeline(
        Deadline(10),
        Fallback(Deployment(first, "gpt-5.2"), Deployment(europe, "gpt-5.2-mini"), **settings),
        Retry(max_retries=0),
        Breaker(failure_threshold=1),
        Timeout(first_token=5),
    )


def body_of(simulator: Simulator, index: int) -> dict[str, Any]:
    return dict(simulator.requests[index].body)


async def test_a_request_goes_to_its_own_endpoint_as_it_is(library: Any, simulator: Simulator) -> None:
    """With headers of the SDK's own, and the pipeline's key."""
    content = json.dumps({**CHAT, "user": "é"}).encode()
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post(
            "https://api.openai.com/v1/chat/completions",
            content=content,
            headers={
                "authorization": "Bearer sk-sdk",
                "x-stainless-lang": "python",
                "content-type": "application/json",
            },
        )
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"]
    (sent,) = simulator.requests
    assert sent.body == json.loads(content)
    assert sent.headers["authorization"] == "Bearer sk-first"
    assert sent.headers["x-stainless-lang"] == "python"


async def test_another_endpoint_gets_its_own_key_and_model(library: Any, simulator: Simulator) -> None:
    """Everything else is the same."""
    simulator.play("openai", Status(503))
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post("https://api.openai.com/v1/chat/completions", json={**CHAT, "seed": 7})
    assert answer.status_code == 200
    assert [each.headers["authorization"] for each in simulator.requests] == [
        "Bearer sk-first",
        "Bearer sk-europe",
    ]
    assert body_of(simulator, 1) == {**CHAT, "seed": 7, "model": "gpt-5.2-mini"}
    assert "ranvier" in answer.extensions
    assert "europe" in answer.extensions["ranvier"].explain()


async def test_half_a_character_goes_to_another_model_too(simulator: Simulator) -> None:
    """A text that was cut in JavaScript holds one, and JSON escapes it."""
    simulator.play("openai", Status(503))
    content = json.dumps({**CHAT, "user": "cut \ud83d"}).encode()
    async with stack(simulator) as pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post("https://api.openai.com/v1/chat/completions", content=content)
    assert answer.status_code == 200
    assert [body_of(simulator, index)["user"] for index in (0, 1)] == ["cut \ud83d"] * 2


async def test_a_key_of_the_sdk_goes_nowhere_else(simulator: Simulator) -> None:
    """Neither in the usual header, nor in that of another API, nor in the URL."""
    headers = {"api-key": "sk-sdk", "x-api-key": "sk-sdk", "x-goog-api-key": "sk-sdk", "cookie": "sk-sdk"}
    async with stack(simulator) as pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        await client.post("https://api.openai.com/v1/chat/completions?key=sk-sdk", json=CHAT, headers=headers)
    (sent,) = simulator.requests
    assert "sk-sdk" not in f"{sent.headers} {sent.path}"


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
    ],
    ids=["response", "conversation", "reference", "file"],
)
async def test_a_request_that_refers_to_a_server_stays_there(more: Any, simulator: Simulator) -> None:
    """Its error is the answer: no other server has what it refers to."""
    simulator.play("openai", Status(503))
    async with (
        stack(simulator, api="responses") as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as client,
    ):
        answer = await client.post("https://api.openai.com/v1/responses", json={**ANSWER, **more})
    assert answer.status_code == 503
    assert len(simulator.requests) == 1


async def test_a_stored_answer_of_another_endpoint_is_continued_there(simulator: Simulator) -> None:
    """The transport remembers which provider has the response."""
    simulator.play("openai", Status(503))
    async with (
        stack(simulator, api="responses") as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as client,
    ):
        url = "https://api.openai.com/v1/responses"
        first = await client.post(url, json=ANSWER)
        await client.post(url, json={**ANSWER, "previous_response_id": first.json()["id"]})
    assert simulator.requests[1].headers["authorization"] == "Bearer sk-europe"
    assert simulator.requests[2].headers["authorization"] == "Bearer sk-europe"


async def test_the_providers_own_error_is_handed_back(library: Any, simulator: Simulator) -> None:
    """With its status, body and headers, and a header that keeps the SDK from retrying it."""
    simulator.add(Rule(Status(429, retry_after=40)))
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert answer.status_code == 429
    assert answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert "content-encoding" not in answer.headers


async def test_a_refusal_of_ours_is_an_error_of_the_wire(library: Any, simulator: Simulator) -> None:
    """Where all circuits are open, nothing is sent."""
    simulator.add(Rule(Status(503)))
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
        sent = len(simulator.requests)
        answer = await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert len(simulator.requests) == sent
    assert answer.status_code == 503
    assert "circuit" in answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("fault", [Cut(after=3), Reset(after=3)], ids=["cut", "reset"])
@pytest.mark.parametrize(
    ("path", "asked", "mark"),
    [
        ("chat/completions", CHAT, b'data: {"error"'),
        ("responses", ANSWER, b"event: error\n"),
    ],
    ids=["chat", "responses"],
)
async def test_a_stream_that_breaks_ends_with_an_error(
    path: str, asked: Any, mark: bytes, fault: Any, simulator: Simulator
) -> None:
    """In the words of its wire, and after whole events: it never looks like a clean end."""
    simulator.play("openai", fault)
    api = "responses" if path == "responses" else "chat"
    async with (
        stack(simulator, api=api) as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as client,
        client.stream("POST", f"https://api.openai.com/v1/{path}", json={**asked, "stream": True}) as answer,
    ):
        body = b"".join([chunk async for chunk in answer.aiter_bytes()])
    events = body.split(b"\n\n")
    assert events[-1] == b""
    assert events[-2].startswith(mark)
    for event in events[:-1]:
        json.loads(event.split(b"data: ", 1)[1])


async def test_half_an_event_is_not_handed_on() -> None:
    """A connection may break in the middle of one."""

    async def broken(visit: Visit) -> None:
        await visit.begin(
            b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: {"choi', content_type=SSE
        )
        await asyncio.sleep(0.05)
        await visit.reset()

    async with Loopback(broken) as server:
        pipeline = Pipeline(
            Fallback(Deployment(OpenAI("sk-x", name="mine", base_url=server.url), "gpt-5.2")), Timeout()
        )
        asked = {"model": "gpt-5.2", "stream": True, "messages": CHAT["messages"]}
        async with (
            pipeline,
            httpx2.AsyncClient(transport=transport(pipeline)) as client,
            client.stream("POST", "https://api.openai.com/v1/chat/completions", json=asked) as answer,
        ):
            body = b"".join([chunk async for chunk in answer.aiter_bytes()])
    first, error, end = body.split(b"\n\n")
    assert json.loads(first.removeprefix(b"data: "))["choices"]
    assert json.loads(error.removeprefix(b"data: "))["error"]
    assert end == b""


async def test_the_bytes_of_a_stream_are_those_of_the_provider(library: Any, simulator: Simulator) -> None:
    """To the last one."""
    url = simulator.url("openai") + "/chat/completions"
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        ours = await client.post(url, json=asked)
    assert ours.headers["content-type"].startswith("text/event-stream")
    assert ours.text.endswith("data: [DONE]\n\n")
    assert '"usage":{' in ours.text.replace(" ", "")


async def test_all_else_passes_untouched(library: Any, simulator: Simulator) -> None:
    """Models and files, and what is no JSON, go to the address that the SDK has named, with its own key."""
    asked: list[Any] = []

    class Others:
        async def handle_async_request(self, request: Any) -> Any:
            asked.append((request.method, request.url.path, request.headers["authorization"]))
            return library.Response(204, request=request)

    headers = {"authorization": "Bearer sk-sdk"}
    async with (
        stack(simulator) as pipeline,
        library.AsyncClient(transport=transport(pipeline, others=Others()), headers=headers) as client,
    ):
        base = "https://api.openai.com/v1"
        await client.get(f"{base}/models")
        await client.post(f"{base}/files", content=b"...")
        await client.get(f"{base}/responses/resp_1")
        await client.post(f"{base}/chat/completions", content=b"no JSON")
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/v1/models"),
        ("POST", "/v1/files"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/chat/completions"),
    ]
    assert {key for *_, key in asked} == {"Bearer sk-sdk"}
    assert not simulator.requests


async def test_an_unknown_model_is_an_error_that_names_the_remedy(simulator: Simulator) -> None:
    """As 404, and nothing is sent; with `open=True` it is asked at the first provider."""
    asked = {**CHAT, "model": "gpt-5.4"}
    url = "https://api.openai.com/v1/chat/completions"
    async with (
        stack(simulator) as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as client,
    ):
        refused = await client.post(url, json=asked)
    assert refused.status_code == 404
    assert "open=True" in refused.json()["error"]["message"]
    assert not simulator.requests
    async with (
        stack(simulator, open=True) as pipeline,
        httpx2.AsyncClient(transport=transport(pipeline)) as client,
    ):
        assert (await client.post(url, json=asked)).status_code == 200
    assert body_of(simulator, 0)["model"] == "gpt-5.4"


async def test_a_target_of_another_wire_is_passed_over(simulator: Simulator) -> None:
    """One pipeline may serve several SDKs."""
    pipeline = Pipeline(
        Fallback(
            Anthropic("sk-a", base_url=simulator.url("anthropic")),
            OpenAI("sk-o", api="chat", base_url=simulator.url("openai")),
            Gemini("sk-g", base_url=simulator.url("gemini")),
        )
    )
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
        model = "models/gemini-3.6-flash"
        answer = await client.post(
            f"https://generativelanguage.googleapis.com/v1beta/{model}:generateContent",
            json={"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]},
        )
    assert answer.json()["candidates"]
    assert [each.provider for each in simulator.requests] == ["openai", "gemini"]


async def test_the_tenant_of_the_caller_has_its_own_circuit(simulator: Simulator) -> None:
    """As in a call of the pipeline."""
    simulator.play("openai", Status(503), Status(503))
    async with stack(simulator) as pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        with tenant("loud"):
            await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
        with tenant("quiet"):
            answer = await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert answer.status_code == 200
    assert {tenant for (tenant, _), _ in pipeline.circuits} == {"loud", "quiet"}


async def test_a_reader_that_leaves_gives_everything_back(library: Any, simulator: Simulator) -> None:
    """In the middle of a stream, and before its first content."""
    simulator.play("openai", Slow(pace=0.1), Silence())
    asked = {**CHAT, "stream": True}
    url = "https://api.openai.com/v1/chat/completions"
    async with stack(simulator) as pipeline, library.AsyncClient(transport=transport(pipeline)) as client:
        async with client.stream("POST", url, json=asked) as answer:
            await anext(answer.aiter_raw())
        task = asyncio.create_task(client.post(url, json=asked))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert_settled(pipeline)


async def test_a_stream_ends_with_the_client_that_reads_it(library: Any, simulator: Simulator) -> None:
    """Like a connection; its reader is told that it has failed, and not that the answer is whole."""
    simulator.play("openai", Slow(pace=0.1))
    url = "https://api.openai.com/v1/chat/completions"
    async with stack(simulator) as pipeline:
        client = library.AsyncClient(transport=transport(pipeline))
        request = client.build_request("POST", url, json={**CHAT, "stream": True})
        answer = await client.send(request, stream=True)
        reading = asyncio.ensure_future(answer.aread())
        await asyncio.sleep(0.15)
        await client.aclose()
        *_, last = (await reading).strip().split(b"\n\n")
        assert "client was closed" in json.loads(last.removeprefix(b"data: "))["error"]["message"]
        await settled(pipeline)


def test_a_pipeline_and_layers_are_one_too_many() -> None:
    """The error names what to give."""
    pipeline = Pipeline(Fallback(OpenAI("sk-x")))
    with pytest.raises(ConfigurationError, match="one pipeline"):
        transport(pipeline, Retry())


@pytest.mark.parametrize("wait", [math.inf, math.nan, 1.5])
async def test_a_layer_may_reject_for_any_time(wait: float) -> None:
    """What is no number of seconds is left out of the header."""

    class Rejecting(Layer):
        place = Place.CALL

        async def handle(self, call: Call, inner: Handler[Any]) -> Any:
            raise RejectedError("not now", retry_after=wait)

    pipeline = Pipeline(Rejecting(), Fallback(OpenAI("sk-x", api="chat")))
    async with pipeline, httpx2.AsyncClient(transport=transport(pipeline)) as client:
        answer = await client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert answer.status_code == 503
    assert answer.headers.get("retry-after") == ("2" if wait == 1.5 else None)


@pytest.mark.parametrize("given", ["openai/gpt-5.2", 5, Pipeline(Fallback(OpenAI("sk-x"))).sync])
def test_what_is_no_pipeline_is_named(given: Any) -> None:
    """Such as its face for code without async."""
    with pytest.raises(ConfigurationError, match=r"was given a \w+: give a Pipeline, or layers"):
        transport(given)


async def test_a_client_of_the_other_kind_is_told_which_transport_to_take() -> None:
    """Python would name a method that it does not have."""
    pipeline = Pipeline(Fallback(OpenAI("sk-x")))
    with pytest.raises(ConfigurationError, match=r"take sync_transport\(\.\.\.\) for a Client"):
        httpx.Client(transport=transport(pipeline)).get("http://here.invalid")
    with pytest.raises(ConfigurationError, match=r"take transport\(\.\.\.\) for an AsyncClient"):
        await httpx.AsyncClient(transport=sync_transport(pipeline)).get("http://here.invalid")


async def test_an_api_that_no_target_speaks_is_told_how_to(simulator: Simulator) -> None:
    """A server of one's own has the Responses API only if one says so."""
    pipeline = Pipeline(Fallback(OpenAI("sk-ours", base_url=simulator.url("openai"))))
    async with httpx.AsyncClient(transport=transport(pipeline)) as client:
        reply = await client.post(
            "https://api.openai.com/v1/responses", json={"model": "gpt-5.2", "input": "Hi"}
        )
    assert "write OpenAI(api='responses', base_url=...)" in reply.json()["error"]["message"]
