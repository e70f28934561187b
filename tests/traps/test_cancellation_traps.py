"""Traps around cancellation: it always wins, nothing of it is left over, and nobody else hears of it."""

import asyncio
from typing import Any

import pytest

from ranvier import AttemptTimeoutError, LocalCapacityError, Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.providers import FunctionProvider
from ranvier.testing import ScriptedProvider, after, stall, stream
from support.scenes import streaming, time, turns

pytestmark = pytest.mark.virtual_time


# --- T12: a limit and a cancellation -------------------------------------------------------------


def two_seconds(streamed: bool) -> Any:
    """A call that meets its limit after two seconds: whole, or over a stream."""
    limits: dict[str, Any] = {"first_token": 2} if streamed else {"seconds": 2}
    return Pipeline(Fallback(ScriptedProvider("only", [stall()])), Timeout(**limits)).complete("Why?")


@pytest.mark.parametrize("limit_first", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
async def test_t12_a_cancellation_in_the_turn_of_a_timeout_wins(streamed: bool, limit_first: bool) -> None:
    """Whichever timer rings first, the task ends cancelled."""
    due = time() + 2
    task = asyncio.create_task(two_seconds(streamed))
    if limit_first:
        await asyncio.sleep(1)
    asyncio.get_running_loop().call_at(due, task.cancel)
    await asyncio.wait([task])
    assert time() == due
    assert task.cancelled()


@pytest.mark.parametrize("streamed", [True, False])
async def test_t12_a_timeout_leaves_no_cancellation_behind(streamed: bool) -> None:
    """The task goes on as if it had never been cancelled, and a scope around it ends when it says."""
    async with asyncio.timeout(10) as scope:
        with pytest.raises(AttemptTimeoutError):
            await two_seconds(streamed)
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(1)
    assert not scope.expired()


@pytest.mark.parametrize("streamed", [True, False])
async def test_t12_the_callers_timeout_at_the_same_moment_is_the_callers(streamed: bool) -> None:
    """An `asyncio.timeout` around the call gets the cancellation that is its own."""
    with pytest.raises(TimeoutError) as failure:
        async with asyncio.timeout(2):
            await two_seconds(streamed)
    assert type(failure.value) is TimeoutError
    assert asyncio.current_task().cancelling() == 0


@pytest.mark.parametrize("streamed", [True, False])
async def test_t12_a_call_in_a_task_that_unwinds_is_bounded_too(streamed: bool) -> None:
    """The cancellation that the task has seen already is not mistaken for a new one."""
    cleaned_up: list[float] = []

    async def clean_up() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            with pytest.raises(AttemptTimeoutError):
                await two_seconds(streamed)
            cleaned_up.append(time())

    task = asyncio.create_task(clean_up())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert cleaned_up == [time()] == [3]


async def test_t12_a_provider_that_swallows_our_cancellation_leaves_none_behind() -> None:
    """Its answer counts, and the task is not cancelled later for a limit that was met."""

    async def stubborn(call: Call) -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "at last"
        return "never"

    pipeline = Pipeline(Fallback(FunctionProvider("only", stubborn)), Timeout(seconds=2))
    assert (await pipeline.complete("Why?")).text == "at last"
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(1)


# --- T14: slots ----------------------------------------------------------------------------------


class Slotted:
    """A provider with two connections, each answer on which takes ten seconds."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider("only", [after(10, stream("one", "two"))])
        self.provider.slots = asyncio.Semaphore(2)
        self.pipeline = Pipeline(Fallback(self.provider), Retry(max_retries=0), Timeout(connect=None))

    async def stream(self) -> str:
        async with self.pipeline.stream("Tell me.") as story:
            return (await story.collect()).text

    async def complete(self) -> str:
        return (await self.pipeline.complete("Why?")).text

    async def is_free(self) -> bool:
        """True when two more calls start at once."""
        before, began = len(self.provider.calls), time()
        await asyncio.gather(self.complete(), self.stream())
        return len(self.provider.calls) == before + 2 and time() == began + 10


@pytest.mark.parametrize("seconds", [0, 1, 9, 10, 11, 20])
@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_t14_no_cancellation_loses_a_slot(way: str, seconds: float) -> None:
    """Cancelled while queued, at the moment of being let in, or while asking: two slots before, two after."""
    slotted = Slotted()
    tasks = [asyncio.create_task(getattr(slotted, way)()) for _ in range(6)]
    await asyncio.sleep(seconds)
    await turns(3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert await slotted.is_free()


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_t14_a_wait_for_a_slot_that_takes_too_long_loses_none(way: str) -> None:
    """It ends as `LocalCapacityError`, which is no failure of the provider's."""
    slotted = Slotted()
    breaker = Breaker(failure_threshold=1)
    slotted.pipeline = Pipeline(Fallback(slotted.provider), breaker, Timeout(connect=5))
    answers = await asyncio.gather(*(getattr(slotted, way)() for _ in range(6)), return_exceptions=True)
    assert [isinstance(answer, LocalCapacityError) for answer in answers] == [False] * 2 + [True] * 4
    assert breaker.circuits.state("default", "only") == "closed"
    assert await slotted.is_free()


# --- T32: who is told of a cancellation ----------------------------------------------------------


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_t32_classify_is_never_asked_about_a_cancellation(way: str) -> None:
    """It is for the exceptions of the function alone."""
    asked: list[BaseException] = []

    async def answer(call: Call) -> str:
        await asyncio.sleep(10)
        raise ValueError("classify me")

    async def steps(call: Call) -> Any:
        await asyncio.sleep(10)
        raise ValueError("classify me")
        yield ""

    provider = FunctionProvider("only", answer, steps, classify=asked.append)
    pipeline = Pipeline(Fallback(provider), Retry(), Breaker(), Timeout())

    async def ask() -> None:
        await (pipeline.complete("Why?") if way == "complete" else pipeline.stream("Why?"))

    task = asyncio.create_task(ask())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked == []
    with pytest.raises(ValueError, match="classify me"):
        await ask()
    assert [type(error) for error in asked] == [ValueError]


async def test_t32_a_resolver_that_is_cancelled_is_no_missing_key() -> None:
    """The call ends cancelled: no further target is asked on its behalf."""

    async def key(tenant: str, provider: str) -> str:
        await asyncio.sleep(10)
        return "key"

    second = ScriptedProvider("second")
    pipeline = Pipeline(Deadline(), Fallback(ScriptedProvider("first"), second), credentials=key)
    task = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert second.calls == []


async def test_t12_a_stream_cancelled_while_it_is_read_ends_cancelled() -> None:
    """After its hand-out too a cancellation stays what it is, and is no interrupted stream."""
    answer = await streaming(stream("one", stall()), idle=60)
    reader = asyncio.create_task(answer.collect())
    await asyncio.sleep(1)
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert answer.ended
