"""What `print(pipeline)` tells of a route: how soon its targets answer, and the hedges that are left."""

import asyncio
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, SharedCircuits, Timeout
from ranvier.testing import ScriptedProvider, after, stall

pytestmark = pytest.mark.virtual_time


def piped(*scripts: Any, shared: SharedCircuits | None = None, **settings: Any) -> Pipeline:
    """A pipeline of targets with these scripts."""
    providers = [ScriptedProvider(name, script) for name, script in zip("abc", scripts, strict=False)]
    route = Fallback(*providers, **{"hedge_after": "p99", **settings})
    return Pipeline(
        Deadline(180), route, Breaker(1000, shared=shared), Timeout(None, first_token=20, idle=15)
    )


def told(pipeline: Pipeline) -> list[str]:
    """The lines about the route."""
    lines = [line.strip() for line in str(pipeline).splitlines()]
    (at,) = [number for number, line in enumerate(lines) if line.startswith("ROUTE")]
    (until,) = [number for number, line in enumerate(lines) if line.startswith("ADMIT")]
    return lines[at + 1 : until]


async def test_a_cold_route_tells_after_how_long_it_hedges() -> None:
    assert told(piped(["well"], ["well"])) == [
        "a/scripted: p99 of first content unknown before 20 calls, hedged after 6.7 s, no content yet",
        "b/scripted: p99 of first content unknown before 20 calls, hedged after 6.7 s, no content yet",
        "hedges to b: 10.0 of 10 left",
    ]


async def test_what_was_learned_is_told() -> None:
    """The p99 is one of content, and no hedge is sent sooner than its least delay."""
    pipeline = piped([*[after(1, "well")] * 20, *[after(4, "well")] * 20], ["well"])
    for shown, hedged in (("1.0 s", "2.0 s"), ("4.", "4.")):
        for _ in range(20):
            await pipeline.complete("Why?", hedge=False)
        await asyncio.sleep(2)
        assert told(pipeline)[0].startswith(f"a/scripted: p99 of first content {shown}")
        assert f"hedged after {hedged}" in told(pipeline)[0]


async def test_a_silent_target_is_suspect_and_its_attempts_linger() -> None:
    pipeline = piped(["well", stall(), stall()], ["one", "two"])
    for _ in range(3):
        await pipeline.complete("Why?")
    assert told(pipeline)[0].endswith("suspect, because it was silent, 1 attempt lingering")
    assert told(pipeline)[-1] == "hedges to b: 8.1 of 10 left"
    await asyncio.sleep(100)
    assert told(pipeline)[0].endswith("hedged after 6.7 s")
    await pipeline.aclose()


async def test_a_single_target_is_hedged_once_it_is_known() -> None:
    pipeline = piped(["well"] * 20)
    assert told(pipeline) == [
        "a/scripted: p99 of first content unknown before 20 calls, no content yet",
        "hedges to a: 10.0 of 10 left",
    ]
    for _ in range(20):
        await pipeline.complete("Why?")
    await asyncio.sleep(2)
    assert told(pipeline)[0].endswith("hedged after 2.0 s")


async def test_a_route_that_hedges_nothing_tells_only_what_it_watches() -> None:
    assert told(piped(["well"], ["well"], hedge_after=None)) == []
    watched = told(piped(["well"], ["well"], hedge_after=None, shared=SharedCircuits()))
    assert watched[0] == "a/scripted: p99 of first content unknown before 20 calls, no content yet"
    assert len(watched) == 2


async def test_many_targets_are_not_all_listed() -> None:
    route = Fallback(*[ScriptedProvider(f"p{number}") for number in range(30)], hedge_after=3.0)
    lines = told(Pipeline(route, Breaker()))
    assert sum("hedged after 3.0 s" in line for line in lines) == 12
    assert sum("of 10 left" in line for line in lines) == 12


async def test_a_single_target_is_hedged_once_per_call() -> None:
    """However silent it is, and though its hedge fails, too."""
    pipeline = piped([*["well"] * 30, *[stall()] * 10])
    for _ in range(30):
        await pipeline.complete("Why?")
    await asyncio.sleep(2)
    with pytest.raises(RanvierError) as failed:
        await pipeline.complete("Why?")
    assert [each.reason for each in failed.value.attempts] == [None, "hedge"]
    await pipeline.aclose()
