"""Spend limits in company: restarts, circuits, queues, dropped streams, event loops that are replaced."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest

from ranvier import (
    AllDeploymentsFailedError,
    ConnectionFailedError,
    NotAllowedError,
    Pipeline,
    RanvierError,
    RejectedError,
    Response,
    SpendLimitExceededError,
    StreamInterruptedError,
    Usage,
)
from ranvier.layers import (
    Breaker,
    Bulkhead,
    Chaos,
    Deadline,
    Fallback,
    Retry,
    SharedCircuits,
    SpendLimit,
    Throttle,
    Timeout,
)
from ranvier.layers.spend_limit.bounds import ADDED, ADDED_PER_PART
from ranvier.pipeline import Call, Price
from ranvier.testing import (
    ScriptedProvider,
    VirtualTimeLoop,
    after,
    assert_settled,
    broken,
    cut,
    settled,
    stall,
    stream,
)

pytestmark = pytest.mark.virtual_time

PROMPT = "Why?"
LEAVING = 100
BOUND = ADDED + 2 * ADDED_PER_PART + len(PROMPT) + LEAVING
"""The most tokens of one attempt of `ask`."""

FINE = Response("fine", usage=Usage(10, 20, 30))
ASKED: dict[str, Any] = {"tenant": "acme", "max_tokens": LEAVING}
LIMITS = Timeout(None, first_token=12, idle=5)


@pytest.fixture(autouse=True)
def at_the_beginning_of_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 0)


async def read(pipeline: Pipeline, **others: Any) -> str:
    text = ""
    async with pipeline.stream(PROMPT, **{**ASKED, **others}) as answer:
        async for event in answer:
            text = "" if event.restarted else text + event.text
    return text


# --- restarts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1], ids=["next target", "same target"])
async def test_a_restart_is_reserved_anew_and_the_abandoned_attempt_settles(retries: int) -> None:
    """Once, although the call goes through the stack again."""
    limit = SpendLimit(10_000, 600)
    seen: list[tuple[float, float]] = []

    def reply(call: Call) -> Any:
        seen.append(limit.account("acme")[1:])
        return stream("wrong", cut()) if len(seen) == 1 else FINE

    one, two = (ScriptedProvider(name, reply) for name in ("one", "two"))
    retry = [Retry(retries, base_delay=0, jitter="none")]
    async with Pipeline(limit, Deadline(60), Fallback(one, two), *retry, LIMITS) as pipeline:
        assert await read(pipeline, on_break="restart") == "fine"
        assert (len(one.calls), len(two.calls)) == ((2, 0) if retries else (1, 1))
        assert seen == [(0, BOUND), (BOUND, BOUND)]
        assert limit.account("acme")[1:] == (BOUND + 30, 0)
        assert_settled(pipeline)


@pytest.mark.parametrize("retries", [0, 1], ids=["next target", "same target"])
async def test_a_restart_that_does_not_fit_is_not_sent(retries: int) -> None:
    """The reader gets the break."""
    limit = SpendLimit(1.5 * BOUND, 600)
    one = ScriptedProvider("one", [stream("wrong", cut()), FINE])
    two = ScriptedProvider("two", [FINE])
    retry = [Retry(retries, base_delay=0, jitter="none")]
    async with Pipeline(limit, Deadline(60), Fallback(one, two), *retry, LIMITS) as pipeline:
        with pytest.raises(StreamInterruptedError):
            await read(pipeline, on_break="restart")
        assert (len(one.calls), len(two.calls)) == (1, 0)
        assert limit.account("acme")[1:] == (BOUND, 0)
        assert_settled(pipeline)


# --- circuits, queues, rules ---------------------------------------------------------------------


async def test_no_circuit_counts_a_rejection() -> None:
    """The provider has not failed; a probe's place is given back."""
    breaker = Breaker(1, cooldown=5, shared=SharedCircuits(votes=2))
    limit = SpendLimit(1.5 * BOUND, 600)
    provider = ScriptedProvider("one", [after(20, FINE)])
    layers = [limit, Deadline(60), Fallback(provider), breaker, LIMITS]
    async with Pipeline(*layers) as pipeline:
        tasks = [asyncio.create_task(pipeline.complete(PROMPT, **ASKED)) for _ in range(5)]
        await asyncio.sleep(1)
        assert [seen.state for _, seen in breaker.circuits] == ["closed"]
        assert len(provider.calls) == 1
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(each, SpendLimitExceededError) for each in results) == 4
        await settled(pipeline)


@pytest.mark.parametrize(("allowed", "asked"), [(1.5, 0), (2.5, 1)])
async def test_the_last_target_behind_an_open_shared_circuit_is_paid_too(allowed: float, asked: int) -> None:
    """What the rule of the last target sends has to fit."""
    one, two = (ScriptedProvider(name, [broken()]) for name in ("one", "two"))
    breaker = Breaker(1, cooldown=60, shared=SharedCircuits(votes=2, cooldown=60))
    async with Pipeline(Fallback(one), breaker, LIMITS) as pipeline:
        for number in range(8):
            with pytest.raises(ConnectionFailedError):
                await pipeline.complete(PROMPT, tenant=f"t{number}")
    sent = len(one.calls)
    limit = SpendLimit(allowed * BOUND, 600)
    async with Pipeline(limit, Deadline(60), Fallback(one, two), breaker, LIMITS) as pipeline:
        with pytest.raises(AllDeploymentsFailedError) as raised:
            await pipeline.complete(PROMPT, **ASKED)
        kinds = sorted(error.kind for error in raised.value.exceptions)
        assert kinds == ["network", "network" if asked else "spend_limit"]
    assert len(two.calls) == 1
    assert len(one.calls) - sent == asked


PRICES = {"dear/scripted": Price(30, 150), "cheap/scripted": Price(1, 5)}
CHEAP = ((BOUND - LEAVING) * 1 + LEAVING * 5) / 1e6


@pytest.mark.parametrize("resolver", [False, True])
async def test_a_target_that_is_too_dear_is_not_queued_for(resolver: bool) -> None:
    """Nor is a key looked up for it: the next target is asked at once."""
    looked_up: list[str] = []

    def keys(tenant: str, provider: str) -> str:
        looked_up.append(provider)
        return "key"

    dear = ScriptedProvider("dear", [after(50, FINE)])
    cheap = ScriptedProvider("cheap", lambda call: stall() if call.tenant == "rich" else FINE)
    limit = SpendLimit({"rich": 100.0, "acme": 2 * CHEAP}.get, 600, prices=PRICES)
    places = Bulkhead(1, max_wait=30, key=lambda call: call.deployment.target)
    route = Fallback(dear, cheap)
    credentials = keys if resolver else None
    async with Pipeline(limit, Deadline(60), route, places, credentials=credentials) as pipeline:
        rich = asyncio.create_task(pipeline.complete(PROMPT, **{**ASKED, "tenant": "rich"}))
        await asyncio.sleep(1)
        looked_up.clear()
        began = pipeline.clock()
        answer = await pipeline.complete(PROMPT, **ASKED)
        assert (answer.provider, pipeline.clock() - began) == ("cheap", 0)
        assert looked_up == (["cheap"] if resolver else [])
        assert answer.explain().count("dear/scripted passed over: spend limit") == 1
        rich.cancel()


async def test_a_call_that_waits_in_a_queue_reserves_nothing() -> None:
    """And is sent on once others have spent the rest."""
    limit = SpendLimit(1.5 * BOUND, 600)
    provider = ScriptedProvider("one", [after(5, Response("no usage"))])
    async with Pipeline(limit, Deadline(60), Fallback(provider), Bulkhead(1, max_wait=30)) as pipeline:
        first = asyncio.create_task(pipeline.complete(PROMPT, **ASKED))
        await asyncio.sleep(0.1)
        other = asyncio.create_task(pipeline.complete(PROMPT, **{**ASKED, "tenant": "other"}))
        limit.per_tenant = 3 * BOUND  # so that another call of the tenant may wait
        second = asyncio.create_task(pipeline.complete(PROMPT, **ASKED))
        await asyncio.sleep(1)
        assert limit.account("acme").reserved == BOUND
        limit.ledger.reserve("acme", 2 * BOUND, 3 * BOUND, limit.now(pipeline))
        await asyncio.gather(first, other)
        with pytest.raises(RejectedError):
            await second
        assert len(provider.calls) == 2
        limit.ledger.settle_all()
        assert_settled(pipeline)


async def test_what_a_second_limit_rejects_after_a_wait_is_not_reserved_in_the_first() -> None:
    """Both calls fitted when they began to wait for the one connection."""
    first, second = SpendLimit(10 * BOUND, 600), SpendLimit(1.2 * BOUND, 600)
    provider = ScriptedProvider("one", [after(2, broken())])
    provider.slots = asyncio.Semaphore(1)
    async with Pipeline(first, second, Deadline(60), Fallback(provider)) as pipeline:
        calls = [
            pipeline.complete(PROMPT, **{**ASKED, "tenant": tenant}) for tenant in ("other", "acme", "acme")
        ]
        kinds = [type(each) for each in await asyncio.gather(*calls, return_exceptions=True)]
        assert kinds == [ConnectionFailedError, ConnectionFailedError, SpendLimitExceededError]
        assert first.account("acme")[1:] == second.account("acme")[1:] == (BOUND, 0)
        assert_settled(pipeline)
    assert len(provider.calls) == 2


def _fails(tenant: str) -> float:
    raise ZeroDivisionError


def _errors() -> list[object]:
    """The errors of this kind that somebody holds, or that a cycle keeps."""
    return [each for each in gc.get_objects() if isinstance(each, SpendLimitExceededError)]


@pytest.mark.parametrize("per_tenant", [5.0, 1.2 * BOUND, _fails], ids=["at once", "later", "fails"])
async def test_a_rejection_leaves_no_cycle_behind(per_tenant: Any) -> None:
    """Its error is gone once nobody holds it, and with it the request."""
    limit = SpendLimit(per_tenant, 600)
    one, two = (ScriptedProvider(name, [after(1, broken())]) for name in ("one", "two"))
    async with Pipeline(limit, Deadline(60), Fallback(one, two)) as pipeline:
        gc.collect()
        gc.disable()
        before = len(_errors())  # some test before this one may still hold its own
        try:
            with suppress(RanvierError):
                await pipeline.complete(PROMPT, **ASKED)
            assert len(_errors()) == before
        finally:
            gc.enable()


async def test_a_target_that_is_not_allowed_costs_nothing() -> None:
    """Each of both rules counts, and the error names what each said."""
    dear, cheap = ScriptedProvider("dear", [FINE]), ScriptedProvider("cheap", [FINE])
    limit = SpendLimit(2 * CHEAP, 600, prices=PRICES)

    def allow(call: Call, target: Any) -> bool | str:
        return target.provider.name == "dear" or "not in the plan"

    async with Pipeline(limit, Fallback(dear, cheap), allow=allow) as pipeline:
        with pytest.raises(ExceptionGroup) as raised:
            await pipeline.complete(PROMPT, **ASKED)
        kinds = {type(error) for error in raised.value.exceptions}
        assert kinds == {SpendLimitExceededError, NotAllowedError}
        assert limit.account("acme")[1:] == (0, 0)
    assert not dear.calls + cheap.calls


# --- how streams and loops end -------------------------------------------------------------------


async def test_a_second_pipeline_does_not_begin_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock may have jumped since the first one opened."""
    limit = SpendLimit(BOUND + 20, 86_400)
    route = Fallback(ScriptedProvider("one", [FINE]))
    async with Pipeline(limit, route) as first:
        await first.complete(PROMPT, **ASKED)
        monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 100_000)
        async with Pipeline(limit, route) as second:
            with pytest.raises(SpendLimitExceededError):
                await second.complete(PROMPT, **ASKED)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_dropped_stream_settles_at_its_reservation() -> None:
    """Its reader has forgotten it."""
    limit = SpendLimit(10_000, 60)
    provider = ScriptedProvider("one", [stream("a", after(1, FINE))])
    async with Pipeline(limit, Fallback(provider), LIMITS) as pipeline:
        answer = await pipeline.stream(PROMPT, **ASKED).__aenter__()
        assert limit.account("acme")[1:] == (0, BOUND)
        del answer
        gc.collect()
        await settled(pipeline)
        assert limit.account("acme")[1:] == (BOUND, 0)


async def test_a_closing_pipeline_settles_what_it_cuts_off() -> None:
    """At the reservation, streams included."""
    limit = SpendLimit(10_000, 60)
    provider = ScriptedProvider("one", [stream("a", stall()), stall()])
    pipeline = Pipeline(limit, Fallback(provider), Timeout(None, idle=100))
    async with pipeline.stream(PROMPT, **ASKED) as answer:
        await anext(answer)
        task = asyncio.create_task(pipeline.complete(PROMPT, **ASKED))
        await asyncio.sleep(1)
        await pipeline.aclose(drain=0)
    await asyncio.gather(task, return_exceptions=True)
    assert limit.account("acme")[1:] == (2 * BOUND, 0)
    assert_settled(pipeline)


async def test_what_is_reserved_is_named_by_assert_settled() -> None:
    """With its amount and its tenant."""
    limit = SpendLimit(10_000, 60)
    async with Pipeline(limit, Fallback(ScriptedProvider("one", [stall()]))) as pipeline:
        task = asyncio.create_task(pipeline.complete(PROMPT, **ASKED))
        await asyncio.sleep(1)
        with pytest.raises(AssertionError, match=f"SpendLimit: {BOUND} reserved for tenant 'acme'"):
            assert_settled(pipeline)
        task.cancel()
        await settled(pipeline)


def test_what_was_in_flight_on_a_closed_loop_settles_at_its_reservation() -> None:
    """It cannot end any more; and nothing is given back twice if its frames are collected later."""
    limit = SpendLimit(10_000, 600)
    replies: list[Any] = [stall(), FINE]
    provider = ScriptedProvider("one", replies)
    pipeline = Pipeline(limit, Fallback(provider))
    left = []

    async def leave_behind() -> None:
        left.append(asyncio.ensure_future(pipeline.complete(PROMPT, **ASKED)))
        await asyncio.sleep(1)
        assert limit.account("acme")[1:] == (0, BOUND)

    async def ask_again() -> None:
        await pipeline.complete(PROMPT, **ASKED)
        assert limit.account("acme")[1:] == (BOUND + 30, 0)

    for work in (leave_behind, ask_again):
        loop = VirtualTimeLoop()
        loop.run_until_complete(work())
        loop.close()
    assert not limit.ledger.held
    for task in left:
        task.get_coro().close()  # type: ignore[union-attr]
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    assert limit.ledger.account("acme", 0.0) == (BOUND + 30, 0)


# --- injected faults -----------------------------------------------------------------------------


async def test_a_call_with_an_injected_fault_needs_to_fit_like_any_other() -> None:
    """So that an experiment shows what a real outage would."""
    limit = SpendLimit(1.5 * BOUND, 600)
    provider = ScriptedProvider("one", [stall()])
    async with Pipeline(limit, Deadline(60), Fallback(provider), Timeout(5), Chaos("stall", rate=1)) as pipe:
        tasks = [asyncio.create_task(pipe.complete(PROMPT, **ASKED)) for _ in range(2)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each).__name__ for each in results] == ["AttemptTimeoutError", "SpendLimitExceededError"]
        assert limit.account("acme")[1:] == (0, 0)


async def test_all_layers_together_settle() -> None:
    """Gates, queues, circuits, faults and limits: nothing stays."""
    limit = SpendLimit(40 * BOUND, 600)
    one, two = (ScriptedProvider(name, [after(0.5, FINE)]) for name in ("one", "two"))
    layers = [
        *(limit, Deadline(60), Fallback(one, two, hedge_after=2.0), Retry(2, budget=None)),
        *(Bulkhead(5), Throttle(max_wait=2), Breaker(5, shared=SharedCircuits()), LIMITS),
        Chaos("overloaded", "stall", "cut", "slow", "rate_limit", rate=0.3, seed=7),
    ]
    async with Pipeline(*layers, listeners=()) as pipeline:
        calls = [pipeline.complete(PROMPT, **ASKED) for _ in range(60)]
        reads = [read(pipeline, on_break="restart") for _ in range(60)]
        results = await asyncio.gather(*calls, *reads, return_exceptions=True)
        await settled(pipeline, within=200)
        assert limit.account("acme").reserved == 0
        assert sum(isinstance(each, BaseException) for each in results) < 120
