"""Retries without budget: what a call does then and shows of it, and what an outage gets of retries."""

import asyncio
from typing import Any

import pytest

from ranvier import OverloadedError, Pipeline, RanvierError, RateLimitError, Response, ServerError
from ranvier.events import Event, RetryScheduled, RetryWithheld
from ranvier.layers import Breaker, Fallback, Retry, RetryBudget
from ranvier.pipeline import Call, Handler, Layer, ResponseStream
from ranvier.testing import ScriptedProvider, broken
from support.scenes import time

pytestmark = pytest.mark.virtual_time


def failing(*listeners: Any, **settings: Any) -> tuple[ScriptedProvider, Pipeline]:
    """A provider that is down, and a pipeline that retries it twice."""
    provider = ScriptedProvider("only", lambda call: ServerError("down", provider="only", status=500))
    retry = Retry(**{"max_retries": 2, "base_delay": 1.0, "jitter": "none", **settings})
    return provider, Pipeline(Fallback(provider), retry, listeners=listeners)


async def test_a_lone_call_gets_all_its_retries() -> None:
    """As many as `Retry` allows by default, whoever else is silent."""
    provider, pipeline = failing(max_retries=3)
    with pytest.raises(ServerError):
        await pipeline.complete("Why?", tenant="acme")
    assert len(provider.calls) == 4


async def test_without_budget_the_providers_own_error_is_raised_at_once() -> None:
    """Before any sleep; the record and an event tell why there was no retry."""
    heard: list[Event] = []
    provider, pipeline = failing(heard.append, budget=RetryBudget(ratio=0, per_second=0))
    with pytest.raises(ServerError, match="down") as failure:
        await pipeline.complete("Why?", tenant="acme")
    assert (len(provider.calls), time()) == (2, 1)
    story = failure.value.story
    assert story is not None
    assert [(note.kind, note.target) for note in story.notes] == [("retry_withheld", "only/scripted")]
    assert "retry withheld: budget (only/scripted)" in failure.value.explain()
    assert [type(event) for event in heard] == [RetryScheduled, RetryWithheld]
    assert heard[1] == RetryWithheld(tenant="acme", provider="only", model="scripted", kind="server_error")


async def test_it_may_be_switched_off() -> None:
    """For all targets, or for one."""
    scarce = RetryBudget(ratio=0, per_second=0)
    override = Retry(max_retries=2, base_delay=0, budget=None)
    for settings in ({"budget": None}, {"budget": scarce, "overrides": {"only": override}}):
        provider, pipeline = failing(**settings)
        with pytest.raises(ServerError):
            await pipeline.complete("Why?")
        assert len(provider.calls) == 3
    assert "budget=None" in repr(override)
    assert "budget=RetryBudget(ratio=0.0" in repr(Retry(budget=scarce))


async def test_only_what_was_sent_counts_as_a_first_attempt() -> None:
    """Not what a circuit rejects or a cache answers, nor retries: an outage must not pay for retries."""

    class Cache(Layer):
        async def handle(self, call: Call, inner: Handler) -> Response | ResponseStream:
            return Response("known") if call.tenant == "known" else await inner(call)

    provider = ScriptedProvider("only", [broken()])
    retry = Retry(max_retries=1, base_delay=0)
    pipeline = Pipeline(Fallback(provider), retry, Breaker(failure_threshold=3), Cache(), check_order=False)
    await pipeline.complete("Why?", tenant="known")
    for _ in range(9):
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?")
    assert retry.budget is not None
    firsts, retries = retry.budget._providers["only"].counts.totals
    assert (len(provider.calls), firsts, retries) == (3, 2, 1)


async def test_a_further_key_is_no_first_attempt() -> None:
    """It is asked in the same call at the same target; the first attempt at the next target counts there."""
    limited = RateLimitError("slow down", provider="one", status=429)
    refused = ScriptedProvider("one", [limited])
    retry = Retry(max_retries=0)
    route = Fallback(refused, ScriptedProvider("two", ["ok"]))
    pipeline = Pipeline(route, retry, credentials=lambda tenant, provider: ("a", "b", "c"))
    await pipeline.complete("Why?")
    assert len(refused.calls) == 3
    assert retry.budget is not None
    counted = {name: state.counts.totals[0] for name, state in retry.budget._providers.items()}
    assert counted == {"one": 1, "two": 1}


async def test_the_pipeline_shows_what_is_used() -> None:
    """And has the budget, for other further attempts."""
    _, pipeline = failing(budget=RetryBudget(ratio=0, per_second=0))
    assert "withheld" not in str(pipeline)
    with pytest.raises(ServerError):
        await pipeline.complete("Why?")
    assert "only: 1 of 1 retries used in the last 10 s, 1 withheld so far" in str(pipeline)
    assert pipeline.retry_budget is not None
    assert not pipeline.retry_budget.take("acme", "only", time())


@pytest.mark.parametrize("number", [50, 500, 5000])
@pytest.mark.parametrize("budgeted", [True, False])
async def test_an_outage_is_not_multiplied_by_retries(number: int, budgeted: bool) -> None:
    """Eighty seconds of 503s at 20 calls per second, of tenants each of whose circuits has seen little."""
    busy = OverloadedError("busy", provider="only", status=503)
    provider = ScriptedProvider("only", lambda call: busy)
    retry = Retry(max_retries=2, **({} if budgeted else {"budget": None}))
    breaker = Breaker(failure_threshold=5, success_threshold=2, cooldown=10, max_cooldown=60)
    pipeline = Pipeline(Fallback(provider), retry, breaker)

    async def ask(call: int) -> None:
        await asyncio.sleep(call / 20)
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?", tenant=f"tenant-{call % number}")

    offered = 80 * 20
    await asyncio.gather(*(ask(call) for call in range(offered)))
    upstream = len(provider.calls) / offered
    assert upstream <= 1.3 or not budgeted
    assert upstream > 1.5 or budgeted or number == 50
