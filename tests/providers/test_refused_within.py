"""A refusal told in an answer of status 200 is fixed as one told by its status: once, and remembered."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ranvier.errors import RanvierError, UnsupportedRequestError
from ranvier.layers import Timeout
from ranvier.messages import Message, Native, Request, Text
from ranvier.providers import Anthropic, OpenRouter
from support.providers.bedrock_apis import as_frame
from support.providers.five_wires import WIRES
from support.providers.openai_apis import Chat
from support.providers.repairs import TEMPERATURE, WORDS, adjusted, at, piped, server, tuned
from support.providers.seven import body, collected

pytestmark = pytest.mark.virtual_time

REFUSED = {"error": {"message": WORDS, "type": "invalid_request_error", "code": 400}}


def event(body: Any, name: str = "") -> bytes:
    """An event of a stream, or a line of one."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(body).encode() + b"\n\n"


def line(name: str, body: Any) -> bytes:
    """The same, as that wire has it."""
    if name == "converse":
        return as_frame({"error": body["error"]})
    return json.dumps(body).encode() + b"\n" if name == "ollama" else event(body)


def begun(name: str) -> bytes:
    """The beginning of a stream that has not said anything yet."""
    if name == "anthropic":
        return event({"type": "message_start", "message": {"id": "first", "usage": {"input_tokens": 3}}})
    if name == "responses":
        return event({"type": "response.created", "response": {"id": "first", "status": "in_progress"}})
    if name == "gemini":
        return event({"candidates": [], "responseId": "first"})
    if name == "converse":
        return as_frame({"messageStart": {"role": "assistant"}})
    if name == "ollama":
        return b'{"model": "m", "message": {"content": ""}, "done": false}\n'
    return b": wait\n\n" + event(
        {"id": "first", "choices": [{"delta": {"role": "assistant", "content": ""}}]}
    )


FORMS: dict[str, Callable[[str], bytes]] = {
    "JSON": lambda name: json.dumps(REFUSED).encode(),
    "a bare error": lambda name: json.dumps({"object": "error", "message": WORDS, "code": 400}).encode(),
    "a list": lambda name: json.dumps([REFUSED]).encode(),
    "an event": lambda name: line(name, REFUSED),
    "an event by its name": lambda name: line(name, {"type": "error", **REFUSED}),
    "after the beginning": lambda name: begun(name) + line(name, REFUSED),
}
"""How a server tells a refusal without a status."""

each_wire = pytest.mark.parametrize("name", WIRES)
each_form = pytest.mark.parametrize("form", FORMS)
each_way = pytest.mark.parametrize("way", ["complete", "stream"])


def refusing(name: str, content: bytes, path: tuple[str, ...] | None = None) -> Callable[..., httpx.Response]:
    """A server that refuses a temperature with that body and status 200."""
    place = path or TEMPERATURE[name]

    def refuses(fields: Any) -> httpx.Response | None:
        return httpx.Response(200, content=content) if at(fields, place) is not None else None

    return server(name, refuses)


@each_wire
@each_form
@each_way
async def test_the_request_is_fixed_and_the_fix_is_remembered(
    ask: Any, name: str, form: str, way: str
) -> None:
    """The fixed request is answered, listeners know of it, and the next one is right at once."""
    async with ask(WIRES[name].kind, refusing(name, FORMS[form](name))) as asked:
        for requests in (2, 3):
            answer = await getattr(asked, way)(tuned(temperature=0.3), model="a-model")
            words = answer.text if way == "complete" else "".join(each.text for each in answer)
            assert words == "Sunny, 21 °C."
            assert len(asked.requests) == requests
            assert adjusted(asked) == [("temperature", "left out")] * (requests - 1)


@each_wire
@each_way
async def test_a_fix_that_does_not_help_is_made_once(ask: Any, name: str, way: str) -> None:
    """The refusal is raised, and nothing wrong is remembered."""
    content = FORMS["JSON" if way == "complete" else "an event"](name)
    async with ask(WIRES[name].kind, httpx.Response(200, content=content)) as asked:
        for _ in range(2):
            with pytest.raises(UnsupportedRequestError) as caught:
                await getattr(asked, way)(tuned(temperature=0.3), model="a-model")
            assert (caught.value.status, caught.value.in_stream) == (200, way == "stream")
    sent = [at(json.loads(each.content), TEMPERATURE[name]) for each in asked.requests]
    assert sent == [0.3, None] * 2


@each_wire
async def test_what_is_refused_after_words_is_not_asked_again(ask: Any, name: str) -> None:
    """They have been handed out."""
    wire = WIRES[name]
    pieces = {"anthropic": 3, "responses": 3, "converse": 2}
    said = wire.written(wire.pieces("hello")[: pieces.get(name, 1)]).replace(b"data: [DONE]\n\n", b"")
    async with ask(wire.kind, refusing(name, said + line(name, REFUSED))) as asked:
        with pytest.raises(RanvierError):
            await asked.stream(tuned(temperature=0.3), model="a-model")
        assert len(asked.requests) == 1


@each_way
async def test_one_field_at_a_time_is_learned(ask: Any, way: str) -> None:
    """A server that complains of one field at a time, by its status or not, is asked rightly later."""

    def refuses(fields: Any) -> httpx.Response | None:
        for name, status in (("seed", 200), ("top_p", 400), ("logit_bias", 200)):
            if name in fields:
                words = f"Unsupported parameter: '{name}' is not supported with this model."
                error = {"message": words, "code": 400, "param": name}
                return httpx.Response(status, json={"error": error})
        return None

    request = tuned(top_p=0.5, extra={"seed": 1, "logit_bias": {}})
    async with ask(Chat, server("openai", refuses)) as asked:
        for _ in range(2):
            with pytest.raises(UnsupportedRequestError):
                await getattr(asked, way)(request, model="m")
        await getattr(asked, way)(request, model="m")
        await getattr(asked, way)(request, model="m")
    assert len(asked.requests) == 7


@each_way
async def test_the_name_of_a_limit_and_opaque_parts_are_fixed_too(ask: Any, way: str) -> None:
    """Whatever has a fix."""
    words = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
    )
    error = {"error": {"message": words, "param": "max_tokens", "code": "unsupported_parameter"}}
    place = {"base_url": "https://gateway.test"}
    content = event(error) if way == "stream" else json.dumps(error).encode()
    async with ask(Chat, refusing("openai", content, ("max_tokens",)), **place) as asked:
        await getattr(asked, way)(tuned(max_tokens=9), model="m")
        assert json.loads(asked.requests[-1].content)["max_completion_tokens"] == 9
    thought = Native("anthropic", {"type": "thinking", "thinking": "Hm.", "signature": "SIG"})
    history = Request((Message.user("q"), Message("assistant", (thought, Text("a"))), Message.user("q")))
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"
    refusal: dict[str, Any] = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    content = event(refusal, "error") if way == "stream" else json.dumps(refusal).encode()

    def refuses(fields: Any) -> httpx.Response | None:
        return httpx.Response(200, content=content) if "SIG" in json.dumps(fields) else None

    async with ask(Anthropic, server("anthropic", refuses)) as asked:
        for requests in (2, 3):
            await getattr(asked, way)(history)
            assert len(asked.requests) == requests


async def test_the_error_of_a_choice_is_a_refusal(ask: Any) -> None:
    """As OpenRouter tells what its upstream says."""
    choice = {"error": REFUSED["error"], "finish_reason": "error", "delta": {"content": ""}}
    async with ask(OpenRouter, refusing("openrouter", event({"choices": [choice]}))) as asked:
        assert await asked.stream(tuned(temperature=0.3), model="m")
    choice = {"error": REFUSED["error"], "finish_reason": "error", "message": {"content": ""}}
    content = json.dumps({"choices": [choice]}).encode()
    async with ask(OpenRouter, refusing("openrouter", content)) as asked:
        assert await asked.complete(tuned(temperature=0.3), model="m")


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
async def test_the_id_is_that_of_the_answer(ask: Any, streamed: Any, name: str) -> None:
    """And not that of the stream which was refused, though it has been told."""

    def refuses(fields: Any) -> httpx.Response | None:
        refused = streamed(begun(name), line(name, REFUSED))
        return refused if at(fields, TEMPERATURE[name]) is not None else None

    async with ask(WIRES[name].kind, server(name, refuses)) as asked:
        answer = collected(await asked.stream(tuned(temperature=0.3), model="a-model"))
    assert answer.text == "Sunny, 21 °C."
    assert answer.id not in (None, "first")


@pytest.mark.parametrize("way", ["whole", "streamed", "over a stream"])
async def test_a_fix_within_an_answer_is_one_attempt(way: str) -> None:
    """The record has one attempt, which succeeded, and no retry was spent."""
    layers = (Timeout(first_token=5),) if way == "over a stream" else ()
    serve = refusing("openai", FORMS["JSON" if way == "whole" else "an event"]("openai"))
    async with piped(serve, layers=layers) as pipeline:
        if way == "streamed":
            async with pipeline.stream("Hi", temperature=0.3, tenant="acme") as stream:
                assert [event async for event in stream]
            response = stream.response
        else:
            response = await pipeline.complete("Hi", temperature=0.3, tenant="acme")
    assert response.text == "Sunny, 21 °C."
    assert [each.outcome for each in response.attempts] == ["succeeded"]


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
@each_way
async def test_either_engine_sends_the_fixed_request(loopback: Any, over: Any, engine: str, way: str) -> None:
    """Whatever is left of the refused answer."""

    async def script(visit: Any) -> None:
        if '"temperature"' in visit.body:
            await visit.begin_stream(event(REFUSED))
            await visit.gone() if way == "stream" else await visit.chunk(b"")
        else:
            await visit.answer(body("openai", "answer.stream" if way == "stream" else "answer.json"))

    async with loopback(script) as place, over(Chat, place, engine=engine) as asked:
        await getattr(asked, way)(tuned(temperature=0.3), model="m")
        await getattr(asked, way)(tuned(temperature=0.3), model="m")
        assert len(place.visits) == 3
