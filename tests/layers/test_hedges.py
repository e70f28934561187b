"""Hedges: a silent target does not keep its call waiting, and what is dropped is given back."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    DeadlineExceededError,
    Pipeline,
    ServerError,
    Tool,
    WireTool,
)
from ranvier.events import Event, HedgeSent, HedgeWithheld
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.testing import ScriptedProvider, after, assert_settled, ping, stall, stream

pytestmark = pytest.mark.virtual_time

FIRST_TOKEN = 20.0
COLD = FIRST_TOKEN / 3


class Scene:
    """Some targets, hedged by the usual rule; it counts what each of them was sent."""

    def __init__(
        self,
        *scripts: Any,
        deadline: float = 180.0,
        retries: int = 0,
        breaker: Breaker | None = None,
        **settings: Any,
    ) -> None:
        self.providers = [
            ScriptedProvider(name, script) for name, script in zip("abc", scripts, strict=False)
        ]
        self.events: list[Event] = []
        self.route = Fallback(*self.providers, **{"hedge_after": "p99", **settings})
        self.breaker = breaker or Breaker(failure_threshold=1000)
        self.pipeline = Pipeline(
            Deadline(deadline),
            self.route,
            Retry(max_retries=retries),
            self.breaker,
            Timeout(None, first_token=FIRST_TOKEN, idle=15),
            listeners=[self.events.append],
        )

    async def timed(self, streaming: bool = False, **options: Any) -> tuple[str, float]:
        """The text of an answer, and how long it took."""
        began = asyncio.get_running_loop().time()
        if streaming:
            async with self.pipeline.stream("Why?", **options) as answer:
                text = (await answer.collect()).text
        else:
            text = (await self.pipeline.complete("Why?", **options)).text
        return text, asyncio.get_running_loop().time() - began

    @property
    def sent(self) -> list[int]:
        return [len(provider.calls) for provider in self.providers]

    async def settle(self) -> None:
        """Wait until the losers have ended."""
        await asyncio.sleep(100)
        assert_settled(self.pipeline)
        assert not self.pipeline.lifecycle.background


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
