"""Layers that change what the reader of a stream sees."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from ranvier import DeadlineExceededError, FinishReason, Layer, LayerError, Pipeline, StreamEvent, Usage
from ranvier.layers import Breaker, Deadline, Fallback
from ranvier.messages import Native, Text
from ranvier.pipeline.streaming.transform import MAX_EVENTS
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, after, assert_settled, stream

pytestmark = pytest.mark.virtual_time

USAGE = Usage(3, 4, 7)


class Transforming(Layer):
    """Lets functions change what a stream shows; each call has functions of its own."""

    def __init__(self, make: Callable[[], tuple[Any, ...]]) -> None:
        self.make = make

    async def handle(self, call: Any, inner: Any) -> Any:
        answer = await inner(call)
        if call.streaming:
            answer.transform(*self.make())
        return answer


def pipeline_of(*layers: Layer, steps: Any = ("Hel", "lo")) -> Pipeline:
    usage = StreamEvent(usage=USAGE)
    end = StreamEvent(finish_reason=FinishReason.STOP)
    return Pipeline(
        *layers,
        Fallback(ScriptedProvider("one", [stream(*steps, end, usage)])),
        Breaker(failure_threshold=1),
    )


def shouting() -> tuple[Any, ...]:
    return (lambda event: dataclasses.replace(event, text=event.text.upper()),)


def doubling() -> tuple[Any, ...]:
    return (lambda event: [event, event],)


def redacting() -> tuple[Any, ...]:
    """Replaces a word, also where it was cut in two: holds back what may be the beginning of it."""
    held = ""

    def redact(event: StreamEvent) -> StreamEvent | None:
        nonlocal held
        text = (held + event.text).replace("secret", "***")
        cut = next((n for n in range(len(text)) if "secret".startswith(text[n:])), len(text))
        held = text[cut:]
        return StreamEvent(text=text[:cut]) if cut else None

    def rest() -> StreamEvent:
        return StreamEvent(text=held)

    return redact, rest


async def a_sec(call: Any) -> AsyncIterator[str]:
    yield "a sec"


async def test_the_reader_and_the_response_have_what_a_layer_shows() -> None:
    """The first content included, which had come before the layer saw the stream."""
    pipeline = pipeline_of(Transforming(shouting))
    async with pipeline.stream("Hi") as answer:
        texts = [event.text async for event in answer if event.text]
    assert texts == ["HEL", "LO"]
    assert answer.response is not None
    assert answer.response.text == "HELLO"
    assert answer.response.usage == USAGE
    assert answer.response.message.text == "HELLO"


@pytest.mark.parametrize(
    "steps", [("a se", "cret b"), ("a secret b",), tuple("a secret b"), ("a ", "secret b", "")]
)
async def test_a_word_cut_in_two_can_be_held_back(steps: Any) -> None:
    """And what is still held at the end comes before the finish reason."""
    pipeline = pipeline_of(Transforming(redacting), steps=(*steps, " sec"))
    async with pipeline.stream("Hi") as answer:
        events = [event async for event in answer]
    assert "".join(event.text for event in events) == "a *** b sec"
    finish = [number for number, event in enumerate(events) if event.finish_reason is not None]
    assert len(finish) == 1
    assert not any(event.has_content for event in events[finish[0] :])
    assert answer.response is not None
    assert answer.response.text == "a *** b sec"


async def test_inner_layers_come_first() -> None:
    """What the inner one makes is what the outer one sees, what it held back included."""
    seen: list[str] = []

    def noting() -> tuple[Any, ...]:
        def note(event: StreamEvent) -> StreamEvent:
            seen.append(event.text)
            return event

        return (note,)

    pipeline = pipeline_of(Transforming(noting), Transforming(redacting), steps=("x", "se"))
    async with pipeline.stream("Hi") as answer:
        await answer.collect()
    assert seen == ["x", "se"]


async def test_a_function_that_ends_a_stream_without_a_finish_reason_is_flushed_too() -> None:
    """A provider's generator may end by returning."""
    pipeline = Pipeline(Transforming(redacting), Fallback(FunctionProvider("one", stream=a_sec)))
    async with pipeline.stream("Hi") as answer:
        assert "".join([event.text async for event in answer]) == "a sec"
    assert answer.response is not None
    assert answer.response.text == "a sec"


async def test_what_only_the_provider_understands_stays_in_the_history() -> None:
    """A transform changes what is shown, and loses nothing of the rest."""
    signed = StreamEvent(parts=[Native("one", {"signature": "s"})])
    async with pipeline_of(Transforming(doubling), steps=("a", signed, "b")).stream("Hi") as answer:
        response = await answer.collect()
    assert response.parts == (Text("aa"), *signed.parts, Text("bb"))


# --- functions that fail -------------------------------------------------------------------------


def endless(event: StreamEvent) -> Iterator[StreamEvent]:
    while True:
        yield event


def fails_with(error: BaseException) -> Callable[[StreamEvent], Any]:
    def fail(event: StreamEvent) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (fails_with(ValueError("quotes the prompt")), "raised ValueError"),
        (fails_with(asyncio.CancelledError()), "raised CancelledError"),
        (lambda event: "words", "returned a str"),
        (lambda event: [event, 7], "returned a int"),
        (lambda event: 7, "raised TypeError"),
        (endless, f"more than {MAX_EVENTS} events"),
    ],
)
async def test_a_function_that_fails_is_the_failure_of_its_layer(function: Any, words: str) -> None:
    """The error names it and quotes nothing; no provider is blamed, and everything is given back."""
    pipeline = pipeline_of(Transforming(lambda: (function,)))
    async with pipeline.stream("Hi") as answer:
        with pytest.raises(LayerError, match=words) as caught:
            await answer.collect()
    assert "prompt" not in str(caught.value)
    assert caught.value.layer
    assert caught.value.received is not None
    assert answer.story.outcome == "layer"
    assert pipeline.circuits.state("default", "one") == "closed"
    assert_settled(pipeline)


async def test_a_flush_that_fails_does_too() -> None:
    """Also where the provider ends without a finish reason."""

    def fail() -> Any:
        raise ValueError

    pipeline = Pipeline(
        Transforming(lambda: (lambda event: event, fail)),
        Fallback(FunctionProvider("one", stream=a_sec)),
        Breaker(failure_threshold=1),
    )
    async with pipeline.stream("Hi") as answer:
        with pytest.raises(LayerError, match="raised ValueError"):
            await answer.collect()
    assert pipeline.circuits.state("default", "one") == "closed"
    assert_settled(pipeline)


async def test_the_deadline_runs_on_and_drops_what_was_not_read() -> None:
    """Events that are ready when the time is over are not handed out any more."""
    pipeline = pipeline_of(Deadline(5), Transforming(doubling), steps=("a", after(1, "b")))
    async with pipeline.stream("Hi") as answer:
        assert (await anext(answer)).text == "a"
        await asyncio.sleep(10)
        with pytest.raises(DeadlineExceededError) as caught:
            await anext(answer)
    assert caught.value.received is not None
    assert caught.value.received.text == "aa"
