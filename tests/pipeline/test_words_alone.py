"""Steps that are words alone, as adapters tell most of a stream: every limit is met to the second."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    DeadlineExceededError,
    FinishReason,
    Pipeline,
    StreamEvent,
    StreamInterruptedError,
)
from ranvier.layers import Deadline, Fallback, Timeout
from ranvier.messages.collector import Collector, Step
from ranvier.providers._reading.streamed import AnswerStream
from ranvier.testing import ScriptedProvider

pytestmark = pytest.mark.virtual_time

FINISH = StreamEvent(finish_reason=FinishReason.STOP)
FOREVER = 1e6


class Speaking(ScriptedProvider):
    """A provider that says each of `steps` so many seconds after the one before."""

    def __init__(self, *steps: tuple[float, Step]) -> None:
        super().__init__("only")
        self.steps = steps

    def stream(self, call: Any) -> AnswerStream:  # type: ignore[override]
        return AnswerStream(self._chunks())

    async def _chunks(self) -> AsyncGenerator[list[Step], None]:
        for seconds, step in self.steps:
            await asyncio.sleep(seconds)
            yield [step]


class Flood(Speaking):
    """One that leaves the loop no time to turn."""

    async def _chunks(self) -> AsyncGenerator[list[Step], None]:
        while True:
            asyncio.get_running_loop().jump(0.5)  # type: ignore[attr-defined]  # because: it has virtual time
            yield ["more "]


def words(count: int, every: float) -> list[tuple[float, Step]]:
    return [(every, "more ")] * count


def time() -> float:
    return asyncio.get_running_loop().time()


async def answered(provider: Speaking, whole: float | None = None, **limits: Any) -> str:
    limits = {"idle": FOREVER, **limits}  # so that it travels over a stream
    return (await Pipeline(Deadline(whole), Fallback(provider), Timeout(**limits)).complete("Why?")).text


async def test_words_are_the_answer_whole_and_streamed() -> None:
    """Nobody sees that they were no events; a reader is given events."""
    provider = Speaking((0, "a"), (0, "b"), (0, StreamEvent(reasoning="r")), (0, "c"), (0, FINISH))
    assert await answered(provider) == "abc"
    async with Pipeline(Fallback(provider)).stream("Why?") as events:
        assert [(event.text, event.reasoning) async for event in events] == [
            *(("a", ""), ("b", ""), ("", "r"), ("c", "")),
            ("", ""),
        ]
        assert events.response is not None
        assert events.response.text == "abc"


async def test_words_are_signs_of_life() -> None:
    """An answer may take many times `idle`."""
    assert await answered(Speaking(*words(10, 4), (4, FINISH)), idle=5) == "more " * 10
    assert time() == 44


@pytest.mark.parametrize("count", [1, 2, 7])
async def test_silence_is_measured_from_the_last_words(count: int) -> None:
    """The timer was set for the first ones, and rings at the right moment after the last ones."""
    with pytest.raises(AttemptTimeoutError) as raised:
        await answered(Speaking(*words(count, 4), (FOREVER, "late")), idle=5)
    assert (raised.value.phase, time()) == ("idle", 4 * count + 5)


async def test_the_first_words_end_the_wait_for_them() -> None:
    """Before them `first_token` bounds it, after them `idle`, which is the shorter one here."""
    with pytest.raises(AttemptTimeoutError) as raised:
        await answered(Speaking((9, "one"), (1, "two"), (3, "late")), first_token=10, idle=2)
    assert (raised.value.phase, time()) == ("idle", 12)


@pytest.mark.parametrize("provider", [Speaking(*words(99, 1)), Flood()])
async def test_words_do_not_outrun_the_attempt_and_the_deadline(provider: Speaking) -> None:
    """Neither where the loop turns between them nor where it never does."""
    with pytest.raises(AttemptTimeoutError) as raised:
        await answered(provider, seconds=10.5, idle=2)
    assert (raised.value.phase, time()) == ("attempt", 10.5)
    with pytest.raises(DeadlineExceededError):
        await answered(provider, whole=10.5, idle=2)
    assert time() == 21


async def test_words_do_not_outrun_the_limits_of_a_reader() -> None:
    """The same for a stream."""
    pipeline = Pipeline(Fallback(Speaking(*words(3, 1), (FOREVER, "late"))), Timeout(idle=2))
    async with pipeline.stream("Why?") as events:
        with pytest.raises(StreamInterruptedError):
            await events.collect()
    assert time() == 5


async def test_words_after_a_finish_reason_take_it_back() -> None:
    """As any content does: its usage is waited for no longer, but its silence is bounded by `idle` again."""
    provider = Speaking((0, "one"), (0, FINISH), (4, "two"), (8, "three"), (0, FINISH))
    assert await answered(provider, idle=9) == "onetwothree"
    collector = Collector()
    for step in ("one", FINISH, "two"):
        collector.add(step)
    assert not collector.finished
    assert not collector.settled


async def test_a_caller_who_cancels_between_words_is_obeyed_at_once() -> None:
    """The wait is the caller's own."""
    task = asyncio.ensure_future(answered(Speaking(*words(99, 1)), idle=5))
    await asyncio.sleep(7.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time() == 7.5
