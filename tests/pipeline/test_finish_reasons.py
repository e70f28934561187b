"""Finish reasons that come early, often or late: what the reader of a stream gets, and when it is whole."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    FinishReason,
    Pipeline,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    Usage,
)
from ranvier.layers import Fallback, Timeout
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, after, broken, ping, stall, stream

pytestmark = pytest.mark.virtual_time

STOP = StreamEvent(finish_reason=FinishReason.STOP, raw_finish_reason="end")
LENGTH = StreamEvent(finish_reason=FinishReason.LENGTH)
COUNTED = StreamEvent(usage=Usage(1, 2, 3))


def pipeline_of(*steps: Any, **limits: Any) -> Pipeline:
    return Pipeline(Fallback(ScriptedProvider("only", [stream(*steps)])), Timeout(**limits))


async def read(*steps: Any) -> list[StreamEvent]:
    """The events that a reader gets of these."""
    async with pipeline_of(*steps).stream("Why?") as answer:
        return [event async for event in answer]


def now() -> float:
    return asyncio.get_running_loop().time()


# --- what the reader gets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        (["one", STOP], STOP),
        (["one", STOP, COUNTED], dataclasses.replace(STOP, usage=COUNTED.usage)),
        (["one", STOP, STOP, LENGTH], LENGTH),
        ([STOP, "one", LENGTH], LENGTH),
        ([StreamEvent(text="one", finish_reason=FinishReason.LENGTH)], LENGTH),
        (["one", LENGTH, StreamEvent(raw_finish_reason="max")],
         dataclasses.replace(LENGTH, raw_finish_reason="max")),
    ],
    ids=["once", "usage_after", "repeated", "before", "beside", "raw_apart"],
)  # fmt: skip
async def test_the_finish_reason_is_the_last_event_and_comes_once(
    steps: list[Any], last: StreamEvent
) -> None:
    """With the usage of the whole answer, whatever the provider said before."""
    events = await read(*steps)
    assert events == [StreamEvent(text="one"), last]


async def test_content_takes_a_finish_reason_back() -> None:
    """A reader that stops at a finish reason has the whole answer."""
    both = StreamEvent(text="two", finish_reason=FinishReason.STOP, usage=Usage(1, 1, 2))
    events = await read("one", LENGTH, both, "three", STOP)
    assert [event.text for event in events] == ["one", "two", "three", ""]
    assert [event.finish_reason for event in events] == [None, None, None, FinishReason.STOP]
    assert events[-1].usage == Usage(1, 1, 2)


async def test_a_function_that_returns_has_ended_well() -> None:
    """Its last finish reason counts, also where words came after it."""

    async def steps(call: Any) -> AsyncIterator[StreamEvent | str]:
        yield LENGTH
        yield "all of it"

    provider = FunctionProvider("f", stream=steps)
    for pipeline in (Pipeline(Fallback(provider)), Pipeline(Fallback(provider), Timeout(idle=5))):
        answer = await pipeline.complete("Why?")
        assert (answer.text, answer.finish_reason) == ("all of it", FinishReason.LENGTH)
    async with pipeline.stream("Why?") as streamed:
        assert (await streamed.collect()).finish_reason is FinishReason.LENGTH


# --- when it is handed out -----------------------------------------------------------------------


async def test_a_finish_reason_before_any_content_hands_nothing_out() -> None:
    """The first words do, or the end where there are none."""
    async with pipeline_of(STOP, after(7, "words"), STOP, first_token=9).stream("Why?") as answer:
        assert now() == 7
        assert (await answer.collect()).text == "words"
    with pytest.raises(AttemptTimeoutError, match="no content within 9 s"):
        await pipeline_of(STOP, stall(), first_token=9).stream("Why?")
    with pytest.raises(ServerError):
        await pipeline_of(STOP, ServerError("no", provider="only")).stream("Why?")
    async with pipeline_of(STOP).stream("Why?") as answer:
        assert [event.finish_reason async for event in answer] == [FinishReason.STOP]
        assert answer.attempts[0].first_token == 0


# --- what is whole -------------------------------------------------------------------------------

EARLY = [
    ["one", STOP, "two"],
    ["one", STOP, "two", STOP],
    ["one", STOP, StreamEvent(text="two", finish_reason=FinishReason.STOP)],
    [STOP],
    [StreamEvent(reasoning="hm"), STOP],
]


@pytest.mark.parametrize("steps", EARLY)
async def test_an_error_after_an_early_finish_reason_is_an_error(steps: list[Any]) -> None:
    """Nothing is known to be whole: `complete()` fails, and so does a stream."""
    for failure in (ServerError("no", provider="only"), broken()):
        with pytest.raises(type(failure)):
            await pipeline_of(*steps, failure, idle=9).complete("Why?")
    with pytest.raises((StreamInterruptedError, ServerError)) as caught:
        await read(*steps, ServerError("no", provider="only"))
    if isinstance(caught.value, StreamInterruptedError):
        assert caught.value.received.text in ("", "onetwo")


async def test_what_a_broken_stream_had_received_has_no_finish_reason_that_was_taken_back() -> None:
    """`received` says that the model had not stopped."""
    with pytest.raises(StreamInterruptedError) as caught:
        await read("one", STOP, "two", broken())
    received = caught.value.received
    assert (received.finish_reason, received.raw_finish_reason) == (None, None)


@pytest.mark.parametrize("steps", EARLY)
async def test_silence_after_an_early_finish_reason_is_an_error(steps: list[Any]) -> None:
    """It is not taken for the end, as it is after a finish reason of which nothing is known but good."""
    with pytest.raises(AttemptTimeoutError):
        await pipeline_of(*steps, stall(), idle=30, first_token=30).complete("Why?")
    assert now() == 30


async def test_the_answer_goes_on_after_a_long_pause() -> None:
    """Where the finish reason before it has to be taken for an early one."""
    answer = await pipeline_of("one", STOP, "two", STOP, after(8, "three"), idle=9).complete("Why?")
    assert answer.text == "onetwothree"
    assert now() == 8


@pytest.mark.parametrize("failure", [ServerError("no", provider="only"), broken(), stall()])
@pytest.mark.parametrize(
    "steps",
    [["one", STOP], ["one", STOP, COUNTED], [LENGTH], [StreamEvent(reasoning="hm"), LENGTH]],
    ids=["words", "usage", "nothing_for_its_length", "thoughts_for_their_length"],
)
async def test_what_breaks_after_the_only_finish_reason_does_not_matter(
    steps: list[Any], failure: Any
) -> None:
    """The answer is whole: nothing waits for its end for longer than five seconds."""
    answer = await pipeline_of(*steps, failure, idle=30, first_token=30).complete("Why?")
    assert answer.finish_reason is (FinishReason.STOP if steps[0] == "one" else FinishReason.LENGTH)
    assert now() <= 5


async def test_the_five_seconds_begin_with_the_finish_reason() -> None:
    """However long it was waited for, and whatever pings come after it."""
    pings = [after(2, ping()) for _ in range(5)]
    answer = await pipeline_of("one", *pings, STOP, after(4, COUNTED), *pings, idle=3).complete("Why?")
    assert (answer.usage, now()) == (COUNTED.usage, 19)
