"""Hedges: a silent target does not keep its call waiting, and what is dropped is given back."""

import asyncio
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    DeadlineExceededError,
    RateLimitError,
    RejectedError,
    ServerError,
    Tool,
    WireTool,
)
from ranvier.events import HedgeSent, HedgeWithheld
from ranvier.layers import Breaker, SharedCircuits
from ranvier.pipeline import Call, Guard, Handler, Layer, Permit, Place
from ranvier.pipeline.layer import R
from ranvier.testing import after, assert_settled, ping, stall, stream
from support.hedges import COLD, FIRST_TOKEN, Scene

pytestmark = pytest.mark.virtual_time

WHO: ContextVar[str] = ContextVar("who")


class Look(Layer):
    """Notes for whom a call is made, and in whose context."""

    place = Place.ATTEMPT

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def handle(self, call: Call, inner: Handler[R]) -> R:
        self.seen.append((call.tenant, WHO.get()))
        return await inner(call)


class OneAtATime(Guard):
    """Rejects a second attempt while the first is in flight."""

    busy = False

    def admit(self, call: Call) -> Permit:
        if self.busy:
            raise RejectedError("one at a time")
        self.busy = True
        return Permit()


@pytest.fixture(params=[False, True], ids=["complete", "stream"])
def streaming(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_a_silent_target_is_left_after_a_third_of_its_limit(streaming: bool) -> None:
    scene = Scene([stall()], ["well"])
    text, seconds = await scene.timed(streaming)
    assert (text, scene.sent) == ("well", [1, 1])
    assert seconds == pytest.approx(COLD, abs=0.1)
    assert [type(event) for event in scene.events if isinstance(event, HedgeSent)] == [HedgeSent]
    await scene.settle()


async def test_the_first_content_wins(streaming: bool) -> None:
    scene = Scene([after(8, "slow")], [after(5, "slower")])
    assert await scene.timed(streaming) == ("slow", pytest.approx(8, abs=0.1))
    assert scene.sent == [1, 1]
    await scene.settle()


async def test_an_answer_that_has_begun_is_not_left_for_another(streaming: bool) -> None:
    scene = Scene([stream(after(6, "one "), after(10, "two"))], ["other"])
    assert (await scene.timed(streaming))[0] == "one two"
    assert scene.sent == [1, 0]
    await scene.settle()


async def test_two_silent_targets_are_left_for_the_third(streaming: bool) -> None:
    scene = Scene([stall()], [stall()], ["well"])
    text, seconds = await scene.timed(streaming)
    assert (text, scene.sent) == ("well", [1, 1, 1])
    assert seconds == pytest.approx(2 * COLD, abs=0.2)
    await scene.settle()


async def test_a_hedge_that_fails_is_replaced_at_once(streaming: bool) -> None:
    scene = Scene([stall()], [ServerError("down", provider="b")], ["well"])
    text, seconds = await scene.timed(streaming)
    assert (text, scene.sent) == ("well", [1, 1, 1])
    assert seconds == pytest.approx(COLD, abs=0.1)
    await scene.settle()


async def test_a_target_that_fails_after_its_hedge_is_not_retried(streaming: bool) -> None:
    scene = Scene([after(8, ServerError("down", provider="a"))], [after(9, "well")], retries=3)
    assert await scene.timed(streaming) == ("well", pytest.approx(COLD + 9, abs=0.1))
    assert scene.sent == [1, 1]
    await scene.settle()


async def test_if_both_fail_both_errors_are_raised(streaming: bool) -> None:
    scene = Scene(
        [after(9, ServerError("down", provider="a"))], [after(9, ServerError("down", provider="b"))]
    )
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await scene.timed(streaming)
    assert len(failure.value.exceptions) == 2
    await scene.settle()


async def test_the_loser_goes_on_until_its_hang_threshold_once_its_target_is_suspected() -> None:
    """The first attempt runs in the caller's task, and ends with it; the next ones need not."""
    scene = Scene([stall(), stall()], ["one", "two"])
    await scene.timed()
    began = asyncio.get_running_loop().time()
    await scene.timed()
    await asyncio.sleep(0)
    assert len(scene.pipeline.lifecycle.background) == 1
    await asyncio.wait(scene.pipeline.lifecycle.background)
    assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.1)
    await scene.settle()


@pytest.mark.parametrize("suspected", [False, True])
async def test_what_a_cancelled_caller_leaves(suspected: bool, streaming: bool) -> None:
    scene = Scene([stall(), stall()], ["one", stall()] if suspected else [stall()])
    if suspected:
        await scene.timed()
        await asyncio.sleep(30)
    task = asyncio.create_task(scene.timed(streaming))
    await asyncio.sleep(COLD + 1)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert_settled(scene.pipeline)
    assert not scene.pipeline.lifecycle.background


async def test_a_deadline_ends_the_hedge_as_well(streaming: bool) -> None:
    scene = Scene([stall()], [stall()], deadline=9)
    with pytest.raises(DeadlineExceededError):
        await scene.timed(streaming)
    await scene.settle()


async def test_losers_open_the_circuit_of_a_silent_target() -> None:
    """They go on until their target is known to be silent: otherwise every call would be hedged for ever."""
    breaker = Breaker(failure_threshold=1000, shared=SharedCircuits(votes=5))
    scene = Scene(lambda call: stall(), lambda call: "well", breaker=breaker)
    for number in range(8):
        assert (await scene.timed(tenant=f"tenant-{number}"))[0] == "well"
    await asyncio.sleep(10)
    assert breaker.circuits.shared is not None
    assert breaker.circuits.shared.state("a", "scripted") == "open"
    await scene.settle()


async def test_a_loser_is_blamed_only_beyond_its_hang_threshold(streaming: bool) -> None:
    """The first one ends with the call, after 7 seconds; the second one after 10."""
    scene = Scene([stall(), stall()], ["one", "two"])
    scene.route.pace_of(scene.route.targets[0]).content(None, 0.0)  # it has answered before
    failures = []
    for _ in range(2):
        await scene.timed(streaming)
        await asyncio.sleep(20)
        failures.append(dict(scene.breaker.circuits)["default", "a"].failures)
    assert failures == [0, 1]
    await scene.settle()


async def test_only_so_many_losers_linger_at_one_target(streaming: bool) -> None:
    scene = Scene(lambda call: stall(), lambda call: "well")
    await scene.timed(streaming)
    await asyncio.gather(*(scene.timed(streaming) for _ in range(8)))
    await asyncio.sleep(0.1)
    assert scene.providers[0].in_progress == len(scene.pipeline.lifecycle.background) == 5
    await scene.settle()


async def test_a_probe_has_company_within_two_seconds(streaming: bool) -> None:
    down = ServerError("down", provider="a")
    breaker = Breaker(failure_threshold=1, cooldown=1)
    scene = Scene([down, stall()], ["one", "two"], breaker=breaker)
    assert (await scene.timed(streaming))[0] == "one"
    await asyncio.sleep(2)
    assert await scene.timed(streaming) == ("two", pytest.approx(2, abs=0.1))
    assert scene.sent == [2, 2]
    await scene.settle()


async def test_at_most_two_attempts_of_a_call_are_in_flight(streaming: bool) -> None:
    """The oldest is dropped for the third."""
    scene = Scene([stall()], [stall()], [after(5, "slow")])
    task = asyncio.create_task(scene.timed(streaming))
    await asyncio.sleep(2 * COLD + 1)
    assert [each.in_progress for each in scene.providers] == [0, 1, 1]
    assert (await task)[0] == "slow"
    await scene.settle()


async def test_a_hedge_runs_in_the_context_of_its_own_call(streaming: bool) -> None:
    """Also without listeners, and though the timers of all calls ring in that of the first one."""
    look = Look()
    scene = Scene([stall(), stall()], ["one", "two"], listeners=(), layers=(look,))

    async def ask(who: str) -> None:
        WHO.set(who)
        await scene.timed(streaming, tenant=who)

    await asyncio.gather(ask("ann"), ask("bob"))
    assert scene.sent == [2, 2]
    assert sorted(look.seen) == [("ann", "ann")] * 2 + [("bob", "bob")] * 2
    await scene.settle()


async def test_a_single_target_is_hedged_once_at_a_time(streaming: bool) -> None:
    """Not again and again while its hedges fail at once."""
    down = ServerError("down", provider="a")
    scene = Scene([after(15, "slow"), down, down, down], hedge_after=2.0)
    assert await scene.timed(streaming) == ("slow", pytest.approx(15, abs=0.1))
    assert scene.sent == [2]
    await scene.settle()


async def test_a_single_target_whose_hedge_is_withheld_is_not_asked_again(streaming: bool) -> None:
    scene = Scene(lambda call: after(3, ServerError("down", provider="a")), hedge_after=2.0)
    while scene.route.budget.take("a"):
        pass
    with pytest.raises(ServerError):
        await scene.timed(streaming)
    assert scene.sent == [1]
    await scene.settle()


async def test_a_single_target_is_not_passed_over_by_the_rejection_of_its_hedge(streaming: bool) -> None:
    """It is not asked as a last target, and the rejection is no failure."""
    scene = Scene([after(3, RateLimitError("later", provider="a"))], hedge_after=2.0, layers=(OneAtATime(),))
    with pytest.raises(RateLimitError):
        await scene.timed(streaming)
    assert scene.sent == [1]
    await scene.settle()


async def test_a_loser_that_shows_signs_of_life_lingers_all_the_same() -> None:
    """Otherwise a target that sends pings and no content is never suspected."""
    pings = stream(after(COLD + 1, ping()), after(1, ping()), stall())
    scene = Scene([stall(), pings], ["one", "two"])
    await scene.timed()
    began = asyncio.get_running_loop().time()
    await scene.timed()
    await asyncio.wait(scene.pipeline.lifecycle.background)
    assert asyncio.get_running_loop().time() - began == pytest.approx(10, abs=0.1)
    await scene.settle()


async def test_a_cancelled_call_asks_nobody_else_while_its_targets_end(streaming: bool) -> None:
    """The hedge fails as it is cancelled, and the next target is not asked in its place."""

    async def fails_when_cancelled(call: Call) -> Any:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(100)
        raise ServerError("down", provider="b")

    scene = Scene([stall()], fails_when_cancelled, ["other"])
    task = asyncio.create_task(scene.timed(streaming))
    await asyncio.sleep(COLD + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert scene.sent == [1, 1, 0]
    await scene.settle()


async def test_a_single_target_is_hedged_by_learned_times_only(streaming: bool) -> None:
    scene = Scene([*["quick"] * 30, stall(), "well"])
    for _ in range(30):
        await scene.timed(streaming)
    await asyncio.sleep(2)
    assert await scene.timed(streaming) == ("well", pytest.approx(2, abs=0.1))
    cold = Scene([after(15, "slow"), "other"])
    assert await cold.timed(streaming) == ("slow", pytest.approx(15, abs=0.1))
    await scene.settle()


async def test_the_caller_may_switch_hedges_off(streaming: bool) -> None:
    scene = Scene([after(15, "slow")], ["other"])
    assert await scene.timed(streaming, hedge=False) == ("slow", pytest.approx(15, abs=0.1))
    assert scene.sent == [1, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"extra": {"tools": [{"type": "web_search"}]}},
        {"extra": {"a": {"previous_response_id": "resp_1"}}},
        {"tools": [WireTool("anthropic", {"type": "web_search_20250305", "name": "web_search"})]},
    ],
    ids=["extra", "extra of one provider", "tools"],
)
async def test_a_request_that_the_provider_acts_on_is_not_hedged(
    options: dict[str, Any], streaming: bool
) -> None:
    scene = Scene([after(15, "slow"), stall()], ["other"])
    assert await scene.timed(streaming, **options) == ("slow", pytest.approx(15, abs=0.1))
    assert (await scene.timed(streaming, **options, hedge=True))[0] == "other"
    await scene.settle()


async def test_a_request_with_tools_of_the_application_is_hedged(streaming: bool) -> None:
    scene = Scene([stall()], ["well"])
    assert (await scene.timed(streaming, tools=[Tool("weather", "The weather in a city", {})]))[0] == "well"
    await scene.settle()


async def test_hedges_are_limited_to_a_share_of_the_calls() -> None:
    """Ten at once, and then one for every ten calls."""
    scene = Scene(lambda call: after(FIRST_TOKEN - 1, "slow"), lambda call: after(FIRST_TOKEN - 1, "slow"))
    await asyncio.gather(*(scene.timed() for _ in range(100)))
    assert scene.sent[1] == 10
    assert sum(isinstance(event, HedgeWithheld) for event in scene.events) == 90
    await scene.settle()


async def test_only_what_is_sent_earns_hedges() -> None:
    """A call that is rejected has sent no request, so that nobody receives hedges for it."""
    scene = Scene(lambda call: "one", ["two"])
    for _ in range(10):
        assert scene.route.budget.take("b")
    await scene.timed()
    assert scene.route.budget.left("b") == pytest.approx(0.1)
    await scene.breaker.circuits.isolate("default", "a")
    await scene.breaker.circuits.isolate("default", "b")
    for _ in range(10):
        with pytest.raises(AllDeploymentsFailedError):
            await scene.timed()
    assert scene.route.budget.left("b") == pytest.approx(0.1)


async def test_signs_of_life_move_the_hedge_while_the_target_is_not_known(streaming: bool) -> None:
    scene = Scene([stream(ping(), after(5, ping()), after(4.5, "late"))], ["other"])
    assert await scene.timed(streaming) == ("late", pytest.approx(9.5, abs=0.1))
    assert scene.sent == [1, 0]
    await scene.settle()


async def test_a_closing_pipeline_ends_losers() -> None:
    scene = Scene([stall(), stall()], ["one", "two"])
    await scene.timed()
    await scene.timed()
    assert scene.pipeline.lifecycle.background
    began = asyncio.get_running_loop().time()
    await scene.pipeline.aclose()
    assert asyncio.get_running_loop().time() - began < 1
    assert not scene.pipeline.lifecycle.background


async def test_every_target_gets_its_turn_before_the_deadline(streaming: bool) -> None:
    scene = Scene([stall()], [stall()], ["well"], deadline=8, hedge_after=None, reserve=20)
    text, seconds = await scene.timed(streaming)
    assert (text, scene.sent) == ("well", [1, 1, 1])
    assert seconds < 8
    await scene.settle()


async def test_an_answer_that_has_begun_may_use_the_whole_deadline(streaming: bool) -> None:
    steps = ["0 ", *(after(10, f"{number} ") for number in range(17))]
    scene = Scene([stream(*steps)], ["other"], reserve=20)
    assert (await scene.timed(streaming))[1] == pytest.approx(170, abs=1)
    assert scene.sent == [1, 0]
    await scene.settle()


@pytest.mark.parametrize(("hedge_min", "delay"), [(0.5, 0.5), (2.0, 2.0), (5.0, 2.0)])
async def test_a_probe_has_no_victim(hedge_min: float, delay: float) -> None:
    """A call that is a probe asks its next target after 2 s, or after `hedge_min` if that is shorter."""
    down = ServerError("no", provider="a", status=500)
    scene = Scene([down, stall()], ["ok", "ok"], hedge_min=hedge_min, breaker=Breaker(1, cooldown=5))
    await scene.timed()
    await asyncio.sleep(10)
    text, took = await scene.timed()
    assert text == "ok"
    assert took == pytest.approx(delay, abs=0.1)
    await scene.settle()


async def test_the_story_shows_the_hedge() -> None:
    scene = Scene([stall()], ["well"])
    answer = await scene.pipeline.complete("Why?")
    assert [each.outcome for each in answer.attempts] == ["hedge_lost", "succeeded"]
    assert "asked as well" in answer.explain()
    with suppress(Exception):
        await scene.settle()


async def test_a_single_target_whose_hedge_is_withheld_is_asked_once() -> None:
    """It fails after its hedge was withheld: it is not asked again as if another target were left."""
    failure = after(5, ServerError("no", provider="a"))
    scene = Scene([failure], hedge_after=2.0)
    while scene.route.budget.take("a"):
        pass
    with pytest.raises(ServerError):
        await scene.timed()
    assert [type(event) for event in scene.events] == [HedgeWithheld]
    assert len(scene.providers[0].calls) == 1
