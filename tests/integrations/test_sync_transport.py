"""The transport for SDKs' clients that are not asynchronous does what the other one does."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import httpx2
import pytest

from ranvier import ConfigurationError, Deployment, Pipeline, tenant
from ranvier.integrations import sync_transport
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import OpenAI, Stub
from ranvier.simulator import Cut, Fine, Reset, Rule, Simulator, Slow, Status
from ranvier.testing import assert_settled
from support.simulator.threaded import simulator_in_thread

CHAT = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "Why?"}]}
STREAMED = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulator_in_thread() as running:
        yield running


def stack(simulator: Simulator, **settings: Any) -> Pipeline:
    """OpenAI, and its endpoint in Europe, which has another key and another model."""
    url = simulator.url("openai")
    first = OpenAI("sk-first", api="chat", base_url=url)
    europe = OpenAI("sk-europe", api="chat", base_url=url, name="europe")
    return Pipeline(
        Deadline(10),
        Fallback(Deployment(first, "gpt-5.2"), Deployment(europe, "gpt-5.2-mini"), **settings),
        Retry(max_retries=0),
        Breaker(failure_threshold=1),
        Timeout(first_token=5),
    )


@pytest.mark.parametrize("asked", [CHAT, STREAMED], ids=["whole", "streamed"])
def test_another_endpoint_answers(asked: Any, library: Any, simulator: Simulator) -> None:
    """With its own key and model; everything else is as the SDK has written it."""
    simulator.play("openai", Status(503))
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        answer = client.post(URL, json=asked, headers={"authorization": "Bearer sk-sdk"})
        assert answer.status_code == 200
        assert "europe" in answer.extensions["ranvier"].explain()
        assert_settled(pipeline)
    keys = [each.headers["authorization"] for each in simulator.requests]
    assert keys == ["Bearer sk-first", "Bearer sk-europe"]
    assert simulator.requests[1].body == {**asked, "model": "gpt-5.2-mini"}


def test_a_whole_answer_is_that_of_the_provider(library: Any, simulator: Simulator) -> None:
    """To the last byte: it is what the client reads without us, too."""
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        answer = client.post(URL, json=CHAT).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"].startswith("gpt-5.2")


def test_a_stream_is_that_of_the_provider(library: Any, simulator: Simulator) -> None:
    """Each event once, whole, and in order, while the loop reads ahead in its own thread."""
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        with client.stream("POST", URL, json=STREAMED) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            pieces = list(answer.iter_bytes())
        text = answer.extensions["ranvier"].response.text
    *events, done, end = b"".join(pieces).split(b"\n\n")
    assert (done, end) == (b"data: [DONE]", b"")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    deltas = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    assert "".join(deltas) == text
    assert chunks[-1]["usage"]


@pytest.mark.parametrize("fault", [Cut(after=3), Reset(after=3)], ids=["cut", "reset"])
def test_a_stream_that_breaks_ends_with_an_error(fault: Any, library: Any, simulator: Simulator) -> None:
    """In the words of its wire, and after whole events: it never looks like a clean end."""
    simulator.play("openai", fault)
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        events = client.post(URL, json=STREAMED).content.split(b"\n\n")
    assert events[-1] == b""
    assert events[-2].startswith(b'data: {"error"')
    for event in events[:-1]:
        json.loads(event.removeprefix(b"data: "))


def test_the_providers_own_error_and_ours_are_handed_back(library: Any, simulator: Simulator) -> None:
    """Each as an error of the wire, which the SDK does not retry."""
    simulator.add(Rule(Status(429, retry_after=40)))
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        theirs = client.post(URL, json=CHAT)
        ours = client.post(URL, json={**CHAT, "model": "gpt-9"})
    assert (theirs.status_code, ours.status_code) == (429, 404)
    assert "open=True" in ours.json()["error"]["message"]
    assert {answer.headers["x-should-retry"] for answer in (theirs, ours)} == {"false"}


def test_all_else_passes_untouched(library: Any, simulator: Simulator) -> None:
    """Models, and what is no JSON, go to the address that the SDK has named, with its own key."""
    asked: list[Any] = []

    class Others:
        def handle_request(self, request: Any) -> Any:
            asked.append((request.method, request.url.path, request.headers["authorization"]))
            return library.Response(204, request=request)

    pipeline = stack(simulator)
    through = sync_transport(pipeline, others=Others())
    with pipeline.sync, library.Client(transport=through, headers={"authorization": "sk-sdk"}) as client:
        client.get("https://api.openai.com/v1/models")
        client.post(URL, content=b"no JSON")
    assert asked == [("GET", "/v1/models", "sk-sdk"), ("POST", "/v1/chat/completions", "sk-sdk")]
    assert not simulator.requests


def test_a_reader_that_leaves_gives_everything_back(library: Any, simulator: Simulator) -> None:
    """In the middle of a stream."""
    simulator.play("openai", Slow(pace=0.1))
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        with client.stream("POST", URL, json=STREAMED) as answer:
            next(answer.iter_raw())
        assert_settled(pipeline)


def test_a_stream_ends_with_the_client_that_reads_it(library: Any, simulator: Simulator) -> None:
    """Its reader is told that it has failed, and nothing stays open."""
    simulator.play("openai", Slow(pace=0.1))
    pipeline = stack(simulator)
    with pipeline.sync, ThreadPoolExecutor(1) as pool:
        client = library.Client(transport=sync_transport(pipeline))
        answer = client.send(client.build_request("POST", URL, json=STREAMED), stream=True)
        reading = pool.submit(answer.read)
        threading.Event().wait(0.15)
        client.close()
        *_, last = reading.result(5).strip().split(b"\n\n")
        assert "client was closed" in json.loads(last.removeprefix(b"data: "))["error"]["message"]
        assert_settled(pipeline)


def test_the_time_of_an_answer_is_known(library: Any, simulator: Simulator) -> None:
    """As SDKs and hooks want it, of a whole answer, a stream and an error."""
    simulator.play("openai", Fine(), Fine(), Status(400))
    pipeline = stack(simulator)
    with pipeline.sync, library.Client(transport=sync_transport(pipeline)) as client:
        for asked in (CHAT, STREAMED, CHAT):
            assert client.post(URL, json=asked).elapsed.total_seconds() > 0


def test_many_threads_share_it(simulator: Simulator) -> None:
    """Each has its own tenant, and its own answer."""
    pipeline = stack(simulator)
    names = [f"t{number}" for number in range(8)]
    together = threading.Barrier(len(names))

    def ask(name: str) -> str:
        together.wait()
        with tenant(name):
            return client.post(URL, json=STREAMED).text

    with pipeline.sync, httpx2.Client(transport=sync_transport(pipeline)) as client:
        with ThreadPoolExecutor(len(names)) as pool:
            texts = list(pool.map(ask, names))
        assert {tenant for (tenant, _), _ in pipeline.sync.circuits} == set(names)
    assert all(text.endswith("data: [DONE]\n\n") for text in texts)


def test_it_closes_a_pipeline_of_its_own_only(simulator: Simulator) -> None:
    """One that it was given is its owner's to close."""
    given = stack(simulator)
    with httpx2.Client(transport=sync_transport(given)) as client:
        client.post(URL, json=CHAT)
    assert given.sync.run(given.open_here) is None
    given.sync.close()
    through = sync_transport(*given.layers)
    with httpx2.Client(transport=through) as client:
        assert client.post(URL, json=CHAT).status_code == 200
    with pytest.raises(ConfigurationError, match="closed"):
        through.pipeline.sync.complete("Why?")
    with pytest.raises(ConfigurationError, match="one pipeline"):
        sync_transport(given, Retry())


def test_an_answer_that_is_not_of_a_provider_is_an_error(simulator: Simulator) -> None:
    """It would not be in the words of the SDK's API, and nothing stays open."""
    simulator.play("openai", Status(503))
    openai = OpenAI("sk-x", api="chat", base_url=simulator.url("openai"))
    pipeline = Pipeline(Fallback(Deployment(openai, "gpt-5.2"), Stub("hello")), Retry(0))
    with pipeline.sync, httpx2.Client(transport=sync_transport(pipeline)) as client:
        answer = client.post(URL, json=CHAT)
        assert_settled(pipeline)
    assert answer.status_code == 503
    assert "words of its API" in answer.json()["error"]["message"]
