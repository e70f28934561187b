"""Requests wait for a connection before the pool, in the order in which they came."""

import asyncio
from typing import Any

import pytest

from ranvier import LocalCapacityError, Pipeline
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import ResponseStream
from ranvier.testing import ScriptedProvider, after, assert_settled, broken, stall, stream
from support.scenes import live_timers

pytestmark = pytest.mark.virtual_time


def provider_with(slots: int, *script: Any) -> ScriptedProvider:
    provider = ScriptedProvider("one", script)
    provider.slots = asyncio.Semaphore(slots)
    return provider


@pytest.mark.parametrize("limits", [{}, {"idle": 50}])
async def test_no_more_than_the_slots_are_in_flight(limits: dict[str, Any]) -> None:
    """Of ten calls with two slots, two run at a time, first come, first served."""
    provider = provider_with(2, after(1, "fine"))
    pipeline = Pipeline(Fallback(provider), Timeout(**limits, connect=60))
    calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(10)]
    most = 0
    while not all(call.done() for call in calls):
        await asyncio.sleep(0.25)
        most = max(most, provider.in_progress)
    assert most == 2
    assert [call.result().attempts[0].queued for call in calls] == [n // 2 for n in range(10)]
    assert provider.slots._value == 2


async def test_a_stream_keeps_its_slot_to_its_end() -> None:
    """The connection is in use until the stream has ended or is closed."""
    provider = provider_with(1, stream("a", after(2, "b")))
    pipeline = Pipeline(Fallback(provider))
    answer = await pipeline.stream("Why?")
    assert provider.slots.locked()
    await answer.collect()
    assert not provider.slots.locked()
    async with pipeline.stream("Why?"):
        assert provider.slots.locked()
    assert not provider.slots.locked()


async def test_a_stream_that_is_being_opened_waits_for_a_slot_too() -> None:
    """And is given it when the one before has been closed."""
    provider = provider_with(1, stream("a", stall()))
    pipeline = Pipeline(Fallback(provider), Timeout(connect=5))
    first = await pipeline.stream("Why?")
    second = asyncio.ensure_future(pipeline.stream("Why?"))
    await asyncio.sleep(3)
    assert not second.done()
    await first.aclose()
    answer = await second
    assert answer.attempts[0].queued == 3
    await answer.aclose()


async def test_the_slot_is_free_while_a_call_sleeps_between_two_attempts() -> None:
    """Each attempt takes its own."""
    provider = provider_with(1, broken(), "fine")
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=5, jitter="none"))
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    assert not provider.slots.locked()
    await call


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_slot_that_does_not_come_in_time_is_nobodys_fault(streaming: bool) -> None:
    """Nothing was sent, nothing is counted or retried, and the next target is asked."""
    first, second = provider_with(0, "never"), ScriptedProvider("two", ["fine"])
    breaker = Breaker(failure_threshold=1)
    pipeline = Pipeline(
        Deadline(60), Fallback(first, second), Retry(), breaker, Timeout(seconds=20, connect=3)
    )
    answer = await (pipeline.stream("Why?") if streaming else pipeline.complete("Why?"))
    assert asyncio.get_running_loop().time() == 3
    assert [(attempt.target, attempt.reason) for attempt in answer.attempts] == [
        ("two/scripted", "local_capacity")
    ]
    assert breaker.circuits.state("default", "one") == "closed"
    assert first.calls == []
    if isinstance(answer, ResponseStream):
        await answer.aclose()


async def test_an_only_target_without_a_free_slot_says_so() -> None:
    """The error names the provider."""
    with pytest.raises(LocalCapacityError, match="no connection to one became free in time"):
        await Pipeline(Fallback(provider_with(0, "never")), Timeout(connect=0)).complete("Why?")


async def test_calls_cancelled_in_the_queue_leave_it_as_it_was() -> None:
    """A thousand may come and go; the slot goes to who is still there."""
    provider = provider_with(1, after(5, "fine"))
    pipeline = Pipeline(Fallback(provider), Timeout(connect=60))
    first = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    crowd = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(1000)]
    await asyncio.sleep(1)
    last = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    for task in crowd:
        task.cancel()
    await asyncio.wait(crowd)
    assert (await last).attempts[0].queued == 3
    await first
    assert len(provider.calls) == 2
    assert provider.slots._value == 1
    assert live_timers() == []


# --- slots of a user's own -----------------------------------------------------------------------


class Suspending:
    """A semaphore of another library, which suspends its task even if a slot is free."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.free = 1

    def locked(self) -> bool:
        return not self.free

    async def acquire(self) -> bool:
        await asyncio.sleep(self.seconds)
        self.free -= 1
        return True

    def release(self) -> None:
        self.free += 1


class Unreadable(ScriptedProvider):
    """A provider whose `slots` cannot be read any more once its pipeline is open."""

    gone = False

    @property
    def slots(self) -> None:  # type: ignore[override]
        if self.gone:
            raise KeyError("slots")


async def call_once(pipeline: Pipeline, *, streaming: bool) -> str:
    if not streaming:
        return (await pipeline.complete("Why?")).text
    async with pipeline.stream("Why?") as answer:
        return (await answer.collect()).text


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_call_cancelled_while_it_takes_a_free_slot_leaves_no_timer(streaming: bool) -> None:
    """A timer left behind would cancel the task later, in the middle of other work."""
    provider: Any = ScriptedProvider("one", ["fine"])
    provider.slots = Suspending(0.1)
    pipeline = Pipeline(Fallback(provider), Timeout(2))
    assert await call_once(pipeline, streaming=streaming) == "fine"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call_once(pipeline, streaming=streaming)
    assert live_timers() == []
    assert_settled(pipeline)
    assert provider.slots.free == 1
    await asyncio.sleep(30)


@pytest.mark.parametrize("streaming", [False, True])
async def test_the_limit_of_an_attempt_ends_a_slow_semaphore_too(streaming: bool) -> None:
    """With the error of that limit, and not as if the caller had cancelled."""
    provider: Any = ScriptedProvider("one", ["never"])
    provider.slots = Suspending(60)
    pipeline = Pipeline(Fallback(provider, ScriptedProvider("two", ["fine"])), Timeout(2))
    assert await call_once(pipeline, streaming=streaming) == "fine"
    assert asyncio.get_running_loop().time() == 2
    assert_settled(pipeline)


@pytest.mark.parametrize("streaming", [False, True])
async def test_slots_that_cannot_be_read_leave_no_timer(streaming: bool) -> None:
    """The error is the caller's; his task is not cancelled later."""
    provider = Unreadable("one", ["fine"])
    async with Pipeline(Fallback(provider), Timeout(2)) as pipeline:
        provider.gone = True
        with pytest.raises(KeyError):
            await call_once(pipeline, streaming=streaming)
        provider.gone = False
        assert_settled(pipeline)
        await asyncio.sleep(30)
