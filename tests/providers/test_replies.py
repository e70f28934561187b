"""What is kept of the HTTP reply of an answer: its JSON, its headers, the request's id and the limits."""

import copy
import dataclasses
import json
import pickle
from typing import Any

import httpx
import pytest

from ranvier import Pipeline, RateLimitError, ServerError, messages
from ranvier.errors import StreamInterruptedError
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import Fallback, Timeout
from ranvier.messages import Message, Reply, Request, Response
from ranvier.providers import OpenAI
from ranvier.simulator.wires.clouds.aws.frames import frames_of
from support.providers.asking import opened
from support.providers.beside import SENT, sse
from support.providers.seven import APIS, body, collected
from support.security.failing import KEY

each_provider = pytest.mark.parametrize("name", APIS)

LIMITS = {
    "X-RateLimit-Limit-Requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-remaining-tokens": "150",
}
HEADERS = {
    "X-Request-Id": "req_1",
    "Server": "cloudflare",
    **LIMITS,
    "set-cookie": "session=1",
    "x-api-key": "other",
    "authorization": "Bearer other",
    "x-amz-security-token": "other",
    "x-echo": f"you sent {KEY}, and {KEY[: len(KEY) // 2]}",
}
KEPT = Request((Message.user("Hi"),), keep_raw=True)


def replied(content: bytes, **headers: str) -> httpx.Response:
    """A reply with these headers besides those of `HEADERS`."""
    return httpx.Response(200, content=content, headers={**HEADERS, **headers})


async def streamed_answer(name: str, content: bytes, request: Any = "Hi") -> Response:
    """What a stream adds up to."""
    async with opened(APIS[name], replied(content)) as server:
        return collected(await server.stream(request, model="m", key=KEY), name)


async def whole_answer(name: str, content: bytes) -> Response:
    """What is read of a whole answer."""
    async with opened(APIS[name], replied(content)) as server:
        response: Response = await server.complete(model="m", key=KEY)
    return response


async def either_way(name: str) -> list[Response]:
    """An answer, whole and streamed."""
    whole = await whole_answer(name, body(name, "answer.json"))
    return [whole, await streamed_answer(name, body(name, "answer.stream"))]


# --- raw -----------------------------------------------------------------------------------------


@each_provider
async def test_the_body_of_a_whole_answer_is_kept(name: str) -> None:
    """As the provider sent it."""
    content = body(name, "answer.json")
    assert (await whole_answer(name, content)).raw == json.loads(content)


def events_of(name: str, content: bytes) -> list[Any]:
    """The JSON objects of a stream."""
    if name == "converse":
        return [{headers[":event-type"]: json.loads(payload)} for headers, payload in frames_of(content)]
    lines = content.decode().splitlines()
    texts = lines if name == "ollama" else [line[5:] for line in lines if line.startswith("data:")]
    return [json.loads(text) for text in texts if "{" in text]


@each_provider
async def test_the_events_of_a_stream_are_kept_if_they_are_requested(name: str) -> None:
    """By `keep_raw`; of the Responses API the whole response is kept anyway, as its last event has it."""
    content = SENT[name][1]
    events = events_of(name, content)
    whole = events[-1]["response"] if name == "responses" else None
    assert (await streamed_answer(name, content)).raw == whole
    assert (await streamed_answer(name, content, KEPT)).raw == (whole or events)


@each_provider
async def test_a_stream_that_breaks_has_what_has_arrived(name: str) -> None:
    """The events until then, and what the headers say."""
    content = SENT[name][1]
    begun = content[: len(content) * 2 // 3]
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: replied(begun))) as client:
        pipeline = Pipeline(Fallback(APIS[name](KEY, http_client=client)))
        async with pipeline, pipeline.stream("Hi", keep_raw=True) as stream:
            with pytest.raises(StreamInterruptedError) as caught:
                await stream.collect()
    received = caught.value.received
    assert received is not None
    events = events_of(name, content)
    assert received.raw
    assert received.raw == events[: len(received.raw)]
    assert len(received.raw) < len(events)
    assert received.request_id == "req_1"
    assert caught.value.attempts[-1].request_id == "req_1"


@pytest.mark.parametrize("keep_raw", [False, True])
async def test_an_answer_that_is_streamed_unasked_is_kept_as_a_stream(keep_raw: bool) -> None:
    """Some gateways always stream: then there is no body of a whole answer."""
    content = SENT["openai"][1]
    async with opened(APIS["openai"], replied(content)) as server:
        response: Response = await server.complete(KEPT if keep_raw else "Hi", model="m")
    assert response.text == "Sunny."
    assert response.service_tier == "flex"
    assert response.request_id == "req_1"
    assert response.raw == (events_of("openai", content) if keep_raw else None)


@pytest.mark.parametrize("name", ["anthropic", "responses"])
async def test_a_whole_answer_to_a_stream_is_kept_whole(name: str) -> None:
    """Some servers do not stream; nothing is lost of what they say beside the content."""
    answer, _, expected = SENT[name]
    response = await streamed_answer(name, json.dumps(answer).encode())
    assert response.raw == answer
    assert response.details == expected
    assert response.request_id == "req_1"


async def test_a_key_in_the_body_is_masked() -> None:
    """However it is spelled; nothing else is changed. What is no JSON without the key is not kept."""
    answer = {"id": KEY, "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "n": [1, None]}
    response = await whole_answer("openai", json.dumps(answer).encode())
    assert response.raw == {**answer, "id": "***"}
    chunk = {"id": "c", "note": KEY, "choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    response = await streamed_answer("openai", sse(chunk, "[DONE]"), KEPT)
    assert response.raw == [{**chunk, "note": "***"}]
    whole = {**SENT["responses"][0], "user": KEY}
    response = await streamed_answer("responses", sse({"type": "response.completed", "response": whole}))
    assert response.raw == {**whole, "user": "***"}


# --- headers -------------------------------------------------------------------------------------


@each_provider
async def test_headers_are_kept_without_secrets(name: str) -> None:
    """By names in lower case; cookies, keys and the like are left out, and the key of the call is masked."""
    for response in await either_way(name):
        headers = response.headers
        assert headers["server"] == "cloudflare"
        assert headers["x-request-id"] == "req_1"
        assert headers["x-echo"] == "you sent ***, and ***"
        assert not headers.keys() & {"set-cookie", "x-api-key", "authorization", "x-amz-security-token"}
        assert all(each == each.lower() for each in headers)
        assert KEY not in str(headers)


@each_provider
async def test_the_id_and_the_limits_are_read(name: str) -> None:
    """From the headers, on success as in an error."""
    for response in await either_way(name):
        assert response.request_id == "req_1"
        assert response.rate_limit == RateLimits(
            requests=RateLimit(10000, 9999, 0.006), tokens=RateLimit(None, 150, None)
        )


@pytest.mark.parametrize(
    "header",
    ["request-id", "x-request-id", "x-generation-id", "apim-request-id", "x-amzn-requestid", "x-log-id"],
)
async def test_the_id_of_each_provider_is_known(header: str) -> None:
    """Whichever header holds it."""
    plain = httpx.Response(200, content=body("openai", "answer.json"), headers={header: "id-1"})
    async with opened(APIS["openai"], plain) as server:
        assert (await server.complete()).request_id == "id-1"
    error = httpx.Response(500, json={"error": "no"}, headers={header: "id-2"})
    async with opened(APIS["openai"], error) as server:
        with pytest.raises(ServerError) as caught:
            await server.complete()
    assert caught.value.request_id == "id-2"


async def test_a_provider_that_says_nothing_has_none() -> None:
    """No limits and no id; and an answer from elsewhere has no headers."""
    async with opened(APIS["gemini"], httpx.Response(200, content=body("gemini", "answer.json"))) as server:
        response = await server.complete()
    assert (response.rate_limit, response.request_id) == (None, None)
    assert response.headers["content-length"]
    own = Response("Hi")
    assert (own.raw, own.headers, own.rate_limit, own.request_id) == (None, {}, None, None)


# --- it stays in its process ---------------------------------------------------------------------


@each_provider
async def test_nothing_of_a_reply_is_pickled_dumped_or_shown(name: str) -> None:
    """The rest of the answer is, its id included; a shallow copy is the same answer, with its reply."""
    marked = json.loads(body(name, "answer.json"))
    marked["zz"] = "only-in-raw"
    response = await whole_answer(name, json.dumps(marked).encode())
    assert "only-in-raw" in str(response.raw)
    dumped = messages.dump_response(response)
    pickled = pickle.dumps(response)
    everything = (repr(response), str(response), dumped, str(dataclasses.asdict(response)), str(pickled))
    for each in everything:
        assert "only-in-raw" not in each
        assert "cloudflare" not in each
        assert KEY not in each
    for other in (pickle.loads(pickled), copy.deepcopy(response), messages.load_response(dumped)):
        assert other == response
        assert (other.raw, other.headers, other.rate_limit) == (None, {}, None)
        assert other.request_id == "req_1"
        assert other.citations == response.citations
    assert copy.copy(response).raw is response.raw
    assert dataclasses.replace(response, text="").headers is response.headers


def test_a_reply_shows_nothing() -> None:
    """Neither headers nor JSON."""
    assert repr(Reply({"x": "secret"}, {"y": "secret"})) == "<Reply with 1 headers>"


# --- through a pipeline --------------------------------------------------------------------------


@pytest.mark.parametrize("collected", [False, True], ids=["whole", "collected"])
@pytest.mark.parametrize("keep_raw", [None, True])
async def test_a_call_keeps_raw_by_its_option(collected: bool, keep_raw: bool | None) -> None:
    """A limit on silence makes an answer a stream, and its events are kept only if the call says so."""

    def serve(request: httpx.Request) -> httpx.Response:
        streams = json.loads(request.content).get("stream")
        assert "keep_raw" not in json.loads(request.content)
        return replied(SENT["openai"][1] if streams else json.dumps(SENT["openai"][0]).encode())

    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:
        chat = OpenAI(KEY, http_client=client, api="chat")
        async with Pipeline(Fallback(chat), Timeout(60, first_token=30 if collected else None)) as pipeline:
            response = await pipeline.complete("Hi", keep_raw=keep_raw)
            async with pipeline.stream("Hi", keep_raw=keep_raw) as stream:
                async for event in stream:
                    last = event
    assert response.citations
    assert response.attempts[-1].request_id == response.request_id == "req_1"
    assert stream.response is not None
    assert stream.attempts[-1].request_id == "req_1"
    assert last.details is stream.response.details
    assert (stream.response.raw is not None) == bool(keep_raw)
    assert (response.raw is not None) == bool(keep_raw or not collected)
    story = response.story
    assert story is not None
    assert story.attempts[-1].request_id == "req_1"


async def test_an_error_is_told_as_before() -> None:
    """Its id is that of its own reply."""

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, json={"error": {"message": "slow"}}, headers={"x-request-id": "req_9"})

    async with opened(APIS["openai"], serve) as server:
        with pytest.raises(RateLimitError) as caught:
            await server.complete()
    assert caught.value.request_id == "req_9"
