"""An attempt that has lost, or was not needed: it costs nothing, and holds nothing up."""

import asyncio
from contextvars import ContextVar
from typing import Any, ClassVar

import pytest

from ranvier import (
    SHARED,
    AllDeploymentsFailedError,
    AuthenticationError,
    Pipeline,
    RanvierError,
    Response,
    ServerError,
    StreamInterruptedError,
)
from ranvier.layers import Breaker, Fallback, Timeout
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.place import Place
from ranvier.testing import ScriptedProvider, after, broken, cut, ping, stall, stream
from support.hedges import COLD, FIRST_TOKEN, Scene
from support.scenes import time, turns

pytestmark = pytest.mark.virtual_time


@pytest.fixture(params=[False, True], ids=["complete", "stream"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


# --- the budget ----------------------------------------------------------------------------------


def left(scene: Scene, provider: str = "b") -> float:
    return scene.route.budget.left(provider)


async def test_a_hedge_that_an_open_circuit_rejects_costs_nothing(streaming: bool) -> None:
    scene = Scene([after(8, "slow")], ["never"])
    await scene.pipeline.complete("Why?", to="b")
    await scene.breaker.circuits.isolate("default", "b")
    assert (await scene.timed(streaming))[0] == "slow"
    assert left(scene) == 10
    await scene.settle()


async def test_a_hedge_without_a_key_costs_nothing(streaming: bool) -> None:
    scene = Scene(
        [after(8, "slow")],
        ["never"],
        credentials=lambda tenant, provider: None if provider == "b" else SHARED,
    )
    assert (await scene.timed(streaming))[0] == "slow"
    assert left(scene) == 10
    await scene.settle()


async def test_a_hedge_that_finds_no_slot_costs_nothing(streaming: bool) -> None:
    scene = Scene([after(8, "slow")], ["never"])
    scene.providers[1].slots = asyncio.BoundedSemaphore(1)
    await scene.providers[1].slots.acquire()
    assert (await scene.timed(streaming))[0] == "slow"
    assert left(scene) == 10
    scene.providers[1].slots.release()
    await scene.settle()


async def test_a_hedge_whose_key_is_still_looked_up_costs_nothing(streaming: bool) -> None:
    async def resolver(tenant: str, provider: str) -> Any:
        if provider == "b":
            await asyncio.sleep(60)
        return SHARED

    scene = Scene([after(8, "slow")], ["never"], credentials=resolver)
    assert await scene.timed(streaming) == ("slow", pytest.approx(8, abs=0.1))
    await turns()
    assert left(scene) == 10
    await scene.settle()


async def test_a_hedge_that_loses_before_its_task_has_begun_costs_nothing(streaming: bool) -> None:
    scene = Scene([after(COLD, "slow")], ["never"])
    assert (await scene.timed(streaming))[0] == "slow"
    await turns()
    assert scene.sent[1] == 0
    assert left(scene) == 10
    await scene.settle()


async def test_one_target_is_not_asked_again_and_again(streaming: bool) -> None:
    """A hedge that fails at once is no reason to hedge at once again at the same target."""
    scene = Scene([after(9, "slow"), ServerError("down", provider="a")], hedge_after=2)
    assert (await scene.timed(streaming))[0] == "slow"
    assert scene.sent == [2]
    await scene.settle()


async def test_one_target_is_not_left_for_a_third_attempt_there(streaming: bool) -> None:
    """Explicit seconds below what the target takes: the first attempt goes on."""
    scene = Scene(lambda call: after(9, "slow"), hedge_after=2)
    assert await scene.timed(streaming) == ("slow", pytest.approx(9, abs=0.1))
    assert scene.sent == [2]
    await scene.settle()


# --- the winner waits for nobody -----------------------------------------------------------------


async def test_a_rejected_key_of_a_silent_target_is_not_replaced_while_its_hedge_runs(
    streaming: bool,
) -> None:
    keys = iter(["one"])

    async def resolver(tenant: str, provider: str) -> Any:
        if provider != "a":
            return SHARED
        if (key := next(keys, None)) is None:
            await asyncio.sleep(100)
        return key

    scene = Scene(
        [after(8, AuthenticationError("no", provider="a", status=401))],
        [after(3, "well")],
        credentials=resolver,
    )
    assert await scene.timed(streaming) == ("well", pytest.approx(COLD + 3, abs=0.1))
    await scene.settle()


class Around(Layer):
    """A custom layer: what it does with a target that fails is up to the test."""

    place: ClassVar[Place] = Place.ATTEMPT

    def __init__(self, failed: Any) -> None:
        self.failed = failed

    async def handle(self, call: Any, inner: Any) -> Any:
        try:
            return await inner(call)
        except RanvierError as error:
            return await self.failed(call, inner, error)


async def raises(call: Any, inner: Any, error: Exception) -> Any:
    raise ValueError("of the application") from error


async def answers(call: Any, inner: Any, error: Exception) -> Any:
    return Response(text="from a layer", provider="layer", model="layer")


async def retries(call: Any, inner: Any, error: Exception) -> Any:
    return await inner(call)


@pytest.mark.parametrize("failed", [raises, answers, retries])
async def test_what_a_layer_does_with_a_lost_attempt_does_not_matter(streaming: bool, failed: Any) -> None:
    scene = Scene([stall()], [after(1, "well")], inner=(Around(failed),))
    assert await scene.timed(streaming) == ("well", pytest.approx(COLD + 1, abs=0.1))
    assert scene.sent == [1, 1]
    assert scene.breaker.circuits.state("default", "a") == "closed"
    await scene.settle()


# --- what goes on --------------------------------------------------------------------------------


async def test_a_sign_of_life_does_not_end_a_loser(streaming: bool) -> None:
    """It goes on until its hang threshold: what it does then is evidence."""
    scene = Scene([stall(), stream(after(7, ping()), stall())], ["one", "two"], reserve=20)
    await scene.timed(streaming)
    began = time()
    await scene.timed(streaming)
    await asyncio.wait(scene.pipeline.lifecycle.background)
    assert time() - began == pytest.approx(10, abs=0.1)
    await scene.settle()


async def test_what_a_loser_does_later_does_not_change_the_story(streaming: bool) -> None:
    scene = Scene([stall(), stall()], ["one", "two"])
    await scene.timed(streaming)
    if streaming:
        async with scene.pipeline.stream("Why?") as answer:
            await answer.collect()
        story = lambda: answer.story  # noqa: E731
    else:
        response = await scene.pipeline.complete("Why?")
        story = lambda: response.story  # noqa: E731
    before = story()
    assert before.seconds == pytest.approx(COLD, abs=0.1)
    await scene.settle()
    assert (story().seconds, story().outcome) == (before.seconds, "succeeded")


async def test_a_loser_in_the_middle_of_retries_ends_at_once(streaming: bool) -> None:
    """Its task waits for a backoff, and nobody needs it."""
    down = ServerError("down", provider="b", retry_after=29)
    scene = Scene([after(9, "slow")], [down], retries=2)
    assert await scene.timed(streaming) == ("slow", pytest.approx(9, abs=0.1))
    await turns()
    assert not scene.pipeline.lifecycle.background
    await scene.settle()


CURRENT: ContextVar[str] = ContextVar("CURRENT", default="nothing")


async def test_a_hedge_runs_in_the_context_of_its_call(streaming: bool) -> None:
    seen = []

    def reply(call: Any) -> Any:
        seen.append(CURRENT.get())
        return "well"

    pipeline = Pipeline(
        Fallback(ScriptedProvider("a", [stall()]), ScriptedProvider("b", reply), hedge_after="p99"),
        Timeout(None, first_token=FIRST_TOKEN),
    )
    CURRENT.set("the request")
    if streaming:
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    else:
        await pipeline.complete("Why?")
    assert seen == ["the request"]


# --- what breaks ---------------------------------------------------------------------------------


async def test_a_winner_that_breaks() -> None:
    """A whole answer goes on to the next target; the reader of a stream is told."""
    scene = Scene([stall()], [stream("one ", after(1, cut()))], ["well"])
    assert (await scene.timed())[0] == "well"
    scene = Scene([stall()], [stream("one ", after(1, cut()))], ["well"])
    with pytest.raises(StreamInterruptedError):
        await scene.timed(True)
    await scene.settle()


async def test_a_stream_that_breaks_has_its_own_outcome() -> None:
    """Not that of the hedge that was sent after it."""
    scene = Scene([after(8, stream("one ", after(1, broken())))], [stall()])
    async with scene.pipeline.stream("Why?") as answer:
        with pytest.raises(StreamInterruptedError):
            await answer.collect()
    assert answer.story.outcome == "stream_dropped"
    scene = Scene([after(8, stream("one ", stall()))], [stall()])
    async with scene.pipeline.stream("Why?") as answer:
        await anext(answer)
    assert answer.story.outcome == "abandoned"
    await scene.settle()


async def test_an_empty_answer_is_marked_while_a_hedge_is_in_flight(streaming: bool) -> None:
    scene = Scene([after(8, "")], [after(3, "well")])
    if streaming:
        async with scene.pipeline.stream("Why?") as answer:
            await answer.collect()
        attempts = answer.attempts
    else:
        attempts = (await scene.pipeline.complete("Why?")).attempts
    assert [each.outcome for each in attempts] == ["empty", "succeeded"]
    await scene.settle()


async def test_a_first_target_in_a_task_of_its_own_fails_like_any_other(streaming: bool) -> None:
    """Its failure is no reason to hedge the hedge, which was sent a moment ago."""
    scene = Scene([stall(), after(8, ServerError("down", provider="a"))], ["one", after(4, "two")], ["never"])
    await scene.timed(streaming)
    assert await scene.timed(streaming) == ("two", pytest.approx(COLD + 4, abs=0.1))
    assert scene.sent == [2, 2, 0]
    await scene.settle()


# --- what is learned -----------------------------------------------------------------------------


async def test_whole_answers_are_no_first_tokens() -> None:
    """How long they take says nothing about the first content of a stream."""
    provider = ScriptedProvider("a", lambda call: after(0.1 if call.streaming else 15, "well"))
    route = Fallback(provider, ScriptedProvider("b"), hedge_after="p99")
    pipeline = Pipeline(route, Timeout(60))
    for _ in range(30):
        await pipeline.complete("Why?")
    assert route.pace_of(route.targets[0]).learned(time() + 2) is None


async def test_a_hang_is_noticed_before_a_later_hedge(streaming: bool) -> None:
    """The hedge is due after 60 s, but silence counts from the hang threshold on."""
    seen: list[float] = []
    provider = ScriptedProvider("a", [stall()])
    route = Fallback(provider, ScriptedProvider("b"), hedge_after=15)
    breaker = Breaker(failure_threshold=1)
    pipeline = Pipeline(route, breaker, Timeout(None, first_token=FIRST_TOKEN), listeners=())
    pipeline.events.add(lambda event: seen.append(time()) if event.name == "circuit" else None)
    if streaming:
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    else:
        await pipeline.complete("Why?")
    assert seen[0] == pytest.approx(10, abs=0.1)


# --- the turn ------------------------------------------------------------------------------------


async def test_a_retry_does_not_sleep_past_the_turn(streaming: bool) -> None:
    down = ServerError("down", provider="a", retry_after=20)
    scene = Scene([down], ["well"], deadline=30, retries=3, hedge_after=None, reserve=20)
    assert await scene.timed(streaming) == ("well", pytest.approx(0, abs=0.1))
    await scene.settle()


async def test_if_nobody_answers_every_failure_is_told(streaming: bool) -> None:
    scene = Scene([stall()], [ServerError("down", provider="b")], [ServerError("down", provider="c")])
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await scene.timed(streaming)
    assert len(failure.value.exceptions) == 3
    await scene.settle()
