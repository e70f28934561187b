"""What each layer keeps when its stack is replaced: state by its name, under the new rules."""

import asyncio
import gc
import sys
import weakref
from types import ModuleType
from typing import Any

import pytest

from ranvier import (
    AuthenticationError,
    Credentials,
    Deployment,
    OverloadedError,
    Pipeline,
    RateLimitError,
    ServerError,
    Usage,
)
from ranvier.layers import (
    AdaptiveLimit,
    Breaker,
    Bulkhead,
    Chaos,
    Fallback,
    Pacing,
    Retry,
    SpendLimit,
    Throttle,
)
from ranvier.messages import Response
from ranvier.testing import ScriptedProvider, after, assert_settled, settled, stall, stream
from support.reloads import Reloadable, layer, route

pytestmark = pytest.mark.virtual_time

DOWN = ServerError("down", provider="one")


# --- circuits ------------------------------------------------------------------------------------


async def test_an_open_circuit_stays_open(monkeypatch: Any) -> None:
    """It was opened by the old stack, and rejects calls of the new one."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker", failure_threshold=1), one=[DOWN, "fine"])
    assert await scene.outcome() == "server_error"
    await scene.reload(route("one"), layer("Breaker", failure_threshold=3, cooldown=9))
    assert scene.pipeline.circuits.state("acme", "one") == "open"
    assert await scene.outcome() == "circuit_open"
    assert len(scene.providers["one"].calls) == 1


async def test_a_cooldown_that_runs_ends_as_it_would_have(monkeypatch: Any) -> None:
    """The next one is as long as the new rules say."""
    one = layer("Breaker", failure_threshold=1, cooldown=10)
    scene = Reloadable(monkeypatch, route("one"), one, one=[DOWN])
    await scene.outcome()
    await scene.reload(route("one"), {**one, "cooldown": 100})
    await asyncio.sleep(12.1)
    assert await scene.outcome() == "server_error"  # the probe
    await asyncio.sleep(50)
    assert await scene.outcome() == "circuit_open"


async def test_failures_before_a_reload_count_after_it(monkeypatch: Any) -> None:
    """Two and two are four, under a new threshold of three."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker", failure_threshold=5), one=[DOWN])
    await scene.outcome()
    await scene.outcome()
    await scene.reload(route("one"), layer("Breaker", failure_threshold=3))
    assert await scene.outcome() == "server_error"
    assert await scene.outcome() == "circuit_open"


async def test_a_call_in_flight_reports_to_the_same_circuit(monkeypatch: Any) -> None:
    """It was admitted by the old breaker, and opens the circuit of the new one."""
    scene = Reloadable(
        monkeypatch, route("one"), layer("Breaker", failure_threshold=1), one=[after(5, DOWN), "fine"]
    )
    call = scene.start()
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Breaker", failure_threshold=1, success_threshold=1))
    await asyncio.wait([call])
    assert await scene.outcome() == "circuit_open"
    assert_settled(scene.pipeline)


async def test_a_probe_in_flight_is_the_only_one_and_closes_the_circuit(monkeypatch: Any) -> None:
    """Its lease survives the reload."""
    rules = layer("Breaker", failure_threshold=1, success_threshold=1, cooldown=1)
    scene = Reloadable(monkeypatch, route("one"), rules, one=[DOWN, after(5, "fine"), "later"])
    await scene.outcome()
    await asyncio.sleep(2)
    probe = scene.start()
    await asyncio.sleep(1)
    await scene.reload(route("one"), {**rules, "cooldown": 2})
    assert await scene.outcome() == "circuit_open"
    assert (await probe).text == "fine"
    assert await scene.outcome() == "later"
    assert_settled(scene.pipeline)


async def test_an_isolated_circuit_stays_isolated(monkeypatch: Any) -> None:
    """An operator has decided that, and no file."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker"), one=["fine"])
    await scene.pipeline.circuits.isolate("acme", "one")
    await scene.reload(route("one"), layer("Breaker", cooldown=1))
    assert await scene.outcome() == "circuit_open"
    await scene.pipeline.circuits.reset("acme", "one")
    assert await scene.outcome() == "fine"


async def test_rules_for_one_target_reach_its_circuits(monkeypatch: Any) -> None:
    """An override that a file adds counts for circuits that exist."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker"), one=[DOWN])
    await scene.outcome()
    await scene.reload(route("one"), layer("Breaker", overrides={"one": {"failure_threshold": 2}}))
    await scene.outcome()
    assert await scene.outcome() == "circuit_open"


async def test_windows_that_a_file_adds_count_in_circuits_that_exist(monkeypatch: Any) -> None:
    """A circuit without windows becomes one with them, in the same state."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker"), one=[DOWN, "fine", DOWN, "fine", "fine"])
    await scene.outcome()
    rates = layer("Breaker", failure_rate=0.5, minimum=2)
    await scene.reload(route("one"), rates)
    assert [await scene.outcome() for _ in range(3)] == ["fine", "server_error", "circuit_open"]


async def test_a_second_model_renames_the_circuits_of_a_provider(monkeypatch: Any) -> None:
    """The circuit was of the provider, and is of its model now; and back."""
    rules = layer("Breaker", failure_threshold=1)
    scene = Reloadable(monkeypatch, route("one"), rules, one=[DOWN, "fine"])
    await scene.outcome()
    await scene.reload(route("one", "one/other"), rules)
    assert dict(scene.pipeline.circuits.states()) == {("acme", "one/scripted"): "open"}
    assert await scene.outcome() == "fine"  # by the other model
    await scene.reload(route("one"), rules)
    assert scene.pipeline.circuits.state("acme", "one") == "open"


async def test_a_breaker_that_is_switched_off_keeps_nothing(monkeypatch: Any) -> None:
    """It rejects nothing, and begins anew when it is on again."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker", failure_threshold=1), one=[DOWN, "fine"])
    await scene.outcome()
    await scene.reload(route("one"), layer("Breaker", mode="off"))
    assert await scene.outcome() == "fine"
    assert len(scene.pipeline.circuits) == 0


async def test_a_target_that_is_switched_off_is_not_rejected_any_more(monkeypatch: Any) -> None:
    """By an override, also if its circuit is open."""
    rules = layer("Breaker", failure_threshold=1)
    scene = Reloadable(monkeypatch, route("one"), rules, one=[DOWN, "fine", DOWN, DOWN])
    await scene.outcome()
    off = {"failure_threshold": 1, "mode": "off"}
    await scene.reload(route("one"), {**rules, "overrides": {"one": off}})
    assert await scene.outcome() == "fine"


async def test_fewer_circuits_are_kept_if_a_file_says_so(monkeypatch: Any) -> None:
    """The least recently used ones go."""
    scene = Reloadable(monkeypatch, route("one"), layer("Breaker"), one=["fine"])
    for tenant in ("a", "b", "c"):
        await scene.outcome(tenant)
    await scene.reload(route("one"), layer("Breaker", max_circuits=1))
    assert [key for key, _ in scene.pipeline.circuits.states()] == [("c", "one")]
    assert await scene.outcome("d") == "fine"
    assert [key for key, _ in scene.pipeline.circuits.states()] == [("d", "one")]


async def test_a_shared_circuit_stays_open(monkeypatch: Any) -> None:
    """With its votes, under new rules."""
    shared = {"votes": 2, "cooldown": 30}
    rules = layer("Breaker", shared=shared)
    scene = Reloadable(monkeypatch, route("one", "two"), rules, one=[DOWN], two=["fine"])
    for tenant in ("a", "b"):
        await scene.outcome(tenant)
    assert scene.pipeline.circuits.shared is not None
    assert scene.pipeline.circuits.shared.state("one", "scripted") == "open"
    await scene.reload(route("one", "two"), layer("Breaker", shared={**shared, "votes": 7}))
    assert scene.pipeline.circuits.shared.state("one", "scripted") == "open"
    asked = len(scene.providers["one"].calls)
    assert await scene.outcome("c") == "fine"
    assert len(scene.providers["one"].calls) == asked


async def test_votes_before_a_reload_count_after_it(monkeypatch: Any) -> None:
    """One and one are two, which is the new quorum."""
    scene = Reloadable(
        monkeypatch, route("one", "two"), layer("Breaker", shared={"votes": 9}), one=[DOWN], two=["fine"]
    )
    await scene.outcome("a")
    await scene.reload(route("one", "two"), layer("Breaker", shared={"votes": 2}))
    await scene.outcome("b")
    assert scene.pipeline.circuits.shared is not None
    assert scene.pipeline.circuits.shared.state("one", "scripted") == "open"


# --- gates ---------------------------------------------------------------------------------------


async def test_a_closed_gate_stays_closed(monkeypatch: Any) -> None:
    """And the new rules say how long a call waits at it."""
    limited = RateLimitError("slow down", provider="one", retry_after=30)
    scene = Reloadable(monkeypatch, route("one"), layer("Throttle", max_wait=0), one=[limited, "fine"])
    assert await scene.outcome() == "rate_limit"
    await scene.reload(route("one"), layer("Throttle", max_wait=1))
    assert await scene.outcome() == "throttled"
    await scene.reload(route("one"), layer("Throttle", max_wait=60))
    assert await scene.outcome() == "fine"
    assert len(scene.layer(Throttle).gates) == 0


async def test_a_rejected_key_stays_rejected(monkeypatch: Any) -> None:
    """It is not sent again because a file was touched."""
    rejected = AuthenticationError("no", provider="one")
    scene = Reloadable(monkeypatch, route("one"), layer("Throttle"), one=[rejected, "fine"])
    await scene.outcome()
    await scene.reload(route("one"), layer("Throttle", max_wait=3))
    assert await scene.outcome() == "throttled"
    assert len(scene.providers["one"].calls) == 1


async def test_calls_that_wait_at_a_gate_are_admitted(monkeypatch: Any) -> None:
    """A call of the old stack and one of the new wait at the same gate, and one probe is sent."""
    limited = RateLimitError("slow down", provider="one", retry_after=5)
    scene = Reloadable(
        monkeypatch, route("one"), layer("Throttle", max_wait=20), one=[limited, after(1, "fine")]
    )
    await scene.outcome()
    calls = [scene.start("a")]
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Throttle", max_wait=30))
    calls.append(scene.start("b"))
    assert [(await call).text for call in calls] == ["fine", "fine"]
    assert_settled(scene.pipeline)


# --- places --------------------------------------------------------------------------------------


async def test_places_of_calls_in_flight_are_not_given_twice(monkeypatch: Any) -> None:
    """Two calls of the old stack are in flight: the new one has no place until one has ended."""
    running = {"now": 0, "most": 0}

    async def counted(call: Any) -> Any:
        running["now"] += 1
        running["most"] = max(running["most"], running["now"])
        await asyncio.sleep(5)
        running["now"] -= 1
        return "fine"

    scene = Reloadable(monkeypatch, route("one"), layer("Bulkhead", limit=2), one=counted)
    calls = [scene.start() for _ in range(3)]
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Bulkhead", limit=2, queue=50))
    calls += [scene.start() for _ in range(3)]
    assert [(await call).text for call in calls] == ["fine"] * 6
    assert running["most"] == 2
    assert_settled(scene.pipeline)


async def test_more_places_are_given_at_once(monkeypatch: Any) -> None:
    """To calls that wait since before the reload."""
    scene = Reloadable(
        monkeypatch, route("one"), layer("Bulkhead", limit=1), one=lambda call: after(5, "fine")
    )
    calls = [scene.start() for _ in range(3)]
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Bulkhead", limit=3))
    await asyncio.sleep(0.1)
    assert scene.providers["one"].in_progress == 3
    await asyncio.wait(calls)


async def test_fewer_places_are_reached_as_calls_end(monkeypatch: Any) -> None:
    """Nobody loses a place."""
    scene = Reloadable(
        monkeypatch, route("one"), layer("Bulkhead", limit=3), one=lambda call: after(5, "fine")
    )
    calls = [scene.start() for _ in range(4)]
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Bulkhead", limit=1))
    await asyncio.sleep(4.5)
    assert scene.providers["one"].in_progress == 1
    assert [(await call).text for call in calls] == ["fine"] * 4


async def test_a_cap_per_tenant_that_is_lifted_lets_its_calls_go(monkeypatch: Any) -> None:
    """They waited only for that."""
    capped = layer("Bulkhead", limit=3, per_tenant=1)
    scene = Reloadable(monkeypatch, route("one"), capped, one=lambda call: after(5, "fine"))
    calls = [scene.start() for _ in range(3)]
    await asyncio.sleep(1)
    await scene.reload(route("one"), layer("Bulkhead", limit=3))
    await asyncio.sleep(0.1)
    assert scene.providers["one"].in_progress == 3
    await asyncio.wait(calls)
    assert scene.layer(Bulkhead).places.known["one"].queue.idle


async def test_a_stream_in_flight_keeps_its_place(monkeypatch: Any) -> None:
    """Until its reader has ended it, and gives it back to calls of the new stack."""
    one = [stream("a", after(9, "b")), "fine"]
    scene = Reloadable(monkeypatch, route("one"), layer("Bulkhead", limit=1, max_wait=0), one=one)
    async with scene.pipeline.stream("Why?", tenant="acme") as answer:
        assert (await anext(answer)).text == "a"
        await scene.reload(route("one"), layer("Bulkhead", limit=1, max_wait=0, queue=5))
        assert await scene.outcome() == "bulkhead_full"
        assert [event.text async for event in answer if event.text] == ["b"]
    assert await scene.outcome() == "fine"
    await settled(scene.pipeline)


async def test_a_limit_that_was_found_is_kept(monkeypatch: Any) -> None:
    """Within the new bounds."""
    refused = OverloadedError("too much", provider="one")
    scene = Reloadable(monkeypatch, route("one"), layer("AdaptiveLimit", initial=20), one=[refused])
    await scene.outcome()
    await scene.reload(route("one"), layer("AdaptiveLimit", initial=20, most=500))
    adaptive = scene.layer(AdaptiveLimit)
    key = next(iter(adaptive.places.known))
    assert adaptive.limit_of(key) == 15
    await scene.reload(route("one"), layer("AdaptiveLimit", initial=10, most=10))
    assert scene.layer(AdaptiveLimit).limit_of(key) == 10
    assert next(iter(scene.layer(AdaptiveLimit).places)).limit == 10


# --- budgets -------------------------------------------------------------------------------------


async def test_used_retries_stay_used(monkeypatch: Any) -> None:
    """A reload is no way to more retries."""
    budget = {"ratio": 0, "per_second": 0.2}
    rules = layer("Retry", max_retries=1, base_delay=0, budget=budget)
    scene = Reloadable(monkeypatch, route("one"), rules, one=[DOWN])
    await scene.outcome()
    assert len(scene.providers["one"].calls) == 2
    await scene.reload(route("one"), {**rules, "base_delay": 0.1})
    await scene.outcome()
    assert len(scene.providers["one"].calls) == 3
    assert scene.pipeline.retry_budget is scene.layer(Retry).budget


async def test_spent_money_stays_spent(monkeypatch: Any) -> None:
    """Also what a call in flight has reserved."""

    def answer(call: Any) -> Any:
        return after(5, Response("fine", usage=Usage(input=1, output=40)))

    rules = layer("SpendLimit", per_tenant=3000, window=1000.0)
    scene = Reloadable(monkeypatch, rules, route("one"), one=answer)
    call = scene.start(max_tokens=100)
    await asyncio.sleep(1)
    await scene.reload({**rules, "per_tenant": 2500}, route("one"))
    account = scene.layer(SpendLimit).account("acme")
    assert account.reserved > 100
    await call
    account = scene.layer(SpendLimit).account("acme")
    assert (account.settled, account.reserved) == (41, 0)
    await scene.reload({**rules, "per_tenant": 30}, route("one"))
    assert await scene.outcome(max_tokens=1) == "spend_limit"


async def test_hedges_stay_used(monkeypatch: Any) -> None:
    """The budget of hedges goes on."""
    rules = route("one", "two", hedge_after=1.0)
    scene = Reloadable(monkeypatch, rules, one=[stall()], two=["fine"])
    for _ in range(3):
        assert await scene.outcome() == "fine"
    left = scene.layer(Fallback).budget.left("two")
    assert left < 10
    await scene.reload(route("one", "two", hedge_after=2.0))
    assert scene.layer(Fallback).budget.left("two") == left


# --- learned numbers -----------------------------------------------------------------------------


async def test_learned_times_stay_known(monkeypatch: Any) -> None:
    """The quantile is that of the new rules."""
    hedged = route("one", "two", hedge_after="p99", hedge_min=0.1)
    scene = Reloadable(monkeypatch, hedged, one=lambda call: stream(after(1, "a")), two=["fine"])
    for _ in range(30):
        await _read(scene.pipeline)
    await scene.reload(route("one", "two", hedge_after="p95", hedge_min=0.1))
    fallback = scene.layer(Fallback)
    delay = fallback.delay_at(fallback.targets[0], asyncio.get_running_loop().time())
    assert delay == pytest.approx(1, rel=0.05)


async def _read(pipeline: Pipeline) -> None:
    async with pipeline.stream("Why?", tenant="acme") as answer:
        async for _ in answer:
            pass


async def test_a_balance_goes_on_with_its_loads(monkeypatch: Any) -> None:
    """Calls in flight on the old stack count, and end in the same numbers."""
    balance = {"targets": ["one", "two"], "by": "least_busy"}
    scene = Reloadable(
        monkeypatch, route(balance), one=lambda call: after(5, "fine"), two=lambda call: after(5, "fine")
    )
    calls = [scene.start() for _ in range(4)]
    await asyncio.sleep(1)
    await scene.reload(route({**balance, "targets": ["two", "one"]}))
    loads = {each.target: each.in_flight for each in scene.layer(Fallback).balances[0].snapshots(0.0)}
    assert loads == {"one/scripted": 2, "two/scripted": 2}
    await asyncio.wait(calls)
    assert list(scene.layer(Fallback).unsettled()) == []


async def test_pacing_keeps_what_is_left_of_a_key(monkeypatch: Any) -> None:
    """By key and model."""
    scene = Reloadable(monkeypatch, route("one"), layer("Pacing"), one=["fine"])
    await scene.outcome()
    before = scene.layer(Pacing).allowances
    await scene.reload(route("one"), layer("Pacing", max_wait=1, queue=3))
    assert scene.layer(Pacing).allowances is before
    assert next(iter(before.known.values())).queue.capacity == 3


async def test_chaos_that_was_switched_off_stays_off(monkeypatch: Any) -> None:
    """Whoever has set `on` to false has the last word."""
    rules = layer("Chaos", faults=["server_error"], rate=1.0)
    scene = Reloadable(monkeypatch, route("one"), rules, one=["fine"])
    assert await scene.outcome() == "server_error"
    scene.layer(Chaos).on = False
    await scene.reload(route("one"), {**rules, "rate": 0.5})
    assert not scene.layer(Chaos).on
    assert scene.layer(Chaos).injected == 1


async def test_that_a_target_does_not_stream_stays_known(monkeypatch: Any) -> None:
    """While its provider is the same."""
    scene = Reloadable(monkeypatch, route("one"), one=["fine"])
    target: Deployment = next(iter(scene.layer(Fallback).deployments()))
    target.ask_whole(None)
    await scene.reload(route("one", on_empty=False))
    assert not next(iter(scene.layer(Fallback).deployments())).streams(None)


async def test_the_first_layer_of_a_class_takes_over_from_the_first(monkeypatch: Any) -> None:
    """Two of a class keep their state apart."""
    inner = layer("Breaker", failure_threshold=9)
    scene = Reloadable(
        monkeypatch, route("one"), layer("Breaker", failure_threshold=1), inner, one=[DOWN], two=["fine"]
    )
    await scene.outcome()
    await scene.reload(route("one"), layer("Breaker", failure_threshold=2), inner)
    breakers = [each for each in scene.pipeline.layers if type(each) is Breaker]
    assert [each.circuits.state("acme", "one") for each in breakers] == ["open", "closed"]


# --- what is given in code -----------------------------------------------------------------------


async def test_nothing_piles_up_in_what_all_stacks_share(monkeypatch: Any) -> None:
    """Credentials and a route that a file imports outlive its other layers, and do not keep them alive."""
    provider = ScriptedProvider("one", ["fine"])
    module = ModuleType("shared_by_all_stacks")
    vars(module).update(
        credentials=Credentials(lambda tenant, provider: ["one", "two"]),
        route=Fallback(provider, ScriptedProvider("two", ["fine"]), hedge_after="p99"),
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    given = {
        "pipeline": {"credentials": {"import": f"{module.__name__}:credentials"}},
        "layers": [{"import": f"{module.__name__}:route"}, *map(layer, ("Pacing", "Throttle", "Breaker"))],
    }
    pipeline = Pipeline.from_config(given, imports=True)
    gone = [weakref.ref(each) for each in pipeline.layers[1:]]
    await pipeline.complete("Why?")
    for _ in range(3):
        await pipeline.reload(given)
    await pipeline.complete("Why?")
    assert [each.credential for each in provider.calls] == ["one", "two"]
    provider.calls.clear()  # a call refers to its stack
    gc.collect()
    assert [each() for each in gone] == [None, None, None]
