"""What verbose listeners hear of every call: its attempts and its end, once each."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel, model_validator

from ranvier import InvalidResponseError, Pipeline, RanvierError, Response
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler, Layer, Place
from ranvier.testing import ScriptedProvider, after, broken, cut, recorded_events, stall, stream

pytestmark = pytest.mark.virtual_time


def pipeline_of(*targets: Any, **limits: Any) -> Pipeline:
    return Pipeline(
        Deadline(20), Fallback(*targets), Retry(max_retries=1, base_delay=1, jitter="none"), Breaker(),
        Timeout(seconds=5, **limits),
    )  # fmt: skip


async def heard_of(pipeline: Pipeline, work: Awaitable[Any]) -> list[Any]:
    heard: list[Any] = []
    pipeline.events.add(heard.append, verbose=True)
    with suppress(RanvierError, asyncio.CancelledError):
        await work
    return heard


async def test_they_are_told_in_order() -> None:
    """Between the start and the end of an attempt, what it led to comes after it."""
    pipeline = pipeline_of(ScriptedProvider("one", [after(1, broken())] * 2), ScriptedProvider("two"))
    heard = await heard_of(pipeline, pipeline.complete("Why?"))
    assert [event.name for event in heard] == [
        *("attempt_started", "attempt_ended", "retry", "attempt_started", "attempt_ended", "fallback"),
        *("attempt_started", "attempt_ended", "call_ended"),
    ]
    ends = [event.attempt for event in heard if event.name == "attempt_ended"]
    assert [(each.target, each.outcome) for each in ends] == [
        ("one/scripted", "network"),
        ("one/scripted", "network"),
        ("two/scripted", "succeeded"),
    ]
    assert (heard[-1].provider, heard[-1].outcome, heard[-1].streaming) == ("two", "succeeded", False)


async def test_other_listeners_hear_only_what_is_out_of_the_ordinary() -> None:
    """So that a call that goes well costs them nothing."""
    heard: list[Any] = []
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), listeners=[heard.append])
    await pipeline.complete("Why?")
    assert heard == []


ENDS: dict[str, Any] = {
    "answered": "fine",
    "refused": broken(),
    "too late": stall(),
    "unfit": Response("{}"),
    "cut": stream("a", cut()),
    "silent": stream("a", stall()),
}


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("step", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("leaving", [None, 0.0, 2.0], ids=["stays", "leaves at once", "leaves"])
async def test_every_call_and_every_attempt_ends_once(
    step: Any, streaming: bool, leaving: float | None
) -> None:
    """However it ends, and whoever leaves; the last word on an attempt is that of the record."""
    pipeline = pipeline_of(ScriptedProvider("one", [step] * 2), ScriptedProvider("two", [step] * 2), idle=3)
    schema = {"type": "object", "required": ["x"]} if isinstance(step, Response) else None

    async def ask() -> None:
        if not streaming:
            await pipeline.complete("Why?", schema=schema)
            return
        async with pipeline.stream("Why?", schema=schema) as answer:
            await answer.collect()

    task = asyncio.create_task(heard_of(pipeline, ask()))
    if leaving is not None:
        asyncio.get_running_loop().call_later(leaving, task.cancel)
    heard = await task
    names = Counter(event.name for event in heard)
    assert names["attempt_started"] == names["attempt_ended"]
    if names["attempt_started"] or leaving is None:
        assert names["call_ended"] == 1
        assert heard[-1].name == "call_ended"
        ended = [event.attempt for event in heard if event.name == "attempt_ended"]
        assert ended == list(heard[-1].story.attempts)
    await pipeline.aclose()


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
async def test_a_stream_that_is_dropped_ends_its_call() -> None:
    """Nobody closes it, and nobody has to."""
    pipeline = pipeline_of(ScriptedProvider("one", [stream("a", "b", stall())]))
    with recorded_events(pipeline) as events:
        answer = await pipeline.stream("Why?")
        await anext(answer)
        del answer
        await asyncio.sleep(0.1)
    ends = [event for event in events.all() if event.name == "call_ended"]
    assert [event.outcome for event in ends] == ["abandoned"]  # type: ignore[attr-defined]


class Grumpy(Layer):
    """Has seen the answer, and does not like it."""

    place = Place.CALL

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        """Fail, whatever comes."""
        await inner(call)
        raise InvalidResponseError("I do not like it", provider="grumpy")


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
async def test_a_layer_that_fails_after_the_answer_ends_the_call_once(streaming: bool) -> None:
    """The stream that it throws away tells of its attempt, and no more of the call."""
    pipeline = Pipeline(Grumpy(), Fallback(ScriptedProvider("one", [stream("a", "b")])))
    with recorded_events(pipeline) as events:
        with pytest.raises(InvalidResponseError):
            await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))
        await asyncio.sleep(0.1)
    assert Counter(event.name for event in events.all()) == {
        "attempt_started": 1,
        "attempt_ended": 1,
        "call_ended": 1,
    }


class Picky(BaseModel):
    """A form whose validator breaks."""

    @model_validator(mode="before")
    @classmethod
    def break_off(cls, given: Any) -> Any:
        """Not a word of pydantic's."""
        raise RuntimeError("a bug of the user's")


async def test_an_attempt_ends_where_a_validator_of_the_users_breaks() -> None:
    """Who counts what is in flight counts right."""
    pipeline = pipeline_of(ScriptedProvider("one", ["{}"]))
    with recorded_events(pipeline) as events, pytest.raises(RuntimeError):
        await pipeline.complete("Why?", schema=Picky)
    assert [event.name for event in events.all()] == ["attempt_started", "attempt_ended", "call_ended"]
