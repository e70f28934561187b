"""Deadline: one bound for retries, sleeps, fallbacks and streams to their end."""

import asyncio
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    DeadlineExceededError,
    Layer,
    Pipeline,
    Place,
    RanvierError,
    ServerError,
    deadline,
)
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.scenes import time, turns

pytestmark = pytest.mark.virtual_time


def within(seconds: float | None, /, *providers: ScriptedProvider, **limits: Any) -> Pipeline:
    """The usual stack around `providers`, within a deadline."""
    return Pipeline(
        Deadline(seconds),
        Fallback(*providers),
        Retry(base_delay=1, jitter="none"),
        Breaker(failure_threshold=1),
        Timeout(**limits),
    )


@pytest.mark.parametrize("limits", [{}, {"idle": 50}], ids=["whole", "over a stream"])
async def test_it_ends_a_call_wherever_it_is(limits: dict[str, float]) -> None:
    """In a wait for the provider: at the moment itself, counting nothing, with what was tried."""
    silent = ScriptedProvider("only", [stall()])
    pipeline = within(5, silent, **limits)
    with pytest.raises(DeadlineExceededError) as failure:
        await pipeline.complete("Why?")
    assert time() == 5
    assert [each.outcome for each in failure.value.attempts] == ["deadline_exceeded"]
    assert pipeline.circuits.state("default", "only") == "closed"
    assert silent.in_progress == 0


async def test_it_covers_retries_and_fallbacks_together() -> None:
    """One bound for all of them: what the first target used is gone for the second."""
    first = ScriptedProvider("first", [after(3, broken())])
    second = ScriptedProvider("second", [after(3, "ok")])
    with pytest.raises(DeadlineExceededError) as failure:
        await within(5, first, second).complete("Why?")
    assert time() == 5
    assert [(each.target, each.outcome) for each in failure.value.attempts] == [
        ("first/scripted", "network"),
        ("second/scripted", "deadline_exceeded"),
    ]


async def test_it_is_raised_bare_and_never_retried() -> None:
    """Not inside a group, and no target is asked after it."""
    second = ScriptedProvider("second")
    with pytest.raises(DeadlineExceededError) as failure:
        await within(5, ScriptedProvider("first", [stall()]), second).complete("Why?")
    assert isinstance(failure.value, TimeoutError)
    assert second.calls == []


async def test_it_covers_a_stream_to_its_end() -> None:
    """Out of time in the middle, the reader gets what had come; it is no interrupted stream."""
    provider = ScriptedProvider("only", [stream("one ", after(3, "two"), stall())])
    pipeline = within(5, provider)
    async with pipeline.stream("Tell me.") as story:
        with pytest.raises(DeadlineExceededError) as failure:
            await story.collect()
    assert time() == 5
    assert failure.value.received.text == "one two"
    assert failure.value.received.finish_reason is None
    assert [each.outcome for each in failure.value.attempts] == ["deadline_exceeded"]
    assert pipeline.circuits.state("default", "only") == "closed"


async def test_it_runs_on_while_the_reader_holds_an_event() -> None:
    """At its moment the place is given back and the connection closed; the next read raises, once."""
    provider = ScriptedProvider("only", [stream("one", "two", stall())])
    pipeline = within(5, provider)
    story = await pipeline.stream("Tell me.")
    await anext(story)
    await asyncio.sleep(4.9)
    assert provider.in_progress == 1
    await asyncio.sleep(0.2)
    await turns()
    assert (provider.in_progress, story.ended) == (0, True)
    assert dict(pipeline.circuits)["default", "only"].in_flight == 0
    with pytest.raises(DeadlineExceededError) as failure:
        await anext(story)
    assert failure.value.received.text == "one"
    with pytest.raises(StopAsyncIteration):
        await anext(story)


@pytest.mark.parametrize(
    ("layer", "block", "call", "seconds"),
    [
        (9, None, None, 9),
        (9, 5, None, 5),
        (9, 5, 3, 3),
        (9, 50, 30, 9),
        (None, 5, None, 5),
        (None, 5, 7, 5),
        (None, None, 3, 3),
    ],
)
async def test_of_several_deadlines_the_earliest_counts(
    layer: float | None, block: float | None, call: float | None, seconds: float
) -> None:
    """The layer's, the enclosing block's, and the call's own."""
    pipeline = within(layer, ScriptedProvider("only", [stall()]))
    with deadline(1e9 if block is None else block), pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?", deadline=call)
    assert time() == seconds


async def test_a_tie_with_an_attempts_limit_is_the_deadlines() -> None:
    """Out of time for the whole call is out of time: nothing is counted and nobody else is asked."""
    second = ScriptedProvider("second")
    for limits in ({"seconds": 5}, {"first_token": 5}):
        began = time()
        with pytest.raises(DeadlineExceededError):
            await within(5, ScriptedProvider("first", [stall()]), second, **limits).complete("Why?")
        assert time() - began == 5
    assert second.calls == []


async def test_an_attempts_limit_before_it_leaves_time_for_the_next_target() -> None:
    """Each wait ends by the earlier of the two."""
    first = ScriptedProvider("first", [stall()])
    second = ScriptedProvider("second", [after(1, "ok")])
    assert (await within(5, first, second, seconds=3).complete("Why?")).provider == "second"
    with pytest.raises(AttemptTimeoutError):
        await within(5, first, seconds=3).complete("Why?")


async def test_two_deadline_layers_are_one() -> None:
    """The earlier."""
    pipeline = Pipeline(Deadline(9), Deadline(4), Fallback(ScriptedProvider("only", [stall()])))
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?")
    assert time() == 4


class Dawdler(Layer):
    """A user's layer that takes its time after a failure, and does not look at the clock."""

    place = Place.RETRY

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        try:
            return await inner(call)
        except RanvierError:
            await asyncio.sleep(10)
            raise


async def test_running_out_between_two_targets_tells_what_the_first_said() -> None:
    """Its error is the cause, and the second is not asked."""
    first = ScriptedProvider("first", [ServerError("down", provider="first")])
    second = ScriptedProvider("second")
    pipeline = Pipeline(Deadline(5), Fallback(first, second), Dawdler())
    with pytest.raises(
        DeadlineExceededError, match=r"after first/scripted failed \(server_error\)"
    ) as failure:
        await pipeline.complete("Why?")
    assert isinstance(failure.value.__cause__, ServerError)
    assert [each.outcome for each in failure.value.attempts] == ["server_error"]
    assert (time(), second.calls) == (10, [])


def test_it_shows_its_seconds() -> None:
    """As it was written."""
    assert repr(Deadline()) == "Deadline(seconds=60.0)"
    assert repr(Deadline(None)) == "Deadline(seconds=None)"
