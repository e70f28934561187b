"""A request that is refused for something with a known fix is sent once more, fixed, and the fix is kept."""

import asyncio
import gc
import json
from typing import Any

import httpx
import pytest

from ranvier import clock
from ranvier.errors import (
    ContextLengthError,
    InvalidRequestError,
    RanvierError,
    ServerError,
    UnsupportedRequestError,
)
from ranvier.layers import Timeout
from ranvier.providers._repairs import repairs as _repairs
from ranvier.testing import run
from support.providers.openai_apis import Chat
from support.providers.repairs import TEMPERATURE, WORDS, adjusted, at, piped, refusal, server, tuned, without
from support.providers.seven import APIS, body

every_wire = pytest.mark.parametrize("name", APIS)
either_way = pytest.mark.parametrize("way", ["complete", "stream"])


@every_wire
@either_way
async def test_a_refused_setting_is_left_out_once_and_remembered(ask: Any, name: str, way: str) -> None:
    """The fixed request is answered, listeners know of it, and the next one is right at once."""
    path = TEMPERATURE[name]
    async with ask(APIS[name], server(name, without(path))) as asked:
        for requests in (2, 3):
            await getattr(asked, way)(tuned(temperature=0.3, max_tokens=99), model="a-model")
            assert len(asked.requests) == requests
            assert adjusted(asked) == [("temperature", "left out")] * (requests - 1)
    first, second, third = (json.loads(each.content) for each in asked.requests)
    assert at(first, path) == 0.3
    assert second == third
    assert at(second, path) is None
    assert {**second, path[0]: None} == {**first, path[0]: None}  # everything else is as it was


async def test_what_a_model_needs_is_not_done_for_another(ask: Any) -> None:
    """Fixes are remembered for the model that needed them."""
    async with ask(Chat, server("openai", without(("temperature",)))) as asked:
        await asked.complete(tuned(temperature=0.3), model="a")
        await asked.complete(tuned(temperature=0.3), model="b")
    assert [at(json.loads(each.content), ("temperature",)) for each in asked.requests] == [0.3, None] * 2


async def test_the_second_refusal_is_raised(ask: Any) -> None:
    """One fix an attempt: what is refused again is refused, and nothing wrong is remembered."""
    async with ask(Chat, refusal(WORDS)) as asked:
        for _ in range(2):
            with pytest.raises(InvalidRequestError):
                await asked.complete(tuned(temperature=0.3), model="m")
    assert [at(json.loads(each.content), ("temperature",)) for each in asked.requests] == [0.3, None] * 2


async def test_a_fix_that_led_to_another_complaint_is_remembered(ask: Any) -> None:
    """A server that complains of one field at a time is asked rightly from the third call on."""

    def refuses(fields: Any) -> httpx.Response | None:
        for name in ("seed", "top_p"):
            if name in fields:
                return refusal(
                    f"Unsupported parameter: '{name}' is not supported with this model.", param=name
                )
        return None

    async with ask(Chat, server("openai", refuses)) as asked:
        request = tuned(top_p=0.5, extra={"seed": 1})
        with pytest.raises(UnsupportedRequestError):
            await asked.complete(request, model="m")
        await asked.complete(request, model="m")
        await asked.complete(request, model="m")
    assert len(asked.requests) == 5


async def test_what_is_no_refusal_of_a_setting_is_not_sent_again(ask: Any) -> None:
    """Faults, wrong keys, missing models and complaints about the conversation have no fix here."""
    for reply in (
        refusal(WORDS, 500),
        refusal(WORDS, 401),
        refusal(WORDS, 429),
        refusal("The model `m` does not exist", 404, code="model_not_found"),
        refusal("messages.0.content.1.temperature: extra inputs are not permitted"),
        refusal("Invalid value", param="messages[0].content"),
        refusal("temperature"),
        httpx.Response(400, content=b"<html>temperature is not supported</html"),
        httpx.Response(400, content=b""),
    ):
        async with ask(Chat, reply) as asked:
            with pytest.raises(RanvierError):
                await asked.complete(tuned(temperature=0.3), model="m")
            sent = len(asked.requests)
        assert sent == 1


async def test_the_fault_of_the_fixed_request_is_its_own(ask: Any) -> None:
    """A server that fails after the fix is a failing server; the next call tries the fix anew."""
    replies = iter([refusal(WORDS), httpx.Response(503, json={"error": {"message": "busy"}})])
    async with ask(Chat, lambda request: next(replies)) as asked:
        with pytest.raises(ServerError):
            await asked.complete(tuned(temperature=0.3), model="m")


async def test_what_is_remembered_is_bounded_and_forgotten(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models that were fixed first are forgotten first, and every one after an hour."""
    monkeypatch.setattr(_repairs, "MAX_MODELS", 2)
    now = 0.0
    monkeypatch.setattr(_repairs.clock, "now", lambda: now)
    async with ask(Chat, server("openai", without(("temperature",)))) as asked:

        async def requests(model: str) -> int:
            before = len(asked.requests)
            await asked.complete(tuned(temperature=0.3), model=model)
            return len(asked.requests) - before

        assert [await requests(model) for model in "abab"] == [2, 2, 1, 1]
        assert [await requests(model) for model in "cba"] == [2, 1, 2]
        now = _repairs.REMEMBERED_SECONDS
        assert [await requests(model) for model in "aa"] == [2, 1]


async def test_the_callers_own_options_are_not_touched(ask: Any) -> None:
    """A fix is made to a copy: what a deployment or a call holds stays as it is."""
    options = {"generationConfig": {"temperature": 0.3, "topK": 4}}
    async with ask(APIS["gemini"], server("gemini", without(("generationConfig", "temperature")))) as asked:
        for _ in range(2):
            await asked.complete("Hi", model="m", options=options)
    assert options == {"generationConfig": {"temperature": 0.3, "topK": 4}}
    assert len(asked.requests) == 3


@pytest.mark.parametrize("engine", ["httpx", "aiohttp"])
@either_way
async def test_either_engine_sends_the_fixed_request(loopback: Any, over: Any, engine: str, way: str) -> None:
    """On the connection of the refused one, which is read to its end and given back."""

    async def script(visit: Any) -> None:
        if '"temperature"' in visit.body:
            words = json.dumps({"error": {"message": WORDS}})
            await visit.answer(words, status="400 Bad Request")
        else:
            which = "answer.stream" if way == "stream" else "answer.json"
            await visit.answer(body("openai", which))

    async with loopback(script) as place, over(Chat, place, engine=engine) as asked:
        await getattr(asked, way)(tuned(temperature=0.3), model="m")
        await getattr(asked, way)(tuned(temperature=0.3), model="m")
        assert (len(place.visits), place.accepted) == (3, 1)


# --- within a pipeline ---------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["whole", "streamed", "over a stream"])
async def test_a_fix_is_one_attempt_and_no_retry(way: str) -> None:
    """The record has one attempt, which succeeded, and no retry was spent."""
    heard: list[Any] = []
    layers = (Timeout(first_token=5),) if way == "over a stream" else ()
    pipeline = piped(server("openai", without(("temperature",))), listeners=[heard.append], layers=layers)
    async with pipeline:
        if way == "streamed":
            async with pipeline.stream("Hi", temperature=0.3, tenant="acme") as stream:
                assert [event async for event in stream]
            response = stream.response
        else:
            response = await pipeline.complete("Hi", temperature=0.3, tenant="acme")
    assert [each.outcome for each in response.attempts] == ["succeeded"]
    (event,) = heard
    assert (event.name, event.parameter, event.change) == ("request_adjusted", "temperature", "left out")
    assert (event.tenant, event.provider, event.model) == ("acme", "openai", "m")


def test_a_fix_has_no_more_time_than_the_attempt() -> None:
    """Both requests share the limits of the attempt."""

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3)
        return server("openai", without(("temperature",)))(request)

    async def scene() -> None:
        async with piped(slow, layers=(Timeout(5),)) as pipeline:
            began = clock.now()
            with pytest.raises(RanvierError) as caught:
                await pipeline.complete("Hi", temperature=0.3)
            assert caught.value.kind == "timeout"
            assert clock.now() - began == 5

    run(scene())


async def test_a_fix_leaves_nothing_behind(ask: Any) -> None:
    """No ring of frames and errors: what a refused request held is gone with its error."""
    async with ask(Chat, refusal(WORDS)) as asked:
        gc.collect()
        gc.disable()
        try:
            for _ in range(2):
                with pytest.raises(InvalidRequestError):
                    await asked.complete(tuned(temperature=0.3), model="m")
            kept = [each for each in gc.get_objects() if type(each).__name__ == "Repair"]
        finally:
            gc.enable()
    assert not kept


async def test_a_prompt_that_fills_the_window_is_not_squeezed(ask: Any) -> None:
    """Where the prompt is what does not fit, the error says so at once."""
    words = (
        "This model's maximum context length is 2048 tokens. You requested 2100 (2000 in the messages, 100)."
    )
    async with ask(Chat, refusal(words)) as asked:
        with pytest.raises(ContextLengthError):
            await asked.complete(tuned(max_tokens=100), model="m")
    assert len(asked.requests) == 1
