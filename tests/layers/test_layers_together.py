"""Layers that queue, count and inject, in one stack: none takes what belongs to another."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

import ranvier.facts.story as module
from ranvier import Pipeline, RanvierError, RateLimitError, Response
from ranvier.events import Event, LimitLowered
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import (
    AdaptiveLimit,
    Balance,
    Bulkhead,
    Chaos,
    Deadline,
    Fallback,
    Pacing,
    Retry,
    Throttle,
    Timeout,
)
from ranvier.layers.chaos.faults import NAMES
from ranvier.testing import ScriptedProvider, VirtualTime, after, settled, stream

pytestmark = pytest.mark.virtual_time

LIMITS = Timeout(30, first_token=10, idle=5)
REFUSED = RateLimitError("slow down", provider="one", status=429, retry_after=0.3)


async def read(pipeline: Pipeline, *, streaming: bool) -> Response | RanvierError:
    """The answer, or the error."""
    try:
        if not streaming:
            return await pipeline.complete("Why?", tenant="acme")
        async with pipeline.stream("Why?", tenant="acme") as answer:
            return await answer.collect()
    except RanvierError as error:
        return error


# --- faults on purpose ---------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("fault", NAMES)
async def test_a_fault_on_purpose_moves_no_adaptive_limit(fault: str, streaming: bool) -> None:
    heard: list[Event] = []
    limit, chaos = AdaptiveLimit(4), Chaos(fault, rate=1.0)
    chaos.on = False
    one = ScriptedProvider("one", [after(0.1, stream("one ", "two ", "three ", "four"))])
    pipeline = Pipeline(Deadline(60), Fallback(one), limit, LIMITS, chaos, listeners=[heard.append])
    for _ in range(100):
        await read(pipeline, streaming=streaming)
    before = [each.limit for each in limit.places]
    chaos.on = True
    for _ in range(100):
        await asyncio.gather(*[read(pipeline, streaming=streaming) for _ in range(4)])
    assert [each.limit for each in limit.places] == before
    assert not [each for each in heard if isinstance(each, LimitLowered)]
    await settled(pipeline)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("fault", NAMES)
async def test_a_fault_on_purpose_makes_no_target_slow_in_a_balance(
    fault: str, retries: int, streaming: bool
) -> None:
    chaos = Chaos(fault, rate=1.0, when=lambda call: call.deployment.provider.name == "a")
    providers = [ScriptedProvider(name, [after(0.1, stream("one ", "two ", "three"))]) for name in "ab"]
    route = Fallback(Balance(*providers))
    pipeline = Pipeline(Deadline(600), route, Retry(retries), LIMITS, chaos)
    for on in (False, True):
        chaos.on = on
        for _ in range(30):
            await read(pipeline, streaming=streaming)
    for load in route.balances[0].snapshots(pipeline.clock()):
        assert load.share == 1.0
        assert load.first_token == pytest.approx(0.1)
    await settled(pipeline)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("fault", ["auth", "network", "overloaded", "rate_limit", "server_error", "stall"])
async def test_a_fault_in_place_of_a_request_uses_up_no_limit(fault: str, streaming: bool) -> None:
    def reports(call: Any) -> Any:
        call.on_limits(RateLimits(requests=RateLimit(10, 9, 3600.0)), True)
        return "fine"

    pacing, chaos = Pacing(), Chaos(fault, rate=1.0)
    chaos.on = False
    pipeline = Pipeline(Deadline(60), Fallback(ScriptedProvider("one", reports)), pacing, LIMITS, chaos)
    await read(pipeline, streaming=streaming)
    (before,) = [each.left for each in pacing.allowances]
    chaos.on = True
    for _ in range(5):
        await read(pipeline, streaming=streaming)
    assert [each.left for each in pacing.allowances] == [pytest.approx(before, abs=0.5)]
    await settled(pipeline)


# --- two queues ----------------------------------------------------------------------------------


async def test_the_record_of_a_call_that_moves_between_queues_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It moves each time that the gate opens or closes. Its waits are added up, and none is lost."""
    monkeypatch.setattr(module, "MAX_WAITS", 20)
    limits = iter([False, False, False, True] * 1000)
    one = ScriptedProvider("one", lambda call: after(0.1, REFUSED if next(limits) else "fine"))
    layers = Deadline(600), Fallback(one), Bulkhead(2, max_wait=None), Throttle(600, max_closed=600)
    pipeline = Pipeline(*layers)
    calls = [asyncio.create_task(read(pipeline, streaming=False)) for _ in range(200)]
    ended = await asyncio.gather(*calls)
    stories = [each.story for each in ended]
    for story in stories:
        assert story is not None
        assert len(story.waits) <= 20
        assert story.unaccounted_seconds == pytest.approx(0.0, abs=1e-6)
        assert len(story.explain().splitlines()) < 30
    assert any(len(story.waits) == 20 for story in stories if story)
    await settled(pipeline)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gated", [False, True])
def test_calls_never_pass_places_around_without_being_sent(seed: int, gated: bool) -> None:
    """Those that have the inner place and those that have the outer one must not wait for each other."""
    rng = Random(seed)

    def script(call: Any) -> Any:
        return after(rng.choice([0.1, 0.2, 0.5]), REFUSED if gated and rng.random() < 0.2 else "fine")

    outer = Bulkhead(3, per_tenant=2, max_wait=None, key=lambda call: "all")
    inner = AdaptiveLimit(2, most=2, max_wait=None), *([Throttle(900)] if gated else [])
    route = Fallback(*[ScriptedProvider(name, script) for name in "ab"])
    pipeline = Pipeline(Deadline(1000), route, Retry(3), outer, *inner, listeners=())

    async def ask(number: int) -> str:
        await asyncio.sleep(rng.choice([0, 0, 0.1, 0.2, 0.5, 1]))
        try:
            return (await pipeline.complete("Why?", tenant=f"t{number % 3}", to=rng.choice("ab"))).text
        except RanvierError as error:
            return error.kind

    async def all_of_them() -> list[str]:
        answers = await asyncio.gather(*[ask(number) for number in range(40)])
        await settled(pipeline)
        return answers

    run = VirtualTime(turns=30_000)
    answers = run(all_of_them())
    run.close()
    assert gated or answers == ["fine"] * 40
