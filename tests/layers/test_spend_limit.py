"""A limit on what tenants spend: nothing is sent that does not fit, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier import (
    AllDeploymentsFailedError,
    AttemptTimeoutError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilterError,
    Deployment,
    InvalidRequestError,
    InvalidResponseError,
    OverloadedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    Response,
    ServerError,
    SpendLimitExceededError,
    StreamEvent,
    Usage,
    WireTool,
)
from ranvier.events import CallRejected
from ranvier.layers import Chaos, Deadline, Fallback, Retry, SpendLimit, Timeout
from ranvier.layers.spend_limit.bounds import ADDED, ADDED_PER_PART
from ranvier.pipeline import Call, Handler, Layer, Price
from ranvier.testing import ScriptedProvider, after, broken, cut, recorded_events, run, stall, stream

pytestmark = pytest.mark.virtual_time

PROMPT = "Why?"
ENTERING = ADDED + 2 * ADDED_PER_PART + len(PROMPT)
LEAVING = 100
BOUND = ENTERING + LEAVING
"""The most tokens of one attempt of `ask`."""

COST = Usage(10, 20, 30)
FINE = Response("fine", usage=COST)


@pytest.fixture(autouse=True)
def at_the_beginning_of_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch is now."""
    monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 0)


def pipeline_with(limit: SpendLimit, *layers: Any, providers: Any = None, **others: Any) -> Pipeline:
    return Pipeline(
        limit, Deadline(600), Fallback(*(providers or [ScriptedProvider("one", [FINE])])), *layers, **others
    )


async def ask(pipeline: Pipeline, **others: Any) -> Response:
    answer: Response = await pipeline.complete(PROMPT, **{"tenant": "acme", "max_tokens": LEAVING, **others})
    return answer


async def outcome(pipeline: Pipeline, *, streaming: bool = False, **others: Any) -> str:
    """`succeeded`, or the kind of the error."""
    try:
        if streaming:
            settings = {"tenant": "acme", "max_tokens": LEAVING, **others}
            async with pipeline.stream(PROMPT, **settings) as answer:
                await answer.collect()
        else:
            await ask(pipeline, **others)
    except RanvierError as error:
        return error.kind
    return "succeeded"


# --- what is reserved and what is settled --------------------------------------------------------


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
async def test_the_real_cost_replaces_the_reservation(streaming: bool) -> None:
    """In flight the most that it can cost, then what it did cost."""
    limit = SpendLimit(10_000, 60)
    seen: list[tuple[float, float]] = []

    def reply(call: Call) -> Any:
        seen.append(limit.account("acme")[1:])
        return FINE

    async with pipeline_with(limit, providers=[ScriptedProvider("one", reply)]) as pipeline:
        assert await outcome(pipeline, streaming=streaming) == "succeeded"
        assert await outcome(pipeline, streaming=streaming) == "succeeded"
        assert seen == [(0, BOUND), (30, BOUND)]
        assert limit.account("acme")[1:] == (60, 0)
        assert limit.account("nobody")[1:] == (0, 0)


async def test_money_is_counted_at_the_price_of_the_target() -> None:
    """Input, output and cached tokens each at their own; reserved at the dearest."""
    price = Price(input=3, output=15, cache_read=0.3, cache_write=3.75)
    usage = Usage(100, 20, 120, cache_read=40, cache_write=10)
    provider = ScriptedProvider("one", [after(1, Response("fine", usage=usage))])
    limit = SpendLimit(1, 60, prices={"one/scripted": price})
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        task = asyncio.create_task(ask(pipeline))
        await asyncio.sleep(0.5)
        assert limit.account("acme").reserved == pytest.approx((ENTERING * 3.75 + LEAVING * 15) / 1e6)
        await task
        assert limit.account("acme").settled == pytest.approx(price.of(usage))
        assert limit.account("acme").reserved == 0


UNBILLED = [
    RateLimitError("no", provider="one", status=429),
    OverloadedError("no", provider="one", status=503),
    ServerError("no", provider="one", status=500),
    AttemptTimeoutError("no", phase="connect", provider="one"),
]
BILLED = [
    InvalidResponseError("no", provider="one"),
    broken(),
    ServerError("a gateway gave up", provider="one", status=504),
    ContentFilterError("no", provider="one"),
    OverloadedError("no", provider="one", status=200, in_stream=True),
]


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
@pytest.mark.parametrize(
    ("reply", "settled"),
    [
        *((error, 0) for error in UNBILLED),
        *((error, BOUND) for error in BILLED),
        (stream("half", cut()), BOUND),
        (stream("half", StreamEvent(usage=Usage(10, 1, 11, complete=False)), broken()), BOUND),
        (stream("half", stall()), BOUND),
        (stream("half", StreamEvent(usage=COST), broken()), 30),
        (stall(), BOUND),
        ("an answer without usage", BOUND),
    ],
)
async def test_what_was_cut_settles_at_its_reservation(reply: Any, settled: int, streaming: bool) -> None:
    """Never at 0, unless nothing was sent or the provider rejected the request."""
    limit = SpendLimit(10_000, 600)
    layers = Timeout(60, first_token=10, idle=5)
    async with pipeline_with(limit, layers, providers=[ScriptedProvider("one", [reply])]) as pipeline:
        await outcome(pipeline, streaming=streaming)
        assert limit.account("acme")[1:] == (settled, 0)


async def test_a_connection_that_was_not_made_costs_nothing() -> None:
    """One that broke may have."""
    refused = ConnectionFailedError("refused", provider="one")
    refused.billable = False
    limit = SpendLimit(10_000, 60)
    async with pipeline_with(limit, providers=[ScriptedProvider("one", [refused])]) as pipeline:
        await outcome(pipeline)
        assert limit.account("acme")[1:] == (0, 0)


@pytest.mark.parametrize("when", [0.5, 1.5], ids=["before the first content", "in the middle"])
@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
async def test_a_cancelled_call_settles_at_its_reservation(when: float, streaming: bool) -> None:
    """The provider may have worked for it."""
    limit = SpendLimit(10_000, 60)
    provider = ScriptedProvider("one", [after(1, stream("a", after(1, "b")))])
    async with pipeline_with(limit, Timeout(60, idle=30), providers=[provider]) as pipeline:
        task = asyncio.create_task(outcome(pipeline, streaming=streaming))
        await asyncio.sleep(when)
        assert limit.account("acme")[1:] == (0, BOUND)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limit.account("acme")[1:] == (BOUND, 0)


async def test_a_stream_that_its_reader_closes_settles_at_its_reservation() -> None:
    """Its usage comes last, and did not come."""
    limit = SpendLimit(10_000, 60)
    provider = ScriptedProvider("one", [stream("a", after(1, FINE))])
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        async with pipeline.stream(PROMPT, tenant="acme", max_tokens=LEAVING):
            assert limit.account("acme")[1:] == (0, BOUND)
        assert limit.account("acme")[1:] == (BOUND, 0)


async def test_waiting_for_a_connection_reserves_nothing() -> None:
    """A call that waits holds nothing."""
    limit = SpendLimit(10_000, 60)
    provider = ScriptedProvider("one", [after(5, FINE)])
    provider.slots = asyncio.Semaphore(1)
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        tasks = [asyncio.create_task(ask(pipeline)) for _ in range(2)]
        await asyncio.sleep(1)
        assert limit.account("acme").reserved == BOUND
        await asyncio.gather(*tasks)
        assert limit.account("acme")[1:] == (60, 0)


async def test_an_injected_fault_in_place_of_an_answer_costs_nothing() -> None:
    """Nothing was sent; the answer that was cut was."""
    for fault, settled in (("stall", 0), ("network", 0), ("overloaded", 0), ("cut", BOUND)):
        limit = SpendLimit(10_000, 60)
        async with pipeline_with(limit, Timeout(5), Chaos(fault, rate=1)) as pipeline:
            await outcome(pipeline)
            assert limit.account("acme")[1:] == (settled, 0), fault


async def test_a_refusal_after_the_first_content_settles_at_its_reservation() -> None:
    """The answer had begun."""
    limit = SpendLimit(10_000, 60)
    refusal = RateLimitError("no", provider="one", in_stream=True)
    async with pipeline_with(
        limit, providers=[ScriptedProvider("one", [stream("half", refusal)])]
    ) as pipeline:
        assert await outcome(pipeline, streaming=True) == "stream_dropped"
        assert limit.account("acme")[1:] == (BOUND, 0)


async def test_windows_begin_at_multiples_since_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a day at midnight UTC, whenever the process started; a wall clock that jumps changes nothing."""
    monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 86_390)
    limit = SpendLimit(BOUND, 86_400)
    async with pipeline_with(limit) as pipeline:
        await ask(pipeline)
        monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 0)
        assert await outcome(pipeline) == "spend_limit"
        await asyncio.sleep(10)
        assert await outcome(pipeline) == "succeeded"


def test_in_virtual_time_windows_follow_the_virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test has the same windows whenever it runs."""
    monkeypatch.undo()

    async def ends_in() -> float:
        limit = SpendLimit(10_000, 3600)
        async with pipeline_with(limit) as pipeline:
            await ask(pipeline)
            return limit.spending(pipeline.clock()).ends_in

    assert run(ends_in(), start=5000) == 2200


# --- what is not sent ----------------------------------------------------------------------------


async def test_a_call_that_fits_nowhere_is_rejected_before_anything_is_sent() -> None:
    """One error, with the amounts and when the window ends; the log of events and explain() have it."""
    limit = SpendLimit(BOUND + 29, 60)
    provider = ScriptedProvider("one", [FINE])
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        await ask(pipeline)
        await asyncio.sleep(20)
        with recorded_events(pipeline) as events, pytest.raises(SpendLimitExceededError) as raised:
            await ask(pipeline)
        assert (await ask(pipeline, tenant="other")).text == "fine"
    error = raised.value
    assert (error.tenant, error.limit, error.left, error.needed) == ("acme", BOUND + 29, BOUND - 1, BOUND)
    assert error.retry_after == pytest.approx(40, abs=0.1)
    assert not error.attempts
    [rejected] = events.of(CallRejected)
    assert (rejected.tenant, rejected.provider, rejected.kind) == ("acme", "", "spend_limit")
    words = (
        f"every target passed over: spend limit: the call may cost {BOUND}, "
        f"and {BOUND - 1} of {BOUND + 29} is left"
    )
    assert words in error.explain()
    assert str(error).startswith("tenant 'acme' was rejected by its spend limit")
    assert len(provider.calls) == 2


async def test_the_next_window_begins_with_nothing_spent() -> None:
    """At a multiple of its seconds."""
    limit = SpendLimit(BOUND, 60)
    async with pipeline_with(limit) as pipeline:
        await ask(pipeline)
        await asyncio.sleep(59)
        assert await outcome(pipeline) == "spend_limit"
        await asyncio.sleep(1.1)
        assert await outcome(pipeline) == "succeeded"


async def test_a_limit_that_no_attempt_can_fit_names_no_time() -> None:
    """Waiting would not help."""
    limit = SpendLimit(5, 60)
    async with pipeline_with(limit) as pipeline:
        with pytest.raises(SpendLimitExceededError) as raised:
            await ask(pipeline)
    assert raised.value.retry_after is None


PRICES = {"dear/scripted": Price(30, 150), "cheap/scripted": Price(1, 5)}
CHEAP = (ENTERING * 1 + LEAVING * 5) / 1e6


async def test_a_dearer_target_is_passed_over_with_the_reason() -> None:
    """The cheap one answers."""
    dear, cheap = ScriptedProvider("dear", [FINE]), ScriptedProvider("cheap", [FINE])
    limit = SpendLimit(3 * CHEAP, 60, prices=PRICES)
    async with pipeline_with(limit, providers=[dear, cheap]) as pipeline:
        answer = await ask(pipeline)
    assert answer.provider == "cheap"
    assert not dear.calls
    assert "dear/scripted passed over: spend limit: the call may cost" in answer.explain()


async def test_a_retry_that_does_not_fit_is_not_sent() -> None:
    """And not waited for: the provider's own error is raised at once."""
    provider = ScriptedProvider("one", [broken(), FINE])
    limit = SpendLimit(1.5 * BOUND, 600)
    retry = Retry(max_retries=3, base_delay=5, jitter="none")
    async with pipeline_with(limit, retry, providers=[provider]) as pipeline:
        began = pipeline.clock()
        with pytest.raises(ConnectionFailedError) as raised:
            await ask(pipeline)
        assert pipeline.clock() == began
    assert len(provider.calls) == 1
    assert "retry withheld: spend limit (one/scripted)" in raised.value.explain()


async def test_a_retry_that_fits_no_more_after_its_wait_is_not_sent() -> None:
    """Another call has spent the rest meanwhile."""
    provider = ScriptedProvider(
        "one", lambda call: broken() if call.request.max_tokens == LEAVING else stall()
    )
    limit = SpendLimit(2.5 * BOUND, 600)
    retry = Retry(max_retries=1, base_delay=5, jitter="none")
    async with pipeline_with(limit, retry, providers=[provider]) as pipeline:
        call = asyncio.create_task(outcome(pipeline))
        await asyncio.sleep(1)
        other = asyncio.create_task(ask(pipeline, max_tokens=LEAVING + 1))
        await asyncio.sleep(10)
        assert await call == "network"
        assert len(provider.calls) == 2
        other.cancel()


@pytest.mark.parametrize("targets", [1, 2])
async def test_a_hedge_that_does_not_fit_is_not_sent(targets: int) -> None:
    """It costs no hedge budget either, and the first target goes on."""
    providers = [ScriptedProvider("one", [after(20, FINE)]), ScriptedProvider("two", [FINE])][:targets]
    limit = SpendLimit(1.5 * BOUND, 600)
    route = Fallback(*providers, hedge_after=5)
    async with Pipeline(limit, Deadline(60), route) as pipeline:
        answer = await ask(pipeline)
        left = [route.budget.left(provider.name) for provider in providers]
    assert answer.provider == "one"
    assert len(answer.attempts) == 1
    assert f"but {providers[-1].name}/scripted exceeds the spend limit" in answer.explain()
    assert left == [10.0] * targets


async def test_a_hedge_passes_over_a_target_that_is_too_dear() -> None:
    """The next one is asked; the dear one may be asked when another call has left more."""
    prices = {"one/scripted": Price(1, 5), **PRICES}
    one, dear, cheap = (ScriptedProvider(name, [FINE]) for name in ("one", "dear", "cheap"))
    one = ScriptedProvider("one", [stall()])
    limit = SpendLimit(3 * CHEAP, 600, prices=prices)
    async with Pipeline(limit, Deadline(60), Fallback(one, dear, cheap, hedge_after=5)) as pipeline:
        answer = await ask(pipeline)
    assert answer.provider == "cheap"
    assert answer.attempts[0].target == "one/scripted"
    assert not dear.calls
    assert "but dear/scripted exceeds the spend limit" in answer.explain()


async def test_the_loser_of_a_hedge_stays_reserved_until_it_ends() -> None:
    """And settles at its reservation if it is cut."""
    one, two = ScriptedProvider("one", [stall()]), ScriptedProvider("two", [after(1, FINE)])
    limit = SpendLimit(10_000, 600)
    route = Fallback(one, two, hedge_after=5)
    async with Pipeline(limit, Deadline(60), route, Timeout(60, first_token=30)) as pipeline:
        answer = await ask(pipeline)
        assert answer.provider == "two"
        assert sum(limit.account("acme")[1:]) == 30 + BOUND
        await asyncio.sleep(100)
        assert limit.account("acme")[1:] == (30 + BOUND, 0)


async def test_a_further_key_that_does_not_fit_is_not_tried() -> None:
    """The first one cost its reservation."""
    limit = SpendLimit(1.5 * BOUND, 600)
    error = RateLimitError("no", provider="one")
    error.billable = True
    provider = ScriptedProvider("one", [error])
    async with pipeline_with(
        limit, providers=[provider], credentials=lambda *who: ("first", "second")
    ) as pipeline:
        with pytest.raises(SpendLimitExceededError):
            await ask(pipeline)
    assert [call.credential for call in provider.calls] == ["first"]


@pytest.mark.parametrize(("allowed", "requests"), [(1.5, 1), (3, 2)])
async def test_a_repair_that_does_not_fit_is_not_asked_for(allowed: float, requests: int) -> None:
    """The mismatch is raised, as without a repair."""
    provider = ScriptedProvider("one", [Response("no JSON"), Response("{}", usage=COST)])
    limit = SpendLimit(allowed * BOUND, 600)
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        result = await outcome(pipeline, schema={"type": "object"}, repair=1)
        assert result == ("succeeded" if requests == 2 else "invalid_response")
        assert limit.account("acme").reserved == 0
    assert len(provider.calls) == requests


async def test_a_repair_reserves_what_it_costs() -> None:
    """Its request is longer: it has the first answer, and what is wrong with it."""
    limit = SpendLimit(10_000, 600)
    reserved: list[float] = []

    def reply(call: Call) -> Any:
        reserved.append(limit.account("acme").reserved)
        return Response("no JSON" if len(reserved) == 1 else "{}", usage=COST)

    async with pipeline_with(limit, providers=[ScriptedProvider("one", reply)]) as pipeline:
        await ask(pipeline, schema={"type": "object"}, repair=1)
    assert reserved[1] >= reserved[0] + 2 * ADDED_PER_PART + len("no JSON")


async def test_a_target_that_rejects_streaming_is_asked_again_within_the_limit() -> None:
    """The rejected request cost nothing, and the second one is reserved anew."""
    refusal = InvalidRequestError("no streaming", provider="one", status=400)
    refusal.refuses_streaming = True
    limit = SpendLimit(BOUND, 600)
    async with pipeline_with(limit, providers=[ScriptedProvider("one", [refusal, FINE])]) as pipeline:
        assert await outcome(pipeline, streaming=True) == "succeeded"
        assert limit.account("acme")[1:] == (30, 0)


async def test_a_target_passed_over_by_all_limits_raises_one_error_each() -> None:
    """If the first look let it pass."""
    busy = after(1, broken())
    one, two = ScriptedProvider("one", [busy]), ScriptedProvider("two", [busy])
    limit = SpendLimit(1.2 * BOUND, 600)
    async with pipeline_with(limit, providers=[one, two]) as pipeline:
        with pytest.raises(AllDeploymentsFailedError) as raised:
            await ask(pipeline)
    assert [error.kind for error in raised.value.exceptions] == ["network", "spend_limit"]
    assert not two.calls


async def test_targets_that_are_all_too_dear_raise_one_error() -> None:
    """If the first look let the call pass: the error of the cheapest, which was nearest to the limit."""
    one, two = ScriptedProvider("one", [FINE]), ScriptedProvider("two", [FINE])
    prices = {"one/scripted": Price(1, 5), "two/scripted": Price(0.9, 5)}
    limit = SpendLimit(1.5 * CHEAP, 600, prices=prices)

    class Spends(Layer):
        def handle(self, call: Call, inner: Handler) -> Any:
            limit.ledger.reserve("acme", int(1.2 * CHEAP * 10**12), 10**18, limit.now(call.pipeline))
            return inner(call)

    async with Pipeline(limit, Spends(), Deadline(60), Fallback(one, two)) as pipeline:
        with pytest.raises(SpendLimitExceededError) as raised:
            await ask(pipeline)
    assert raised.value.needed is not None
    assert raised.value.needed < CHEAP
    assert not one.calls + two.calls


async def test_two_limits_both_count() -> None:
    """An attempt that the second does not admit leaves nothing reserved in the first."""
    first, second = SpendLimit(10 * BOUND, 60), SpendLimit(BOUND, 600)
    async with Pipeline(first, second, Fallback(ScriptedProvider("one", [stall()]))) as pipeline:
        task = asyncio.create_task(ask(pipeline))
        await asyncio.sleep(1)
        assert await outcome(pipeline) == "spend_limit"
        assert first.account("acme").reserved == second.account("acme").reserved == BOUND
        task.cancel()


async def test_what_the_second_of_two_limits_does_not_admit_is_not_reserved_in_the_first() -> None:
    """Not even for a target to which a call falls back."""
    first, second = SpendLimit(10 * BOUND, 600), SpendLimit(1.2 * BOUND, 600)
    one, two = ScriptedProvider("one", [broken()]), ScriptedProvider("two", [FINE])
    async with Pipeline(first, second, Fallback(one, two)) as pipeline:
        assert await outcome(pipeline) == "all_failed"
        assert first.account("acme")[1:] == second.account("acme")[1:] == (BOUND, 0)
    assert not two.calls


async def test_a_later_target_that_is_too_dear_is_none_to_wait_less_for() -> None:
    """`admits_now` of the layer says so to others."""
    dear, cheap = ScriptedProvider("dear", [FINE]), ScriptedProvider("cheap", [FINE])
    limit = SpendLimit(3 * CHEAP, 60, prices=PRICES)
    asked: list[bool] = []

    def reply(call: Call) -> Any:
        others = [call.to(each) for each in (Deployment(dear), Deployment(cheap))]
        asked.extend(limit.admits_now(other) for other in others)
        return FINE

    cheap = ScriptedProvider("cheap", reply)
    async with pipeline_with(limit, providers=[cheap]) as pipeline:
        await ask(pipeline)
        assert asked == [False, True]


# --- what is not known ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"max_tokens": None}, "the request has no max_tokens"),
        ({"to": "two"}, "no price of two/scripted is given"),
        (
            {"tools": [WireTool("anthropic", {"type": "web_search"})]},
            "the provider runs the tool 'web_search'",
        ),
        ({"extra": {"store": True}}, "the provider adds to the request"),
    ],
)
async def test_an_unknown_cost_is_rejected_in_money_unless_allowed(others: dict[str, Any], why: str) -> None:
    """With the reason; with `unknown="allow"` what is known is reserved."""
    for unknown in ("reject", "allow"):
        limit = SpendLimit(1, 60, prices={"one/scripted": Price(1, 5)}, unknown=unknown)  # type: ignore[arg-type]
        one, two = ScriptedProvider("one", [FINE]), ScriptedProvider("two", [FINE])
        targets = [one, two] if "to" in others else [one]
        async with pipeline_with(limit, providers=targets) as pipeline:
            if unknown == "allow":
                assert (await ask(pipeline, **others)).text == "fine"
            else:
                with pytest.raises(SpendLimitExceededError, match="no known bound") as raised:
                    await ask(pipeline, **others)
                assert why in str(raised.value)
                assert raised.value.retry_after is None
        assert len(one.calls) + len(two.calls) == (unknown == "allow")


async def test_a_limit_in_tokens_needs_no_output_limit() -> None:
    """What the answer cost is settled all the same, and ends the window's budget."""
    limit = SpendLimit(1.2 * ENTERING, 60)
    provider = ScriptedProvider("one", [Response("long", usage=Usage(1000, 9000, 10_000))])
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        assert await outcome(pipeline, max_tokens=None) == "succeeded"
        assert limit.account("acme").settled == 10_000
        assert await outcome(pipeline, max_tokens=None) == "spend_limit"


async def test_nothing_more_is_sent_once_a_limit_is_exceeded_even_if_it_costs_nothing() -> None:
    """An answer that cost more than was known uses the limit up, for a target without a price, too."""
    limit = SpendLimit(0.2, 60, prices={"one/scripted": Price(100, 100)}, unknown="allow")
    one = ScriptedProvider("one", [Response("x", usage=Usage(1000, 9000, 10_000))])
    two = ScriptedProvider("two", [FINE])
    async with pipeline_with(limit, providers=[one, two]) as pipeline:
        assert await outcome(pipeline, max_tokens=None) == "succeeded"
        assert limit.account("acme").settled == 1.0
        assert await outcome(pipeline, to="two") == "spend_limit"
    assert not two.calls


@pytest.mark.parametrize(
    ("usage", "settled"),
    [
        (Usage(-5, -5, -10), BOUND),
        (Usage(10, 20, 30, cache_read=-5), BOUND),
        (Usage("a", None, []), BOUND),  # type: ignore[arg-type]
        (Usage(float("nan"), 1, 1), BOUND),  # type: ignore[arg-type]
        (Usage(0, 0, 0), BOUND),
        (Usage(10**30, 1, 10**30), 10**30 + 1),
    ],
)
@pytest.mark.parametrize("money", [True, False])
async def test_a_nonsensical_usage_settles_at_the_reservation(
    usage: Usage, settled: int, money: bool
) -> None:
    """As if there were none. Nobody answers for nothing."""
    prices = {"one/scripted": Price(1_000_000, 1_000_000)} if money else None
    limit = SpendLimit(10_000, 60, prices=prices)
    async with pipeline_with(
        limit, providers=[ScriptedProvider("one", [Response("x", usage=usage)])]
    ) as pipeline:
        assert await outcome(pipeline) == "succeeded"
        assert limit.account("acme")[1:] == (pytest.approx(settled), 0)


# --- tenants -------------------------------------------------------------------------------------


async def test_each_tenant_has_the_limit_that_a_function_returns() -> None:
    """`None` is no limit, and costs no memory."""
    limits = {"trial": 1.0, "paying": 10_000.0}
    limit = SpendLimit(limits.get, 60)
    async with pipeline_with(limit) as pipeline:
        assert await outcome(pipeline, tenant="trial") == "spend_limit"
        assert await outcome(pipeline, tenant="paying") == "succeeded"
        assert await outcome(pipeline, tenant="own key") == "succeeded"
    assert limit.account("own key")[1:] == (0, 0)
    assert limit.account("paying").settled == 30


@pytest.mark.parametrize("answer", ["a lot", -1, float("nan"), True, float("inf"), ZeroDivisionError()])
async def test_a_function_that_fails_rejects_the_call(answer: Any) -> None:
    """Its error is the cause; nothing is sent."""

    def per_tenant(tenant: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    provider = ScriptedProvider("one", [FINE])
    async with pipeline_with(SpendLimit(per_tenant, 60), providers=[provider]) as pipeline:
        with pytest.raises(SpendLimitExceededError) as raised:
            await ask(pipeline)
    assert isinstance(raised.value.__cause__, (ConfigurationError, ZeroDivisionError))
    assert not provider.calls


async def test_print_shows_who_has_spent_most() -> None:
    """In the current window, which ends some time."""
    limit = SpendLimit(10_000, 60)
    async with pipeline_with(limit) as pipeline:
        for tenant in ("a", "b", "b"):
            await ask(pipeline, tenant=tenant)
        lines = str(pipeline).splitlines()
    assert "SpendLimit(per_tenant=10000.0, window=60.0, unit='tokens')" in lines[1]
    assert [line.strip() for line in lines[2:5]] == [
        "2 tenants, 90 spent, 0 reserved, ends in 60 s",
        "b: 60 spent, 0 reserved",
        "a: 30 spent, 0 reserved",
    ]


@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        ((-1, 60), {}),
        ((True, 60), {}),
        (("1", 60), {}),
        ((float("inf"), 60), {}),
        ((1, 0), {}),
        ((1, float("inf")), {}),
        ((1, 60), {"prices": [Price(1, 1)]}),
        ((1, 60), {"prices": {"one/scripted": 3}}),
        ((1, 60), {"prices": {"one/scripted": Price(-1, 1)}}),
        ((1, 60), {"prices": {"one/scripted": Price(float("nan"), 1)}}),
        ((1, 60), {"unknown": "maybe"}),
        ((1, 60), {"max_tenants": 0}),
    ],
)
def test_mistakes_are_rejected_at_once(arguments: tuple[Any, ...], others: dict[str, Any]) -> None:
    """With a message that names the setting."""
    with pytest.raises(ConfigurationError, match=r"SpendLimit\("):
        SpendLimit(*arguments, **others)


def test_an_async_function_is_rejected() -> None:
    """It could not be asked where nothing waits."""

    async def per_tenant(tenant: str) -> float:
        return 1.0

    with pytest.raises(ConfigurationError, match="plain function"):
        SpendLimit(per_tenant, 60)  # type: ignore[arg-type]


# --- a thousand calls over the last cent ---------------------------------------------------------


class Watched:
    """Checks, at every request and answer, that no tenant has more than its limit."""

    def __init__(self, limit: SpendLimit, most: float) -> None:
        self.limit = limit
        self.most = most
        self.looked = 0
        self.largest = 0.0

    def look(self, *_: object) -> None:
        for tenant in ("acme", "other"):
            total = sum(self.limit.account(tenant)[1:])
            self.largest = max(self.largest, total)
            assert total <= self.most + 1e-9
        self.looked += 1


def troubled(name: str, rng: random.Random, look: Callable[[], None]) -> ScriptedProvider:
    """A provider that answers, late, with less usage than reserved, or fails in some way."""

    def reply(call: Call) -> Any:
        look()
        used = Response("fine", usage=Usage(rng.randint(1, ENTERING), rng.randint(1, LEAVING), 0))
        replies: list[Any] = [
            used,
            after(rng.random() * 20, used),
            after(rng.random() * 3, broken()),
            RateLimitError("no", provider=name, status=429, retry_after=rng.random()),
            OverloadedError("no", provider=name, status=503),
            stream("half", after(rng.random(), cut())),
            stall(),
            Response("no usage"),
        ]
        return rng.choice(replies)

    return ScriptedProvider(name, reply)


@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32), calls=st.sampled_from([1000, 300]), money=st.booleans())
def test_a_thousand_calls_never_exceed_the_last_cent(seed: int, calls: int, money: bool) -> None:
    """With retries, hedges, losers, cancellations and streams: settled and reserved stay within the limit."""
    rng = random.Random(seed)

    async def storm() -> None:
        prices = {"one/scripted": Price(3, 15), "two/scripted": Price(1, 5)} if money else None
        most = 0.1 if money else 25.0 * BOUND
        limit = SpendLimit(most, 10**9, prices=prices)
        watched = Watched(limit, most)
        one, two = (troubled(name, rng, watched.look) for name in ("one", "two"))
        route = Fallback(one, two, hedge_after=2.0)
        layers = [limit, Deadline(60), route, Retry(2, budget=None), Timeout(30, first_token=10, idle=5)]
        async with Pipeline(*layers, listeners=()) as pipeline:
            pipeline.events.add(watched.look, verbose=True)
            tasks = []
            for _ in range(calls):
                streaming, tenant = rng.random() < 0.4, rng.choice(["acme", "other"])
                tasks.append(asyncio.create_task(outcome(pipeline, streaming=streaming, tenant=tenant)))
                if rng.random() < 0.05:
                    asyncio.get_running_loop().call_later(rng.random() * 5, tasks[-1].cancel)
                if rng.random() < 0.1:
                    await asyncio.sleep(rng.random() / 10)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(200)
            assert [limit.account(tenant).reserved for tenant in ("acme", "other")] == [0, 0]
        assert "spend_limit" in outcomes
        assert watched.looked > 100
        assert watched.largest > 0.9 * most

    run(storm())


@pytest.mark.parametrize("usage", [Usage(0, 0, 4 * BOUND)])
async def test_a_real_cost_above_its_reservation_exceeds_the_limit_by_the_calls_in_flight_only(
    usage: Usage,
) -> None:
    """What was in flight is counted whole, and nothing more is sent."""
    limit = SpendLimit(5 * BOUND, 600)
    provider = ScriptedProvider("one", [after(1, Response("fine", usage=usage))])
    async with pipeline_with(limit, providers=[provider]) as pipeline:
        outcomes = await asyncio.gather(*(outcome(pipeline) for _ in range(50)))
        assert outcomes.count("succeeded") == len(provider.calls) == 5
        assert limit.account("acme")[1:] == (5 * 4 * BOUND, 0)
        assert {await outcome(pipeline) for _ in range(20)} == {"spend_limit"}
    assert len(provider.calls) == 5
