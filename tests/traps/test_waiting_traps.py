"""Traps around waiting for a stream: whose time it is, and whose task."""

import asyncio
from typing import Any

import anyio
import pytest

from ranvier import SIGN_OF_LIFE, AttemptTimeoutError, StreamEvent, StreamInterruptedError, Usage
from ranvier.testing import after, stall, stream
from support.scenes import streaming, time

pytestmark = pytest.mark.virtual_time

BEGINNING = StreamEvent(id="msg_1", usage=Usage(input=7, complete=False))


# --- T39: whose time it was ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "first", [stall(), stream(*[after(1, SIGN_OF_LIFE)] * 100), stream(BEGINNING, stall())]
)
async def test_t39_pings_and_lifecycle_events_are_not_the_first_token(first: Any) -> None:
    """Without content the attempt ends after `first_token` seconds, whatever else arrives."""
    with pytest.raises(AttemptTimeoutError) as failure:
        await streaming(first, first_token=5.5)
    assert (failure.value.phase, time()) == ("first_token", 5.5)


async def test_t39_silence_within_an_answer_ends_after_idle_seconds() -> None:
    """Counted from the last sign of life; any byte is one."""
    answer = await streaming(stream("one", *[after(4, SIGN_OF_LIFE)] * 5, stall()), idle=5)
    with pytest.raises(StreamInterruptedError) as failure:
        await answer.collect()
    assert failure.value.__cause__.phase == "idle"  # type: ignore[attr-defined]
    assert time() == 25


async def test_t39_an_attempt_ends_after_its_seconds_however_busy_it_is() -> None:
    """A stream that never ends is bounded too."""
    answer = await streaming(stream(*[after(1, "more ")] * 100), seconds=10.5, idle=5)
    with pytest.raises(StreamInterruptedError) as failure:
        await answer.collect()
    assert failure.value.__cause__.phase == "attempt"  # type: ignore[attr-defined]
    assert time() == 10.5


async def test_t39_the_time_that_the_reader_holds_an_event_is_not_the_providers() -> None:
    """A reader slower than every limit reads to the end."""
    answer = await streaming(stream(*[after(1, "more ")] * 8), seconds=10, first_token=2, idle=2)
    async with answer:
        async for _ in answer:
            await asyncio.sleep(100)
    assert answer.response.text == "more " * 8
    assert time() > 800


# --- T41: no scope is open while the reader has the word -----------------------------------------


async def test_t41_no_limit_of_ours_reaches_into_the_reader() -> None:
    """While it holds an event its task is not cancelled, and its own scopes end when they say."""
    answer = await streaming(stream(*[after(1, "more ")] * 3), seconds=5, first_token=2, idle=2)
    task = asyncio.current_task()
    async with answer:
        async for _ in answer:
            began = time()
            with anyio.move_on_after(50) as scope:
                await anyio.sleep(1000)
            assert scope.cancelled_caught
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(30):
                    await asyncio.sleep(1000)
            assert time() - began == 80
            assert task.cancelling() == 0


async def test_t41_a_scope_of_the_reader_around_a_read_ends_the_read_alone() -> None:
    """Its cancellation travels through the stream and stops at the scope."""
    answer = await streaming(stream("one", stall()), idle=60)
    with anyio.move_on_after(5) as scope:
        async for _ in answer:
            pass
    assert (scope.cancelled_caught, time(), answer.ended) == (True, 5, True)
    await anyio.sleep(100)


async def test_t41_each_event_may_be_read_by_another_task() -> None:
    """Limits follow the task that waits: the one that began the stream is left alone."""
    answer = await streaming(stream("one", after(1, "two"), stall()), idle=3)
    assert (await asyncio.create_task(anext(answer))).text == "one"
    assert (await asyncio.create_task(anext(answer))).text == "two"
    reader = asyncio.create_task(anext(answer))
    await asyncio.sleep(2)
    with pytest.raises(RuntimeError, match="another task"):
        await anext(answer)
    await asyncio.wait([reader])
    assert reader.exception().__cause__.phase == "idle"  # type: ignore[attr-defined]
    assert asyncio.current_task().cancelling() == 0
