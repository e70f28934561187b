"""How soon an endpoint of a tenant's own answers says nothing about the others, and the other way round."""

import asyncio
from typing import Any

import pytest

from ranvier import Access, Pipeline, ServerError
from ranvier.layers import Balance, Fallback, Timeout
from ranvier.layers.fallback import pace
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, after, stall
from support.hedges import COLD, Scene

pytestmark = pytest.mark.virtual_time

OWN = {name: Access("k", base_url=f"https://{name}.example") for name in ("acme", "globex")}
LEARNED = 2.0
"""When a hedge is due at a target that usually answers at once."""


def key_of(tenant: str, provider: str) -> Any:
    return OWN.get(tenant, "a key")


def scene(ours: Any, own: Any) -> Scene:
    """Two targets; the first is asked by our key, and at endpoints of tenants' own."""

    def first(call: Call) -> Any:
        answer = ours if call.access is None else own
        return answer() if callable(answer) else answer

    return Scene(first, lambda call: "other", credentials=key_of)


async def learned(scene: Scene, **options: Any) -> None:
    """Ask so often that the usual times are known."""
    for _ in range(30):
        await scene.timed(True, **options)
    await asyncio.sleep(2)


@pytest.mark.parametrize("streaming", [False, True], ids=["complete", "stream"])
async def test_an_endpoint_is_not_hedged_by_the_times_of_others(streaming: bool) -> None:
    """A tenant's server may need a few seconds where ours needs none."""
    target = scene("quick", after(COLD - 1, "own"))
    await learned(target)
    assert await target.timed(streaming, tenant="acme") == ("own", pytest.approx(COLD - 1, abs=0.1))
    assert len(target.providers[1].calls) == 0
    await target.settle()


async def test_an_endpoint_is_hedged_by_its_own_times() -> None:
    """Those of another tenant's endpoint do not count either."""
    quick = ["quick"] * 30
    target = scene(stall(), lambda: quick.pop() if quick else stall())
    await learned(target, tenant="acme")
    for tenant, due in (("acme", LEARNED), ("globex", COLD), ("other", COLD)):
        assert await target.timed(True, tenant=tenant) == ("other", pytest.approx(due, abs=0.1))
    await target.settle()


async def test_the_times_of_endpoints_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the endpoint which was used the longest time ago is forgotten first."""
    monkeypatch.setattr(pace, "MAX_ENDPOINTS", 2)
    ours = pace.Pace(0.99)
    first, second = ours.at("first"), ours.at("second")
    assert ours.at("first") is first
    assert ours.at("third") is not first
    assert ours.at("first") is first
    assert ours.at("second") is not second
    assert ours.at(None) is ours


async def test_what_was_learned_of_endpoints_outlives_an_event_loop_and_a_reload() -> None:
    """As the other times."""
    ours = pace.Pace(0.99)
    for seconds in range(1, 31):
        ours.at("own").content(float(seconds), 100.0)
    assert ours.at("own").learned(100.0) == pytest.approx(30, rel=0.03)
    ours.shift(50_000.0)
    ours.learns(0.5)
    assert ours.at("own").learned(50_100.0) == pytest.approx(15, rel=0.05)


async def test_the_load_of_a_balance_is_not_judged_by_endpoints_of_tenants() -> None:
    """Neither by how soon they answer, nor by their failures."""

    def answer(call: Call) -> Any:
        if call.access is None:
            return "ours"
        return after(9, ServerError("down", provider="a") if call.tenant == "globex" else "own")

    route = Fallback(Balance(ScriptedProvider("a", answer), ScriptedProvider("b", answer)))
    async with Pipeline(route, Timeout(None, first_token=20), credentials=key_of, listeners=()) as pipeline:
        for tenant in ("acme", "globex"):
            await asyncio.gather(
                *(pipeline.complete("Why?", tenant=tenant) for _ in range(5)), return_exceptions=True
            )
        now = asyncio.get_running_loop().time()
        assert [each.first_token for each in route.balances[0].snapshots(now)] == [None, None]
        async with pipeline.stream("Why?") as stream:
            await stream.collect()
        assert any(each.first_token is not None for each in route.balances[0].snapshots(now))
