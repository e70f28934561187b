"""Hedges and foreign code: providers that ignore a cancellation, loops that end, and what is collected."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    ConnectionFailedError,
    Pipeline,
    RanvierError,
    Response,
    ServerError,
    StreamEvent,
)
from ranvier.events import HedgeSent
from ranvier.layers import Breaker, Deadline, Fallback, Retry, SharedCircuits, Timeout
from ranvier.layers.fallback.contestant import Contestant
from ranvier.layers.fallback.flight import Flight
from ranvier.layers.fallback.race import Race
from ranvier.pipeline import Call, Guard, Permit
from ranvier.testing import (
    ScriptedProvider,
    VirtualTimeLoop,
    after,
    assert_settled,
    broken,
    cut,
    stall,
    stream,
)
from ranvier.testing.runner import virtual_time
from support.hedges import COLD, FIRST_TOKEN, Scene
from support.scenes import time, turns


@pytest.fixture(params=[False, True], ids=["complete", "stream"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


# --- providers -----------------------------------------------------------------------------------


class Deaf(ScriptedProvider):
    """Swallows the cancellations of an hour."""

    async def complete(self, call: Call) -> Response:
        await self._ignore()
        return Response(text="late", provider=self.name, model="m")

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        await self._ignore()
        yield StreamEvent(text="late")

    async def _ignore(self) -> None:
        until = time() + 3600
        while time() < until:
            try:
                await asyncio.sleep(until - time())
            except asyncio.CancelledError:
                continue


def scene_with(second: ScriptedProvider, first: Any) -> Pipeline:
    return Pipeline(
        Deadline(100),
        Fallback(ScriptedProvider("a", first), second, hedge_after="p99"),
        Breaker(failure_threshold=1000),
        Timeout(None, first_token=FIRST_TOKEN),
        listeners=(),
    )


async def ask(pipeline: Pipeline, streaming: bool) -> str:
    if not streaming:
        return (await pipeline.complete("Why?")).text
    async with pipeline.stream("Why?") as answer:
        return (await answer.collect()).text


@pytest.mark.virtual_time
async def test_a_winner_does_not_wait_for_a_hedge_that_ignores_its_cancellation(streaming: bool) -> None:
    pipeline = scene_with(Deaf("b"), [after(8, "slow")])
    assert await ask(pipeline, streaming) == "slow"
    assert time() == pytest.approx(8, abs=0.1)
    await asyncio.sleep(4000)
    assert_settled(pipeline)


@pytest.mark.virtual_time
async def test_a_cancelled_caller_does_not_wait_for_a_hedge_that_ignores_it(streaming: bool) -> None:
    pipeline = scene_with(Deaf("b"), [stall()])
    task = asyncio.create_task(ask(pipeline, streaming))
    await asyncio.sleep(COLD + 1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert time() == pytest.approx(COLD + 1 + 5, abs=0.1)
    await asyncio.sleep(4000)
    assert_settled(pipeline)


class Raising(Permit):
    """A permit that raises when it hears of the silence of its call, in a timer."""

    observes = True

    def silent(self) -> None:
        raise ValueError("not ready")


class RaisingGuard(Guard):
    def admit(self, call: Call) -> Permit:
        return Raising()


@pytest.mark.virtual_time
async def test_a_permit_that_raises_in_a_timer_removes_no_limit(streaming: bool) -> None:
    """The event loop reports the exception; the limit on the first token holds."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    scene = Scene([stall()], layers=(RaisingGuard(),))
    with pytest.raises(AttemptTimeoutError):
        await scene.timed(streaming)
    assert time() == pytest.approx(FIRST_TOKEN, abs=0.1)
    assert [str(error) for error in reported] == ["not ready"]
    assert_settled(scene.pipeline)


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("first", [after(8, "fine"), stall()], ids=["answers", "silent"])
def test_a_hedge_that_ends_the_program_ends_it(
    first: Any, ends: type[BaseException], streaming: bool
) -> None:
    """Also if the caller's own target would answer, or never would."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        scene = Scene(["fine", first], [after(1, ends())], hedge_after=2.0)
        runner.run(scene.timed(streaming))
        with pytest.raises(ends):
            runner.run(scene.timed(streaming))
        assert runner.get_loop().time() == pytest.approx(3, abs=0.1)


@pytest.mark.virtual_time
async def test_a_hedge_that_raises_a_cancelled_error_itself_has_failed(streaming: bool) -> None:
    scene = Scene([after(9, "slow")], [asyncio.CancelledError()])
    assert (await scene.timed(streaming))[0] == "slow"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    failing = Scene([after(9, broken())], [asyncio.CancelledError()])
    with pytest.raises(RanvierError) as failure:
        await failing.timed(streaming)
    assert {type(each) for each in failure.value.exceptions} == {ConnectionFailedError}  # type: ignore[attr-defined]
    await scene.settle()


@pytest.mark.virtual_time
async def test_a_listener_may_raise_cancel_or_call_when_a_hedge_is_sent(streaming: bool) -> None:
    scene = Scene([after(8, "slow"), "again"], [stall()])
    inner: list[Any] = []

    def listen(event: Any) -> None:
        if isinstance(event, HedgeSent):
            inner.append(asyncio.ensure_future(scene.pipeline.complete("Once more?")))
            raise ValueError("of the listener")

    scene.pipeline.events.add(listen)
    assert (await scene.timed(streaming))[0] == "slow"
    assert (await inner[0]).text == "again"
    await scene.settle()

    scene = Scene([after(8, "slow")], [stall()])
    task = asyncio.create_task(scene.timed(streaming))
    scene.pipeline.events.add(lambda event: task.cancel() if isinstance(event, HedgeSent) else None)
    await asyncio.wait([task])
    assert (task.cancelled(), task.cancelling()) == (True, 1)
    await turns()
    assert_settled(scene.pipeline)


@pytest.mark.virtual_time
async def test_a_hedge_may_use_the_pipeline_itself(streaming: bool) -> None:
    class Nested(ScriptedProvider):
        async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
            answer = await pipeline.complete("Within?", to="c")
            yield StreamEvent(text=answer.text)

    c = ScriptedProvider("c", ["nested"])
    pipeline = Pipeline(
        Fallback(ScriptedProvider("a", [stall()]), Nested("b"), c, hedge_after="p99"),
        Timeout(None, first_token=FIRST_TOKEN),
    )
    assert await ask(pipeline, streaming) == "nested"
    await asyncio.sleep(15)  # the loser goes on until its hang threshold
    assert_settled(pipeline)


# --- a stream of a hedge -------------------------------------------------------------------------


@pytest.mark.virtual_time
@pytest.mark.filterwarnings("ignore:a stream of:ResourceWarning")
@pytest.mark.parametrize("end", ["read", "closed", "dropped", "read elsewhere"])
async def test_a_stream_of_a_hedge_belongs_to_whom_it_was_handed(end: str) -> None:
    scene = Scene([stall()], [stream("one ", after(1, "two "), after(1, "three"))])
    answer = await scene.pipeline.stream("Why?")
    assert answer.reader is not None
    assert answer.reader() is asyncio.current_task()
    if end == "read":
        assert (await answer.collect()).text == "one two three"
    elif end == "closed":
        await anext(answer)
        await answer.aclose()
    elif end == "dropped":
        await anext(answer)
        gc.disable()
        try:
            del answer
            await turns()
        finally:
            gc.enable()
    else:
        assert (await asyncio.create_task(answer.collect())).text == "one two three"
    await asyncio.sleep(15)  # the loser goes on until its hang threshold
    assert_settled(scene.pipeline)


# --- garbage -------------------------------------------------------------------------------------

SCRIPTS = {
    "the hedge wins": lambda: ([stall()], ["well"], ["never"]),
    "the hedge loses": lambda: ([after(8, "slow")], [stall()], ["never"]),
    "the hedge fails": lambda: ([stall()], [ServerError("down", provider="b")], ["well"]),
    "the winner breaks": lambda: ([stall()], [stream("one ", after(1, cut()))], ["well"]),
    "a bug": lambda: ([ValueError("of the adapter")], ["never"], ["never"]),
    "a bug of the hedge": lambda: ([after(9, broken())], [ValueError("of the adapter")], ["never"]),
    "all fail": lambda: tuple([after(9, ServerError("down", provider=each))] for each in "abc"),
}


class Forgetful(list[Call]):
    """Keeps nothing."""

    def append(self, call: Call) -> None:
        pass


def living() -> list[object]:
    return [each for each in gc.get_objects() if type(each) in (Race, Contestant, Flight, Call)]


@pytest.mark.virtual_time
@pytest.mark.parametrize("suspected", [False, True], ids=["", "suspected"])
@pytest.mark.parametrize("script", SCRIPTS)
async def test_nothing_of_a_race_stays_alive_after_its_call(
    script: str, streaming: bool, suspected: bool
) -> None:
    """Without the garbage collector, although the error and the record of the call are kept."""
    scene = Scene(*SCRIPTS[script]())
    for provider in scene.providers:
        provider.calls = Forgetful()
    await asyncio.sleep(0)
    if suspected:
        scene.route.pace_of(scene.route.targets[0]).suspect(time())
    kept: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        before = len(living())
        try:
            kept.append(await scene.timed(streaming))
        except RanvierError as error:
            kept.append(error.record)
        except ValueError:
            pass
        await asyncio.sleep(30)
        assert len(living()) == before
    finally:
        gc.enable()
    assert_settled(scene.pipeline)


@pytest.mark.virtual_time
@pytest.mark.parametrize("after_seconds", [1, COLD + 1])
async def test_nothing_of_a_race_stays_alive_after_a_cancellation(
    after_seconds: float, streaming: bool
) -> None:
    scene = Scene([stall()], [stall()])
    for provider in scene.providers:
        provider.calls = Forgetful()
    gc.collect()
    gc.disable()
    try:
        before = len(living())
        task = asyncio.create_task(scene.timed(streaming))
        await asyncio.sleep(after_seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(30)
        del task
        assert len(living()) == before
    finally:
        gc.enable()


# --- loops and pipelines -------------------------------------------------------------------------


def test_losers_of_a_closed_loop_do_not_count_on_the_next_one() -> None:
    """A loop that is closed never tells that they have ended."""
    route = Fallback(ScriptedProvider("a", lambda call: stall()), ScriptedProvider("b"), hedge_after="p99")
    pipeline = Pipeline(route, Timeout(None, first_token=FIRST_TOKEN), listeners=())
    pace = route.pace_of(route.targets[0])

    async def lose() -> None:
        pace.content(None, time())  # it has answered before
        await pipeline.complete("Why?")
        await asyncio.gather(*(pipeline.complete("Why?") for _ in range(3)))
        assert pace.lingering == 3

    loop = VirtualTimeLoop()
    loop.run_until_complete(lose())
    for task in pipeline.lifecycle.background:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()

    async def again() -> None:
        await pipeline.complete("Why?")
        assert pace.lingering == 1
        assert time() < 5010
        assert pace.suspect_until == time() + 60

    with virtual_time(start=5000) as run:
        run(again())


@pytest.mark.virtual_time
async def test_two_pipelines_may_share_a_route() -> None:
    """What one of them needs stays, although the other does not need it."""
    route = Fallback(ScriptedProvider("a"), ScriptedProvider("b"), reserve=20)
    Pipeline(route, Breaker(shared=SharedCircuits()), Timeout(None, first_token=5), listeners=())
    Pipeline(route, Retry(), Timeout(None, first_token=50), listeners=())
    assert route.detects_silence
    assert route.watched
    assert route.turn_ends(100, 0, route.targets[1:]) == 95
