"""`allow=`: your rule decides which call may be sent to which target, whatever way it would get there."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier import (
    SHARED,
    AllDeploymentsFailedError,
    AllowFailedError,
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotAllowedError,
    OverloadedError,
    Pipeline,
    RanvierError,
    RateLimitError,
    ServerError,
    resilient,
)
from ranvier.events import CallRejected, Event, FallbackTaken, HedgeSent
from ranvier.layers import Breaker, Deadline, Fallback, Retry, SharedCircuits, Throttle, Timeout
from ranvier.pipeline import Call, Deployment, Handler, Layer, Place, Price
from ranvier.testing import ScriptedProvider, after, assert_settled, cut, run, stall, stream

pytestmark = pytest.mark.virtual_time


class Rule:
    """Answers by target; it keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, call: Call, deployment: Deployment) -> Any:
        assert call.deployment is deployment
        self.asked.append(deployment.provider.name)
        answer = self.answers.get(deployment.provider.name, True)
        if isinstance(answer, BaseException):
            raise answer
        return answer() if callable(answer) else answer


class Scene:
    """Targets a, b and c behind a rule."""

    def __init__(self, rule: Any, *scripts: Any, layers: Any = (), **settings: Any) -> None:
        scripts = scripts or (["a"], ["b"], ["c"])
        self.providers = [
            ScriptedProvider(name, script) for name, script in zip("abc", scripts, strict=False)
        ]
        self.events: list[Event] = []
        self.pipeline = Pipeline(
            Deadline(60),
            Fallback(*self.providers, **settings),
            *layers,
            allow=rule,
            listeners=[self.events.append],
        )

    @property
    def sent(self) -> list[int]:
        return [len(provider.calls) for provider in self.providers]


async def test_a_target_that_is_not_allowed_is_skipped_with_the_reason() -> None:
    scene = Scene(Rule(a="outside the EU", b=False))
    answer = await scene.pipeline.complete("Why?")
    assert (answer.text, scene.sent) == ("c", [0, 0, 1])
    lines = answer.explain()
    assert "a/scripted passed over: not allowed: outside the EU" in lines
    assert "b/scripted passed over: not allowed\n" in lines
    rejected = [event for event in scene.events if isinstance(event, CallRejected)]
    assert [(event.provider, event.kind) for event in rejected] == [
        ("a", "not_allowed"),
        ("b", "not_allowed"),
    ]
    assert not any(isinstance(event, FallbackTaken) for event in scene.events)


async def test_what_is_never_reached_is_not_told() -> None:
    scene = Scene(Rule(b="never"))
    answer = await scene.pipeline.complete("Why?")
    assert answer.text == "a"
    assert "passed over" not in answer.explain()
    assert scene.events == []


@pytest.mark.parametrize("targets", [1, 2, 3])
async def test_if_all_are_rejected_one_error_names_every_reason(targets: int) -> None:
    scripts = [["a"], ["b"], ["c"]][:targets]
    scene = Scene(Rule(a="outside the EU", b="trial plan", c="too dear"), *scripts)
    with pytest.raises(NotAllowedError) as failure:
        await scene.pipeline.complete("Why?")
    error = failure.value
    reasons = {"a/scripted": "outside the EU", "b/scripted": "trial plan", "c/scripted": "too dear"}
    assert error.reasons == dict(list(reasons.items())[:targets])
    assert type(error) is NotAllowedError
    assert all(f"{target} ({why})" in str(error) for target, why in error.reasons.items())
    assert (scene.sent, error.kind, error.retryable) == ([0] * targets, "not_allowed", False)
    assert error.explain().count("passed over: not allowed: ") == targets


def missing() -> Any:
    raise KeyError("no")


def cancelled() -> Any:
    raise asyncio.CancelledError


async def late() -> bool:
    return True


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (KeyError("sk-secret"), "allow= raised KeyError"),
        (cancelled, "allow= raised CancelledError"),
        (None, "allow= returned NoneType, not True, False or a reason"),
        (1, "allow= returned int, not True, False or a reason"),
        ("", "allow= returned str, not True, False or a reason"),
        (late, "allow= returned coroutine, not True, False or a reason"),
    ],
)
async def test_a_rule_that_fails_rejects(answer: Any, why: str) -> None:
    scene = Scene(Rule(a=answer, b=answer))
    answered = await scene.pipeline.complete("Why?")
    assert (answered.text, scene.sent) == ("c", [0, 0, 1])
    assert f"a/scripted passed over: not allowed: {why}" in answered.explain()
    assert "secret" not in answered.explain()
    scene = Scene(Rule(a="no", b=answer), ["a"], ["b"])
    with pytest.raises(AllowFailedError) as failure:
        await scene.pipeline.complete("Why?")
    assert failure.value.reasons == {"a/scripted": "no", "b/scripted": why}
    assert "secret" not in str(failure.value)
    if isinstance(answer, BaseException):
        assert failure.value.__cause__ is answer


async def test_an_interrupt_of_the_program_is_no_answer() -> None:
    with pytest.raises(SystemExit):
        await Scene(Rule(a=SystemExit())).pipeline.complete("Why?")


async def test_a_failure_elsewhere_is_raised_beside_the_reasons() -> None:
    scene = Scene(
        Rule(b="no"), [ServerError("down", provider="a")], ["b"], [ServerError("down", provider="c")]
    )
    with pytest.raises(AllDeploymentsFailedError) as failure:
        await scene.pipeline.complete("Why?")
    assert [error.kind for error in failure.value.exceptions] == [
        "server_error",
        "not_allowed",
        "server_error",
    ]
    assert scene.sent == [1, 0, 1]


async def test_a_request_to_correct_is_raised_by_itself() -> None:
    wrong = InvalidRequestError("no such field", provider="a")
    scene = Scene(Rule(b="no"), [wrong], ["b"], on_invalid_request=True)
    with pytest.raises(InvalidRequestError):
        await scene.pipeline.complete("Why?")


async def test_a_hedge_goes_to_an_allowed_target_and_costs_no_budget_elsewhere() -> None:
    scene = Scene(
        Rule(b="no"), [stall()], ["b"], ["c"], hedge_after=1.0, layers=[Timeout(None, first_token=20)]
    )
    assert (await scene.pipeline.complete("Why?")).text == "c"
    assert scene.sent == [1, 0, 1]
    assert [event.to for event in scene.events if isinstance(event, HedgeSent)] == ["c/scripted"]


async def test_if_one_target_is_allowed_it_is_hedged_like_a_single_one() -> None:
    scene = Scene(
        Rule(b="no", c="no"), [stall(), "a"], hedge_after=1.0, layers=[Timeout(None, first_token=20)]
    )
    assert (await scene.pipeline.complete("Why?")).text == "a"
    assert scene.sent == [2]


async def test_a_call_waits_at_its_gate_if_the_later_target_is_not_allowed() -> None:
    limited = RateLimitError("slow down", provider="a", status=429, retry_after=1)
    rule = Rule()
    scene = Scene(rule, [limited, "a"], ["b", "b"], layers=[Throttle(max_wait=5)])
    assert (await scene.pipeline.complete("Why?")).text == "b"
    rule.answers["b"] = "no"
    assert (await scene.pipeline.complete("Why?")).text == "a"
    assert scene.sent == [2, 1]


async def test_start_at_a_rejected_target_goes_on() -> None:
    scene = Scene(Rule(b="no"))
    assert (await scene.pipeline.complete("Why?", to="b")).text == "c"


async def test_streams_ask_too() -> None:
    scene = Scene(Rule(a="no"))
    async with scene.pipeline.stream("Why?") as answer:
        assert (await answer.collect()).text == "b"
    assert scene.sent == [0, 1, 0]


# --- keys ----------------------------------------------------------------------------------------


def by_key(*allowed: str) -> Callable[[Call, Deployment], bool]:
    return lambda call, deployment: call.credential in allowed


@pytest.mark.parametrize("plain", [True, False])
async def test_the_rule_is_asked_again_for_each_further_key(plain: bool) -> None:
    async def later(tenant: str, provider: str) -> Any:
        return ["one", "two", "three"]

    def at_once(tenant: str, provider: str) -> Any:
        return ["one", "two", "three"]

    limited = RateLimitError("slow down", provider="a", status=429, retry_after=60)
    provider = ScriptedProvider("a", lambda call: limited if call.credential == "one" else call.credential)
    pipeline = Pipeline(
        Fallback(provider), credentials=at_once if plain else later, allow=by_key("one", "three")
    )
    assert (await pipeline.complete("Why?")).text == "three"
    assert [call.credential for call in provider.calls] == ["one", "three"]


async def test_a_rejected_key_gives_way_to_an_allowed_one() -> None:
    provider = ScriptedProvider("a", lambda call: call.credential)
    pipeline = Pipeline(
        Fallback(provider),
        credentials=lambda *_: ["one", "two", "three", "four", "five"],
        allow=by_key("five"),
    )
    assert (await pipeline.complete("Why?")).text == "five"
    assert len(provider.calls) == 1


async def test_if_no_further_key_is_allowed_the_providers_error_is_raised() -> None:
    limited = RateLimitError("slow down", provider="a", status=429, retry_after=60)
    provider = ScriptedProvider("a", [limited])
    pipeline = Pipeline(Fallback(provider), credentials=lambda *_: ["one", "two"], allow=by_key("one"))
    with pytest.raises(RateLimitError):
        await pipeline.complete("Why?")
    assert len(provider.calls) == 1


async def test_the_rule_knows_whose_key_it_is() -> None:
    def own_keys_only(call: Call, deployment: Deployment) -> bool | str:
        return call.tenants_key or "bring your own key"

    provider = ScriptedProvider("a", lambda call: call.credential)
    provider.credential = lambda: "ours"  # type: ignore[attr-defined]
    pipeline = Pipeline(
        Fallback(provider),
        credentials=lambda tenant, _: SHARED if tenant == "trial" else "theirs",
        allow=own_keys_only,
    )
    assert (await pipeline.complete("Why?", tenant="paying")).text == "theirs"
    with pytest.raises(NotAllowedError, match="bring your own key"):
        await pipeline.complete("Why?", tenant="trial")


# --- the estimate, other routes, and mistakes ----------------------------------------------------


async def test_the_rule_sees_about_what_a_call_costs() -> None:
    seen: list[float | None] = []

    def look(call: Call, deployment: Deployment) -> bool:
        seen.append(call.estimated_cost)
        return True

    prices = {"a/scripted": Price(input=4.0, output=10.0)}
    pipeline = resilient(ScriptedProvider("a", lambda call: "a"), allow=look, prices=prices)
    await pipeline.complete("w" * 4000, max_tokens=1000)
    await pipeline.complete("w" * 4000)
    unknown = Pipeline(Fallback(ScriptedProvider("b", ["b"])), allow=look, prices=prices)
    await unknown.complete("Why?", max_tokens=1000)
    assert seen == [pytest.approx(0.014), None, None]


class OwnRoute(Layer):
    """A route that knows nothing of rules."""

    place = Place.ROUTE

    def __init__(self, provider: ScriptedProvider) -> None:
        self.deployment = Deployment(provider)

    def deployments(self) -> tuple[Deployment, ...]:
        return (self.deployment,)

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        return await inner(call.to(self.deployment))


async def test_a_route_of_your_own_is_held_to_the_rule() -> None:
    provider = ScriptedProvider("a", ["a"])
    with pytest.raises(NotAllowedError):
        await Pipeline(OwnRoute(provider), allow=Rule(a="no")).complete("Why?")
    assert provider.calls == []


async def judge(call: Call, deployment: Deployment) -> bool:
    return True


@pytest.mark.parametrize("rule", ["eu", lambda call: True, judge])
def test_a_rule_that_cannot_be_asked_is_refused_at_once(rule: Any) -> None:
    with pytest.raises(ConfigurationError, match="allow="):
        Pipeline(Fallback(ScriptedProvider("a")), allow=rule)


@pytest.mark.parametrize("prices", [[Price(1, 2)], {"a/b": 2.0}])
def test_prices_that_are_none_are_refused_at_once(prices: Any) -> None:
    with pytest.raises(ConfigurationError, match="prices"):
        Pipeline(Fallback(ScriptedProvider("a")), prices=prices)


def test_the_pipeline_shows_its_rule() -> None:
    pipeline = Pipeline(Fallback(ScriptedProvider("a")), allow=by_key())
    assert "ROUTE    allow=by_key" in str(pipeline)


def rejections() -> int:
    return sum(isinstance(each, NotAllowedError) for each in gc.get_objects())


async def test_a_rejected_call_leaves_no_cycle_behind(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(Rule(a=missing, b="no", c="no"))
    with suppress(NotAllowedError):
        await scene.pipeline.complete("Why?")
    assert ["allow=Rule failed" in record.getMessage() for record in caplog.records] == [True]
    gc.collect()
    gc.disable()
    try:
        before = rejections()  # pytest keeps what was logged, which is logged once
        with suppress(NotAllowedError):
            await scene.pipeline.complete("Why?")
        assert rejections() == before
    finally:
        gc.enable()


# --- the adversary -------------------------------------------------------------------------------

ANSWERS = st.sampled_from([True, True, False, "no", None, 1, KeyError("no"), asyncio.CancelledError()])
REPLIES = st.sampled_from(
    [
        "well",
        "well",
        "",
        stall(),
        after(3, "slow"),
        after(9, "slower"),
        stream("half ", cut()),
        after(5, ServerError("down", provider="")),
        ServerError("down", provider=""),
        OverloadedError("busy", provider="", status=529),
        RateLimitError("slow down", provider="", status=429, retry_after=2),
        AuthenticationError("no", provider="", status=401),
    ]
)
KEYS = ("one", "two", "three")


@settings(max_examples=120, deadline=None)
@given(
    rule=st.lists(ANSWERS, min_size=9, max_size=9),
    replies=st.lists(st.lists(REPLIES, min_size=1, max_size=6), min_size=3, max_size=3),
    hedge=st.sampled_from([None, 1.0, "p99"]),
    resolver=st.sampled_from(["none", "plain", "slow"]),
)
def test_no_request_ever_reaches_a_rejected_target(
    rule: list[Any], replies: list[list[Any]], hedge: Any, resolver: str
) -> None:
    """Not by a fallback, hedge, probe, rescue or further key, for the last target, or from a loser."""

    async def play() -> None:
        answers = {(name, key): rule[3 * row + column] for row, name in enumerate("abc")
                   for column, key in enumerate(KEYS)}  # fmt: skip

        def allow(call: Call, deployment: Deployment) -> Any:
            answer = answers[deployment.provider.name, call.credential or "one"]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        def keys(tenant: str, provider: str) -> Any:
            return list(KEYS)

        async def slow_keys(tenant: str, provider: str) -> Any:
            await asyncio.sleep(0.5)
            return list(KEYS)

        turns = {name: iter(replies[row] * 100) for row, name in enumerate("abc")}
        providers = [ScriptedProvider(name, partial(_next, turns[name])) for name in "abc"]
        pipeline = Pipeline(
            Deadline(60),
            Fallback(*providers, hedge_after=hedge, reserve=5),
            Retry(max_retries=1),
            Throttle(max_wait=2),
            Breaker(failure_threshold=3, cooldown=2, shared=SharedCircuits(votes=2, share=0.5)),
            Timeout(None, first_token=12, idle=5),
            credentials={"none": None, "plain": keys, "slow": slow_keys}[resolver],
            listeners=(),
            allow=allow,
        )

        async def ask(number: int) -> None:
            await asyncio.sleep(number)
            with suppress(RanvierError):
                if number % 2:
                    await pipeline.complete("Why?", tenant=f"t{number % 5}")
                else:
                    async with pipeline.stream("Why?", tenant=f"t{number % 5}") as answer:
                        await answer.collect()

        async with pipeline:
            await asyncio.gather(*(ask(number) for number in range(12)))
            await asyncio.sleep(200)
            assert_settled(pipeline)
        for provider in providers:
            for call in provider.calls:
                assert answers[provider.name, call.credential or "one"] is True

    run(play())


def _next(replies: Iterator[Any], call: Call) -> Any:
    return next(replies)
