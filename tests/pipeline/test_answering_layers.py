"""Layers that answer themselves (a cache, a stale answer), and layers that misbehave."""

import asyncio
import gc
from typing import Any

import pytest

from ranvier import FinishReason, Layer, LayerError, Pipeline, RanvierError, Response, ServerError, Usage
from ranvier.events import CallEnded
from ranvier.layers import Breaker, Fallback
from ranvier.messages import ToolCall
from ranvier.testing import ScriptedProvider, assert_settled

pytestmark = pytest.mark.virtual_time


class Answering(Layer):
    """Returns, raises or calls whatever it was given."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def handle(self, call: Any, inner: Any) -> Any:
        if callable(self.answer):
            return await self.answer(call, inner)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def pipeline_of(answer: Any, *script: Any) -> Pipeline:
    return Pipeline(Answering(answer), Fallback(ScriptedProvider("one", script or ["hello"])), Breaker())


def endings_of(pipeline: Pipeline) -> list[str]:
    endings: list[str] = []
    pipeline.events.add(
        lambda event: endings.append(event.outcome) if isinstance(event, CallEnded) else None, verbose=True
    )
    return endings


async def stale(call: Any, inner: Any) -> Any:
    try:
        return await inner(call)
    except RanvierError:
        return Response(text="stale")


HIT = Response(
    "from the cache",
    (ToolCall("1", "f", {"a": 1}),),
    "a thought",
    FinishReason.TOOL_CALLS,
    usage=Usage(1, 2, 3),
    model="m",
    provider="p",
    id="r1",
)


# --- whole answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [HIT, stale])
async def test_a_call_that_a_layer_answers_has_succeeded(answer: Any) -> None:
    """Whatever its attempts came to, and also where there was none."""
    pipeline = pipeline_of(answer, ServerError("down", provider="one"))
    endings = endings_of(pipeline)
    response = await pipeline.complete("Hi")
    assert response.text in ("from the cache", "stale")
    assert endings == ["succeeded"]
    assert response.story is not None
    assert response.story.outcome == "succeeded"
    assert response.explain().startswith("succeeded")


async def test_an_answer_given_again_leaves_that_of_earlier_callers_alone() -> None:
    """A cache hands out one object many times; each caller's has the record of its own call."""
    kept: list[Response] = []

    async def cache(call: Any, inner: Any) -> Any:
        if not kept:
            kept.append(await inner(call))
        return kept[0]

    pipeline = pipeline_of(cache)
    first = await pipeline.complete("Hi", tenant="acme")
    record, attempts = first.record, first.attempts
    others = [await pipeline.complete("Hi", tenant=name) for name in ("globex", "initech")]
    assert first.record is record
    assert first.attempts == attempts
    assert len(attempts) == 1
    assert [other.attempts for other in others] == [(), ()]
    assert len({id(each) for each in (first, *others)}) == 3


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_layers_answer_is_read_by_the_schema(streaming: bool) -> None:
    """A cache that keeps texts need not know of schemas; what does not fit names the layer."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    async def ask(text: str) -> Response:
        pipeline = pipeline_of(Response(text))
        if streaming:
            async with pipeline.stream("Hi", schema=schema) as stream:
                return await stream.collect()
        return await pipeline.complete("Hi", schema=schema)

    assert (await ask('{"a": 1}')).parsed == {"a": 1}
    with pytest.raises(LayerError, match="Answering failed: its answer does not match the schema"):
        await ask('{"b": 1}')


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [HIT, stale])
async def test_a_response_for_a_stream_is_read_as_one(answer: Any) -> None:
    """Its steps come as events; at the end `response` is the answer itself."""
    pipeline = pipeline_of(answer, ServerError("down", provider="one"))
    endings = endings_of(pipeline)
    async with pipeline.stream("Hi") as stream:
        events = [event async for event in stream]
    assert stream.response is not None
    assert "".join(event.text for event in events) == stream.response.text
    assert [event.finish_reason for event in events if event.finish_reason] == [stream.response.finish_reason]
    assert endings == ["succeeded"]
    assert stream.story.outcome == "succeeded"
    assert_settled(pipeline)


async def test_a_streamed_answer_of_a_layer_keeps_everything() -> None:
    """Words, thoughts, tool calls, tokens, and who gave it; the layer's own object is not touched."""
    async with pipeline_of(HIT).stream("Hi") as stream:
        response = await stream.collect()
    assert response is not HIT
    assert HIT.record is None
    for name in ("text", "tool_calls", "reasoning", "finish_reason", "usage", "model", "provider", "id"):
        assert getattr(response, name) == getattr(HIT, name)


async def test_a_streamed_answer_of_a_layer_may_be_left_early() -> None:
    """Then the call is abandoned, and nothing is left."""
    pipeline = pipeline_of(HIT)
    endings = endings_of(pipeline)
    async with pipeline.stream("Hi") as stream:
        await anext(stream)
        assert stream.received.reasoning == "a thought"
    assert endings == ["abandoned"]
    assert pipeline.lifecycle.in_flight == (0, 0)


async def test_an_outer_layer_sees_a_stream_whoever_answered() -> None:
    """So it may register on it, or transform it."""
    ended: list[Any] = []

    async def outer(call: Any, inner: Any) -> Any:
        stream = await inner(call)
        stream.on_end(ended.append)
        stream.transform(lambda event: [event, event])
        return stream

    pipeline = Pipeline(Answering(outer), Answering(Response("twice ")), Fallback(ScriptedProvider("one")))
    async with pipeline.stream("Hi") as stream:
        assert (await stream.collect()).text == "twice twice "
    assert len(ended) == 1


# --- nonsense ------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("answer", [None, "words", 7])
async def test_what_is_no_answer_is_an_error_that_names_the_layer(answer: Any, streaming: bool) -> None:
    """It fails where it was returned, and not somewhere inside ours."""

    async def nonsense(call: Any, inner: Any) -> Any:
        return answer

    pipeline = pipeline_of(nonsense)
    with pytest.raises(LayerError, match=rf"Answering failed: it returned a {type(answer).__name__}"):
        await pipeline.stream("Hi") if streaming else await pipeline.complete("Hi")
    assert_settled(pipeline)


async def test_a_stream_for_a_whole_answer_is_no_answer() -> None:
    """A layer may turn a whole answer into a stream, and not the other way round."""

    async def other_form(call: Any, inner: Any) -> Any:
        streaming = call.afresh()
        streaming.streaming = True
        return await inner(streaming)

    with pytest.raises(LayerError, match="returned a ResponseStream instead of a Response"):
        await pipeline_of(other_form).complete("Hi")


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cancellation_that_nobody_asked_for_is_the_failure_of_the_layer(streaming: bool) -> None:
    """Else a task group around the call would take it for its own."""
    pipeline = pipeline_of(asyncio.CancelledError())
    with pytest.raises(LayerError, match="Answering failed: it raised a CancelledError") as caught:
        await pipeline.stream("Hi") if streaming else await pipeline.complete("Hi")
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)
    assert not caught.value.fails_over
    assert not caught.value.counts_against_provider


async def test_a_cancellation_from_outside_travels_through_a_layer() -> None:
    """The caller always wins."""

    async def waits(call: Any, inner: Any) -> Any:
        await asyncio.sleep(60)

    task = asyncio.create_task(pipeline_of(waits).complete("Hi"))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_layer_that_does_not_await_is_told_to(recwarn: pytest.WarningsRecorder) -> None:
    """And Python says nothing of a coroutine that the user has never seen."""

    async def forgetful(call: Any, inner: Any) -> Any:
        return inner(call)

    with pytest.raises(LayerError, match=r"returned a coroutine instead of a Response: await inner\(call\)"):
        await pipeline_of(forgetful).complete("Hi")
    gc.collect()
    assert not recwarn
