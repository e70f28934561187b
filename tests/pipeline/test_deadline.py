"""Whose time runs when: the deadline, the limits of an attempt, and the reader's own time."""

import asyncio
import contextlib
import gc
import math
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineExceededError,
    FinishReason,
    Layer,
    Pipeline,
    StreamEvent,
    StreamInterruptedError,
    deadline,
)
from ranvier.clock import current_deadline, now, sleep_until
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.messages import SIGN_OF_LIFE
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.scenes import live_timers

pytestmark = pytest.mark.virtual_time


def pipeline_of(*script: Any, whole: float | None = None, **limits: Any) -> Pipeline:
    return Pipeline(
        Deadline(whole),
        Fallback(ScriptedProvider("only", script)),
        Breaker(failure_threshold=1),
        Timeout(**limits),
    )


def provider_of(pipeline: Pipeline) -> ScriptedProvider:
    return pipeline.layers[1].targets[0].provider  # type: ignore[attr-defined]


def time() -> float:
    return asyncio.get_running_loop().time()


# --- the whole call ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "own", "due"),
    [((), None, 9), ((), 3, 3), ((), 99, 9), ((5, 7), None, 5), ((5, 7), 3, 3), ((7, 5), 8, 5)],
)
async def test_the_earliest_of_all_deadlines_counts(
    blocks: tuple[float, ...], own: float | None, due: float
) -> None:
    """The layer's, the enclosing blocks' and the call's own."""
    pipeline = pipeline_of(stall(), whole=9)
    with contextlib.ExitStack() as stack:
        for seconds in blocks:
            stack.enter_context(deadline(seconds))
        with pytest.raises(DeadlineExceededError):
            await pipeline.complete("Why?", deadline=own)
    assert time() == due


async def test_an_inner_block_may_be_shorter_and_ends_with_it() -> None:
    """Nested deadlines take the earlier; leaving a block brings the outer one back."""
    assert current_deadline() is None
    with deadline(5):
        with deadline(2):
            assert current_deadline() == 2
        with deadline(8):
            assert current_deadline() == 5
        assert current_deadline() == 5
    assert current_deadline() is None


async def test_the_enclosing_deadline_is_read_when_the_call_is_made() -> None:
    """It belongs to the moment of `complete()`, not to that of the `await`; its time runs from its start."""
    pipeline = pipeline_of(stall())
    with deadline(5):
        await asyncio.sleep(1)
        answer = pipeline.complete("Why?")
    with pytest.raises(DeadlineExceededError):
        await answer
    assert time() == 5


@pytest.mark.parametrize("seconds", [-1, float("nan"), "5", True, None])
def test_a_deadline_that_is_no_time_is_refused(seconds: Any) -> None:
    """Negative and not a number, for the block; for a call too, but for `None`, which is none."""
    with pytest.raises(ConfigurationError, match="deadline="):
        deadline(seconds)
    pipeline = pipeline_of("fine")
    if seconds is not None:
        with pytest.raises(ConfigurationError, match=r"deadline=.*seconds"):
            pipeline.complete("Why?", deadline=seconds)
        with pytest.raises(ConfigurationError, match=r"deadline=.*seconds"):
            pipeline.stream("Why?", deadline=seconds)


async def test_a_call_whose_time_is_over_is_not_retried_and_goes_nowhere() -> None:
    """The deadline covers retries, their sleeps and the next targets."""
    first, second = ScriptedProvider("first", [after(1, broken())]), ScriptedProvider("second", [stall()])
    pipeline = Pipeline(
        Deadline(10), Fallback(first, second), Retry(max_retries=2, base_delay=2, jitter="none"), Timeout()
    )
    with pytest.raises(DeadlineExceededError) as raised:
        await pipeline.complete("Why?")
    assert time() == 10
    assert (len(first.calls), len(second.calls)) == (
        3,
        1,
    )  # with 2 and 4 seconds of sleep: one is left
    assert [attempt.outcome for attempt in raised.value.attempts][-1] == "deadline_exceeded"


async def test_a_call_over_a_stream_tells_what_it_had_received() -> None:
    """The deadline of `complete()` leaves the caller with what came."""
    pipeline = pipeline_of(stream("one", after(1, "two"), stall()), whole=3, idle=9)
    with pytest.raises(DeadlineExceededError) as raised:
        await pipeline.complete("Why?")
    assert raised.value.received.text == "onetwo"


async def test_sleep_never_ends_early() -> None:
    """After every sleep the clock is read again, and the rest is slept."""
    moments = iter([0.0, 0.9, 0.999, 1.0])
    await sleep_until(1.0, lambda: next(moments))
    assert next(moments, None) is None
    assert time() == pytest.approx(1.101)


def test_without_a_loop_there_is_a_time_too() -> None:
    """`with deadline(...)` may be entered in plain code."""
    first = now()
    assert now() >= first


# --- a stream, while it is read ------------------------------------------------------------------


async def test_the_time_of_the_reader_is_not_charged_to_the_provider() -> None:
    """`seconds` and `idle` stand still while an event is held; only waiting counts."""
    pipeline = pipeline_of(
        stream("one", after(2, "two"), after(2, "three")), seconds=5, idle=3, first_token=1
    )
    async with pipeline.stream("Why?") as answer:
        async for _ in answer:
            await asyncio.sleep(100)
    assert answer.response.text == "onetwothree"


async def test_waiting_of_several_reads_adds_up() -> None:
    """`seconds` bounds all the waiting of an attempt together."""
    pipeline = pipeline_of(stream("one", *(after(2, "more") for _ in range(9))), seconds=5)
    read: list[str] = []

    async def consume() -> None:
        async with pipeline.stream("Why?") as answer:
            async for event in answer:
                read.append(event.text)
                await asyncio.sleep(10)

    with pytest.raises(StreamInterruptedError) as raised:
        await consume()
    assert read == ["one", "more", "more"]
    assert isinstance(raised.value.__cause__, AttemptTimeoutError)
    assert raised.value.__cause__.phase == "attempt"
    assert time() == 2 + 2 + 1 + 30


async def test_a_deadline_that_passes_while_the_reader_holds_an_event_settles_and_closes() -> None:
    """The reader is not cancelled; its next read raises, with what came, and the one after is the end."""
    pipeline = pipeline_of(stream("one", "two", stall()), whole=5)
    provider = provider_of(pipeline)
    task = asyncio.current_task()
    answer = await pipeline.stream("Why?")
    assert (await anext(answer)).text == "one"
    await asyncio.sleep(5.5)
    ((_, circuit),) = pipeline.circuits
    assert (circuit.in_flight, circuit.failures) == (0, 0)
    assert provider.in_progress == 0
    assert answer.ended
    assert task.cancelling() == 0
    with pytest.raises(DeadlineExceededError) as raised:
        await anext(answer)
    assert raised.value.received.text == "one"
    assert raised.value.attempts[0].outcome == "deadline_exceeded"
    with pytest.raises(StopAsyncIteration):
        await anext(answer)


async def test_the_deadline_outlives_the_other_limits_of_an_event_that_is_held() -> None:
    """A timer that was set for the wait before is moved on to it, and no limit but it counts."""
    pipeline = pipeline_of(stream("one", after(1, "two"), stall()), whole=20, idle=3)
    answer = await pipeline.stream("Why?")
    assert [(await anext(answer)).text, (await anext(answer)).text] == ["one", "two"]
    await asyncio.sleep(18)
    assert not answer.ended
    await asyncio.sleep(1.5)
    assert answer.ended
    with pytest.raises(DeadlineExceededError):
        await anext(answer)


async def test_a_deadline_that_passes_before_the_first_read_takes_the_first_event_too() -> None:
    """Nothing is read after the deadline; what had come is in `received`."""
    pipeline = pipeline_of(stream("one", stall()), whole=5)
    answer = await pipeline.stream("Why?")
    await asyncio.sleep(6)
    with pytest.raises(DeadlineExceededError) as raised:
        await anext(answer)
    assert raised.value.received.text == "one"


async def test_leaving_a_stream_just_when_its_deadline_closes_it_is_quiet() -> None:
    """The connection may take its time to close; whoever leaves meanwhile waits for it and hears nothing."""

    class SlowToClose(ScriptedProvider):
        async def stream(self, call: Any) -> Any:
            try:
                async for event in super().stream(call):
                    yield event
            finally:
                await asyncio.sleep(1)

    provider = SlowToClose("only", [stream("one", stall())])
    async with Pipeline(Deadline(5), Fallback(provider)).stream("Why?"):
        await asyncio.sleep(5.5)
    assert time() == 6
    gc.collect()


async def test_a_deadline_that_passes_during_a_read_raises_there() -> None:
    """It is DeadlineExceededError, never StreamInterruptedError, and counts nothing."""
    pipeline = pipeline_of(stream("one", stall()), whole=5)
    answer = await pipeline.stream("Why?")
    await anext(answer)
    with pytest.raises(DeadlineExceededError) as raised:
        await anext(answer)
    assert time() == 5
    assert raised.value.received.text == "one"
    assert [attempt.outcome for attempt in raised.value.attempts] == ["deadline_exceeded"]
    ((_, circuit),) = pipeline.circuits
    assert (circuit.in_flight, circuit.failures) == (0, 0)


async def test_a_stream_read_in_time_leaves_no_timer() -> None:
    """Once it has ended, its deadline is nobody's."""
    pipeline = pipeline_of(stream("one", after(1, "two")), whole=60, idle=5)
    await (await pipeline.stream("Why?")).collect()
    assert live_timers() == []


async def test_a_deadline_that_never_comes_keeps_no_timer_from_ringing() -> None:
    """A reader holds its event beyond a limit that no longer counts; another call meets its own."""
    providers = [ScriptedProvider("one", [stream("a", "b")]), ScriptedProvider("two", [stall()])]
    pipeline = Pipeline(Fallback(*providers), Timeout(0.3, overrides={"two": Timeout(1.5)}))
    raised: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: raised.append(context))
    other = asyncio.ensure_future(pipeline.complete("Why?", to="two"))
    async with pipeline.stream("Why?", deadline=math.inf):
        with pytest.raises(AttemptTimeoutError):
            await other
    assert (time(), raised) == (1.5, [])


async def test_a_call_that_is_late_already_touches_nobody() -> None:
    """No resolver is asked, and no circuit moved, when a layer outside the route has waited too long."""
    asked: list[str] = []

    class Slow(Layer):
        async def handle(self, call: Any, inner: Any) -> Any:
            await asyncio.sleep(6)
            return await inner(call)

    def resolver(tenant: str, provider: str) -> str:
        asked.append(provider)
        return "key"

    pipeline = Pipeline(
        Deadline(5), Slow(), Fallback(ScriptedProvider("one")), Breaker(), credentials=resolver
    )
    with pytest.raises(DeadlineExceededError, match="before one/scripted was tried"):
        await pipeline.complete("Why?")
    assert (asked, len(pipeline.circuits)) == ([], 0)


async def test_a_stream_that_is_asked_for_twice_has_a_deadline_each_time() -> None:
    """It runs from when it is entered."""
    pipeline = Pipeline(Deadline(2), Fallback(ScriptedProvider("one", [stream("a"), stream("b")])))
    asked = pipeline.stream("Why?", deadline=1)
    for words in ("a", "b"):
        async with asked as answer:
            assert (await answer.collect()).text == words
        await asyncio.sleep(3)


# --- signs of life -------------------------------------------------------------------------------


def pings(count: int, every: float) -> list[Any]:
    return [after(every, SIGN_OF_LIFE)] * count


async def test_pings_are_not_the_first_token() -> None:
    """A provider that only says that it lives has not begun to answer."""
    pipeline = pipeline_of(stream(*pings(9, 1), "late"), first_token=5, idle=2)
    with pytest.raises(AttemptTimeoutError) as raised:
        await pipeline.complete("Why?")
    assert (raised.value.phase, time()) == ("first_token", 5)


async def test_after_the_first_content_any_byte_is_a_sign_of_life() -> None:
    """Pings keep a stream alive for longer than `idle`."""
    pipeline = pipeline_of(stream("one", *pings(9, 1), after(1, "two")), first_token=5, idle=2)
    assert (await pipeline.complete("Why?")).text == "onetwo"
    assert time() == 10


async def test_idle_runs_from_the_last_sign_of_life() -> None:
    """Silence is measured from the last byte, content or not."""
    pipeline = pipeline_of(stream("one", *pings(3, 1), stall()), idle=2)
    with pytest.raises(AttemptTimeoutError) as raised:
        await pipeline.complete("Why?")
    assert (raised.value.phase, time()) == ("idle", 5)


async def test_idle_does_not_run_before_the_first_content() -> None:
    """What comes before it is first_token's affair."""
    assert (await pipeline_of(stream(after(9, "late")), idle=2).complete("Why?")).text == "late"


async def test_first_token_does_not_run_after_the_first_content() -> None:
    """Without `idle`, a pause in the middle is bounded by the attempt alone."""
    pipeline = pipeline_of(stream("one", after(9, "two")), first_token=2)
    assert (await pipeline.complete("Why?")).text == "onetwo"


async def test_a_provider_too_busy_with_pings_for_the_loop_to_turn_meets_its_limits() -> None:
    """Limits are also checked without a timer, so that a flood of signs of life cannot outrun them."""

    class Flood(ScriptedProvider):
        async def stream(self, call: Any) -> Any:
            yield SIGN_OF_LIFE
            while True:
                asyncio.get_running_loop().jump(0.5)  # type: ignore[attr-defined]
                yield SIGN_OF_LIFE

    pipeline = Pipeline(Fallback(Flood("only")), Timeout(first_token=5))
    with pytest.raises(AttemptTimeoutError) as raised:
        await pipeline.complete("Why?")
    assert raised.value.phase == "first_token"
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?", deadline=1)


async def test_a_body_that_goes_on_with_pings_after_its_finish_is_left() -> None:
    """Also where they leave the loop no time to turn."""

    class Endless(ScriptedProvider):
        async def stream(self, call: Any) -> Any:
            yield StreamEvent(text="one")
            yield StreamEvent(finish_reason=FinishReason.STOP)
            while True:
                asyncio.get_running_loop().jump(0.5)  # type: ignore[attr-defined]
                yield SIGN_OF_LIFE

    pipeline = Pipeline(Deadline(2), Fallback(Endless("only")), Timeout(idle=9))
    assert (await pipeline.complete("Why?")).text == "one"


async def test_nothing_bounds_a_call_without_limits() -> None:
    """Without Deadline and Timeout a call waits as long as it takes."""
    pipeline = Pipeline(Fallback(ScriptedProvider("only", [after(100_000, broken())])))
    with pytest.raises(ConnectionFailedError):
        await pipeline.complete("Why?")
    assert time() == 100_000
