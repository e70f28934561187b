"""Traps around streams: who ends them, what that counts, and whose time it was."""

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import (
    SIGN_OF_LIFE,
    ConnectionFailedError,
    FinishReason,
    OverloadedError,
    Pipeline,
    StreamEvent,
    StreamInterruptedError,
    Usage,
)
from ranvier.layers import Fallback, Retry, Timeout
from ranvier.pipeline import Call, Guard, Outcome, PendingStream, Permit
from ranvier.testing import ScriptedProvider, broken, cut, stall, stream
from support.scenes import BreakerScene, turns

pytestmark = pytest.mark.virtual_time

QUICK_RETRY = Retry(max_retries=2, base_delay=0)


# --- T36: the reader stops -----------------------------------------------------------------------


async def break_out(pending: PendingStream) -> None:
    async with pending as answer:
        async for _ in answer:
            break


async def close(pending: PendingStream) -> None:
    answer = await pending
    await anext(answer)
    await answer.aclose()
    await answer.aclose()


async def drop(pending: PendingStream) -> None:
    answer = await pending
    await anext(answer)
    del answer
    gc.collect()
    await turns()


async def drop_unread(pending: PendingStream) -> None:
    answer = await pending
    del answer
    gc.collect()
    await turns()


async def drop_the_iterator(pending: PendingStream) -> None:
    async for _ in pending:
        break
    gc.collect()
    await turns()


async def raise_within(pending: PendingStream) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with pending as answer:
            await anext(answer)
            raise ZeroDivisionError


@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
@pytest.mark.parametrize("leave", [break_out, close, drop, drop_unread, drop_the_iterator, raise_within])
async def test_t36_a_stream_that_its_reader_leaves_is_closed_and_counts_nothing(
    leave: Callable[[PendingStream], Any],
) -> None:
    """The provider's side is closed, the place given back once, and the streak of failures is as before."""
    scene = BreakerScene([broken(), stream("one", "two", stall())], failure_threshold=3)
    await scene.fail()
    await leave(scene.pipeline.stream("Tell me.", tenant="acme"))
    assert (scene.provider.in_progress, scene.provider.cancelled) == (0, 1)
    assert (scene.circuit().in_flight, scene.circuit().failures) == (0, 1)
    assert scene.provider.calls[1].record.attempts[0].outcome == "abandoned"
    assert scene.pipeline.lifecycle.in_flight == (0, 0)


async def test_t36_an_error_of_the_provider_before_the_first_content_closes_the_stream() -> None:
    """A stream that never came to its hand-out leaves nothing behind."""
    scene = BreakerScene([stream(BEGINNING, broken())])
    with pytest.raises(ConnectionFailedError):
        await scene.pipeline.stream("Tell me.", tenant="acme")
    assert (scene.provider.in_progress, scene.circuit().in_flight) == (0, 0)


# --- T37, T38: the provider breaks it ------------------------------------------------------------


@pytest.mark.parametrize(("end", "reason"), [(cut(), "invalid_response"), (broken(), "network")])
async def test_t37_a_stream_cut_after_its_hand_out_is_told_once_with_what_had_come(
    end: Exception, reason: str
) -> None:
    """Nothing is repeated silently, one failure is counted, and the error carries text and usage."""
    usage = Usage(input=7, output=2, total=9)
    scene = BreakerScene(
        [stream("one ", StreamEvent(usage=usage), "two", end)], outer=[QUICK_RETRY], failure_threshold=5
    )
    story = await scene.pipeline.stream("Tell me.", tenant="acme")
    assert [(await anext(story)).text for _ in range(3)] == ["one ", "", "two"]
    with pytest.raises(StreamInterruptedError) as failure:
        await anext(story)
    assert len(scene.provider.calls) == 1
    assert scene.circuit().failures == 1
    error = failure.value
    assert (error.reason, type(error.__cause__)) == (reason, type(end))
    assert (error.received.text, error.received.usage) == ("one two", usage)
    assert error.received.finish_reason is None
    assert [each.outcome for each in error.attempts] == ["stream_dropped"]


async def test_t37_after_the_break_a_stream_is_at_its_end() -> None:
    """It breaks once; who reads on finds nothing more."""
    scene = BreakerScene([stream("one", cut())])
    story = await scene.pipeline.stream("Tell me.", tenant="acme")
    with pytest.raises(StreamInterruptedError):
        await story.collect()
    with pytest.raises(StopAsyncIteration):
        await anext(story)
    await story.aclose()
    assert scene.circuit().total_opens == 1


OVERLOADED = OverloadedError("Overloaded", provider="", in_stream=True)
BEGINNING = StreamEvent(id="msg_1", usage=Usage(input=7, complete=False))


async def test_t38_an_error_inside_a_200_is_retried_while_nobody_has_seen_anything() -> None:
    """An id, a usage report or a ping is nothing yet."""
    scene = BreakerScene(
        [stream(SIGN_OF_LIFE, BEGINNING, SIGN_OF_LIFE, OVERLOADED), "ok"],
        outer=[QUICK_RETRY],
        failure_threshold=5,
    )
    async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
        assert (await story.collect()).text == "ok"
    assert [each.outcome for each in story.attempts] == ["overloaded", "succeeded"]
    assert len(scene.provider.calls) == 2


async def test_t38_an_error_inside_a_200_is_told_once_something_was_seen() -> None:
    """It interrupts the stream with its own kind, and counts."""
    scene = BreakerScene([stream(BEGINNING, "one", OVERLOADED)], outer=[QUICK_RETRY], failure_threshold=5)
    with pytest.raises(StreamInterruptedError) as failure:
        async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
            await story.collect()
    assert (failure.value.reason, failure.value.received.text) == ("overloaded", "one")
    assert len(scene.provider.calls) == 1
    assert scene.circuit().failures == 1


# --- T40: exactly one settlement, at the end -----------------------------------------------------


class CountingPermit(Permit):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Outcome | str] = []

    def settle(self, outcome: Outcome) -> None:
        self.told.append(outcome)

    def proved(self) -> None:
        self.told.append("proved")


class CountingGuard(Guard):
    """Admits everyone, and remembers the permits."""

    def __init__(self) -> None:
        self.permits: list[CountingPermit] = []

    def admit(self, call: Call) -> Permit:
        self.permits.append(CountingPermit())
        return self.permits[-1]


class Counted:
    """A pipeline with such a guard around one provider."""

    def __init__(self, *script: Any) -> None:
        self.guard = CountingGuard()
        self.pipeline = Pipeline(
            Fallback(ScriptedProvider("only", script)), QUICK_RETRY, self.guard, Timeout(idle=5)
        )

    @property
    def told(self) -> list[list[Outcome | str]]:
        return [permit.told for permit in self.guard.permits]


async def test_t40_a_whole_answer_settles_each_admission_once() -> None:
    """Every retry is an admission of its own."""
    counted = Counted(broken(), cut(), "ok")
    await counted.pipeline.complete("Why?")
    assert counted.told == [[Outcome.FAILED], [Outcome.FAILED], [Outcome.SUCCEEDED]]


async def test_t40_a_stream_is_no_success_before_its_terminal_event() -> None:
    """Its hand-out proves that the provider answers, and settles nothing."""
    counted = Counted(stream("one", "two", StreamEvent(finish_reason=FinishReason.STOP)))
    async with counted.pipeline.stream("Tell me.") as story:
        await anext(story)
        await anext(story)
        assert counted.told == [["proved"]]
        await story.collect()
        assert counted.told == [["proved", Outcome.SUCCEEDED]]
    assert counted.told == [["proved", Outcome.SUCCEEDED]]


@pytest.mark.parametrize(
    ("end", "outcome", "recorded"),
    [
        (cut(), Outcome.FAILED, "stream_dropped"),
        (stall(), Outcome.FAILED, "stream_dropped"),
        ("", Outcome.SUCCEEDED, "succeeded"),
    ],
)
async def test_t40_a_stream_settles_once_however_it_ends(end: Any, outcome: Outcome, recorded: str) -> None:
    """Reading on after the end, closing it and dropping it add nothing, and leave its record as it is."""
    counted = Counted(stream("one", end))
    story = await counted.pipeline.stream("Tell me.")
    with contextlib.suppress(StreamInterruptedError):
        await story.collect()
    with pytest.raises(StopAsyncIteration):
        await anext(story)
    await story.aclose()
    (attempt,) = story.attempts
    del story
    gc.collect()
    assert counted.told == [["proved", outcome]]
    assert attempt.outcome == recorded


async def test_t40_streams_that_break_before_their_end_open_the_circuit() -> None:
    """Two that were handed out and cut are two failures in a row."""
    scene = BreakerScene([stream("one", cut())], failure_threshold=2)
    for _ in range(2):
        with pytest.raises(StreamInterruptedError):
            await (await scene.pipeline.stream("Tell me.", tenant="acme")).collect()
    assert scene.state() == "open"
