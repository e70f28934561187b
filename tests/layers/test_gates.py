"""A failure closes the gate that it is about: that of a whole key, or that of a key for one model."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ranvier import (
    SHARED,
    AuthenticationError,
    ContextLengthError,
    Credentials,
    Deployment,
    InvalidRequestError,
    OverloadedError,
    Pipeline,
    QuotaExceededError,
    RanvierError,
    RateLimitError,
    Scope,
    resilient,
)
from ranvier.facts.record import Record
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle
from ranvier.messages import Message, Request
from ranvier.pipeline.call import Call, Watch
from ranvier.pipeline.waiting.drain import HALF, LEAST, Drain
from ranvier.testing import ScriptedProvider, after, broken
from support.scenes import time, turns

pytestmark = pytest.mark.virtual_time

BIG, SMALL = "one/big", "one/small"


def no(kind: Callable[..., RanvierError], retry_after: float | None = None, **more: Any) -> RanvierError:
    return kind("no", provider="one", retry_after=retry_after, **more)


class Models:
    """Two models of one provider, and perhaps another provider, behind a throttle."""

    def __init__(
        self, *big: Any, small: Any = "small", two: Any = None, keys: Any = None, **settings: Any
    ) -> None:
        scripts = {"big": list(big), "small": small}

        def reply(call: Any) -> Any:
            script = scripts[call.deployment.model]
            return (script.pop(0) if script else "big") if isinstance(script, list) else script

        self.one = ScriptedProvider("one", reply)
        self.two = None if two is None else ScriptedProvider("two", lambda call: two)
        if self.two is not None:
            self.two.needs_credential = True  # type: ignore[attr-defined]
        self.throttle = Throttle(**settings)
        self.breaker = Breaker(failure_threshold=9)
        models = [Deployment(self.one, "big"), Deployment(self.one, "small")]
        self.pipeline = Pipeline(
            Deadline(100),
            Fallback(*models, *([self.two] if self.two else [])),
            Retry(0),
            self.throttle,
            self.breaker,
            credentials=keys or (lambda tenant, provider: "ours"),
        )

    async def ask(self, model: str = BIG, tenant: str = "acme", **options: Any) -> str:
        """The text, or the kind of the error."""
        try:
            answer = await self.pipeline.complete("Why?", tenant=tenant, to=model, **options)
        except RanvierError as error:
            return error.kind
        return answer.text

    async def learn(self, error: RanvierError, model: str = "big") -> None:
        """What the throttle learns from a call that ends with that error."""
        await self.pipeline.__aenter__()
        target = Deployment(self.one, model)
        call: Any = Call(Request((Message.user("Hi"),)), "acme", self.pipeline, Record()).to(target, "ours")
        self.throttle._learn(call, {}, error)

    def sent(self) -> list[str]:
        return [call.deployment.model for call in self.one.calls]

    def gates(self) -> list[tuple[str | None, str]]:
        return [(gate.model, gate.reason) for gate in self.throttle.gates]


# --- which gate ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "gate"),
    [
        (no(RateLimitError, 60), "big"),
        (no(OverloadedError, 60), "big"),
        (no(QuotaExceededError, scope=Scope.KEY_MODEL), "big"),
        (no(QuotaExceededError), None),
        (no(AuthenticationError), None),
        (no(RateLimitError, 60, scope=Scope.KEY), None),
        (no(OverloadedError, 60, scope=Scope.ENDPOINT), None),
    ],
)
async def test_a_failure_closes_the_gate_that_it_is_about(error: RanvierError, gate: str | None) -> None:
    """One about a model leaves the next model alone; one about the key closes all of its models."""
    models = Models(error, two="two")
    assert await models.ask() == ("small" if gate else "two")
    assert models.gates() == [(gate, error.kind)]
    models.one.calls.clear()
    assert await models.ask(SMALL) == ("small" if gate else "two")
    assert models.sent() == (["small"] if gate else [])


@pytest.mark.parametrize("scope", [Scope.REQUEST, Scope.TARGET])
@pytest.mark.parametrize("kind", [RateLimitError, QuotaExceededError, OverloadedError, AuthenticationError])
async def test_a_failure_of_one_request_closes_no_gate(kind: type[RanvierError], scope: Scope) -> None:
    """Whatever its class, and whatever wait it names."""
    models = Models(no(kind, 60, scope=scope))
    await models.ask()
    assert models.gates() == []


async def test_a_prompt_too_large_for_the_key_is_noticed_by_nobody_else() -> None:
    """One tenant's request goes on to the next target; all others are sent as before."""
    large = no(ContextLengthError, 300, scope=Scope.TARGET)
    large.fails_over = True
    models = Models(large)
    assert await models.ask(tenant="greedy") == "small"
    assert [await models.ask(tenant=tenant) for tenant in ("acme", "globex")] == ["big", "big"]
    assert (models.gates(), time()) == ([], 0)


async def test_each_key_and_each_model_has_a_gate() -> None:
    """Another tenant's key for the same model is another gate."""
    models = Models(no(RateLimitError, 60), keys=lambda tenant, provider: f"key of {tenant}")
    assert await models.ask() == "small"
    assert await models.ask(tenant="globex") == "big"
    assert await models.ask() == "small"
    assert models.sent() == ["big", "small", "big", "small"]


async def test_the_eight_calls_after_a_429_are_answered_by_the_sister_model() -> None:
    """By the whole recommended stack: none waits, and none fails."""
    one = ScriptedProvider(
        "one",
        lambda call: no(RateLimitError, 60) if call.deployment.model == "big" else after(0.5, "small"),
    )
    async with resilient(Deployment(one, "big"), Deployment(one, "small")) as pipeline:
        answers = [await pipeline.complete("Why?") for _ in range(8)]
    assert [answer.text for answer in answers] == ["small"] * 8
    assert time() == 4
    assert [call.deployment.model for call in one.calls].count("big") == 1


# --- both gates ----------------------------------------------------------------------------------


async def test_a_call_passes_when_both_of_its_gates_admit_it() -> None:
    """Neither alone is enough."""
    models = Models(no(RateLimitError, 2), small=[no(AuthenticationError)], auth_cooldown=5)
    assert await models.ask() == "all_failed"
    assert models.gates() == [("big", "rate_limit"), (None, "auth")]
    await asyncio.sleep(3)
    assert await models.ask() == "all_failed"
    assert models.sent() == ["big", "small"]
    await asyncio.sleep(2)
    assert await models.ask() == "big"
    assert models.gates() == []


async def test_a_limited_probe_has_shown_that_its_key_is_good() -> None:
    """The gate of the key opens, that of the model closes."""
    models = Models(no(AuthenticationError), no(RateLimitError, 30), auth_cooldown=5)
    assert await models.ask() == "all_failed"
    await asyncio.sleep(5)
    assert await models.ask() == "small"
    assert models.gates() == [("big", "rate_limit")]


async def test_a_rejected_probe_says_nothing_of_its_model() -> None:
    """The gate of the model stays as it was, and admits one call once the key is good again."""
    models = Models(
        no(RateLimitError, 1), no(AuthenticationError), small=no(RateLimitError, 60), auth_cooldown=5
    )
    assert await models.ask() == "all_failed"
    await asyncio.sleep(1)
    assert await models.ask() == "all_failed"
    assert dict(models.gates())[None] == "auth"
    await asyncio.sleep(5)
    assert await models.ask() == "big"
    assert models.gates() == [("small", "rate_limit")]


async def test_no_call_waits_for_a_key_that_is_rejected_meanwhile() -> None:
    """The calls that wait at the gates of its models are rejected at once."""
    models = Models()
    await models.learn(no(RateLimitError, 8))
    await models.learn(no(RateLimitError, 9), "small")
    waiting = [asyncio.create_task(models.ask(tenant=tenant)) for tenant in "abc"]
    await turns()
    assert sum(gate.waiting for gate in models.throttle.gates) == 3
    began = time()
    await models.learn(no(AuthenticationError))
    assert await asyncio.gather(*waiting) == ["all_failed"] * 3
    assert time() == began


async def test_a_call_holds_no_place_at_one_gate_while_it_waits_at_the_other() -> None:
    """Or nobody would ask whether the key is good again."""
    models = Models()
    await models.learn(no(RateLimitError, 2, scope=Scope.KEY))
    await models.learn(no(RateLimitError, 5), "small")
    waiting = asyncio.create_task(models.ask(SMALL))
    await asyncio.sleep(3)
    assert models.gates() == [("small", "rate_limit")]
    assert (await models.ask(), time()) == ("big", 3)
    assert (await waiting, time()) == ("small", 5)
    assert models.gates() == []


# --- operators -----------------------------------------------------------------------------------


async def test_operators_see_and_open_the_gates_of_a_model_or_of_a_key() -> None:
    """By name."""
    models = Models(no(RateLimitError, 60), small=no(RateLimitError, 60))
    await models.ask()
    big, small = models.throttle.gates
    assert (big.provider, big.model, small.model) == ("one", "big", "small")
    assert f"one/big key {big.key}: rate_limit, closed for 60.0 s" in str(models.pipeline)
    models.throttle.gates.open("one", model="big")
    assert models.gates() == [("small", "rate_limit")]
    await models.learn(no(AuthenticationError))
    assert f"one key {big.key}: auth, closed for 60.0 s" in str(models.pipeline)
    models.throttle.gates.open("one", key=big.key)
    assert models.gates() == []


# --- the queue -----------------------------------------------------------------------------------


async def test_a_call_does_not_wait_where_a_later_target_would_take_it() -> None:
    """However short the wait is."""
    models = Models(no(RateLimitError, 1), two="two")
    assert [await models.ask() for _ in range(3)] == ["small"] * 3
    assert (time(), models.sent()) == (0, ["big", "small", "small", "small"])


@pytest.mark.parametrize(
    ("two", "keys"),
    [
        (no(RateLimitError, 60), None),  # its gate is closed
        (broken(), None),  # its circuit is open
        ("two", lambda tenant, provider: "ours" if provider == "one" else None),  # there is no key for it
    ],
)
async def test_a_call_waits_where_no_later_target_would_take_it(two: Any, keys: Any) -> None:
    """Because its gate is closed, its circuit is open, or the tenant has no key there."""
    models = Models(no(RateLimitError, 2), small=no(RateLimitError, 2), two=two, keys=keys)
    models.breaker.rules.failure_threshold = 1
    assert await models.ask() not in ("big", "two")
    assert await models.ask() == "big"
    assert time() == 2


@pytest.mark.parametrize("keys", [None, Credentials(lambda tenant, provider: SHARED)])
async def test_every_way_to_name_a_key_is_understood(keys: Any) -> None:
    """Without a resolver, and by one that names the provider's own key."""
    one = ScriptedProvider("one", [no(RateLimitError, 1)])
    pipeline = Pipeline(Fallback(one, ScriptedProvider("two", ["two"] * 2)), Throttle(), credentials=keys)
    assert [(await pipeline.complete("Hi")).text for _ in range(2)] == ["two", "two"]
    assert time() == 0


async def test_an_async_resolver_is_not_asked_for_a_question() -> None:
    """Only a key that it has returned before is known; the call then waits no longer than it may."""
    asked: list[str] = []

    async def resolve(tenant: str, provider: str) -> str:
        asked.append(provider)
        return "ours"

    models = Models(*["big"] * 3, small=no(RateLimitError, 60), two="two", keys=resolve)
    await models.learn(no(RateLimitError, 1))
    await models.learn(no(RateLimitError, 60), "small")
    assert await models.ask() == "big"
    assert (time(), asked) == (1, ["one"])
    assert await models.ask(SMALL) == "two"
    await models.learn(no(RateLimitError, 1))
    assert await models.ask() == "two"
    assert (time(), asked) == (1, ["one", "two"])


async def test_a_resolver_that_fails_when_it_is_asked_fails_no_call() -> None:
    """The call waits, as if there were no key."""
    fails = {"two"}

    def resolve(tenant: str, provider: str) -> str:
        if provider in fails:
            raise LookupError(provider)
        return "key"

    one = ScriptedProvider("one", [no(RateLimitError, 1), "one"])
    pipeline = Pipeline(Fallback(one, ScriptedProvider("two")), Throttle(), credentials=resolve)
    with pytest.raises(RanvierError):
        await pipeline.complete("Hi")
    assert (await pipeline.complete("Hi")).text == "one"
    assert time() == 1


class Unwilling(Throttle):
    """Rejects at every other target; or fails when it is asked."""

    def __init__(self, raises: bool) -> None:
        super().__init__()
        self.raises = raises

    def admits_now(self, call: Any) -> bool:
        assert call.deployment.provider.name == "two"
        if self.raises:
            raise ValueError("no idea")
        return False


@pytest.mark.parametrize("raises", [True, False])
async def test_a_layer_of_your_own_may_say_that_it_would_not_admit_a_call(raises: bool) -> None:
    """One that fails says no."""
    one = ScriptedProvider("one", [no(RateLimitError, 1), "one"])
    two = ScriptedProvider("two", [InvalidRequestError("no", provider="two")])
    pipeline = Pipeline(Fallback(one, two), Unwilling(raises))
    with pytest.raises(RanvierError):
        await pipeline.complete("Hi")
    assert (await pipeline.complete("Hi")).text == "one"
    assert time() == 1


class NeverQueue(Throttle):
    """Marks every call as one that must not wait."""

    async def handle(self, call: Any, inner: Any) -> Any:
        call = call.again()
        call.watch = Watch()
        call.watch.queues = False
        return await super().handle(call, inner)


async def test_a_call_that_must_not_queue_never_waits() -> None:
    """It is admitted now, or rejected."""
    one = ScriptedProvider("one", [no(RateLimitError, 1), "one"])
    pipeline = Pipeline(Fallback(one), NeverQueue())
    for kind in ("rate_limit", "throttled"):
        with pytest.raises(RanvierError) as raised:
            await pipeline.complete("Hi")
        assert raised.value.kind == kind
    await asyncio.sleep(1)
    assert (await pipeline.complete("Hi")).text == "one"


async def test_all_waits_of_a_call_at_its_gates_are_one_wait() -> None:
    """At one gate after the other, they do not add up to more than `max_wait`."""
    models = Models(max_wait=3)
    await models.learn(no(RateLimitError, 2, scope=Scope.KEY))
    await models.learn(no(RateLimitError, 4), "small")
    assert (await models.ask(SMALL), time()) == ("throttled", 2)
    await models.learn(no(RateLimitError, 0.5, scope=Scope.KEY))
    assert (await models.ask(SMALL), time()) == ("small", 4)


def test_the_drain_is_known_after_a_few_calls_and_forgotten_after_a_while() -> None:
    """It is that of the last seconds."""
    drain = Drain()
    for number in range(LEAST):
        assert drain.seconds_for(10, number) == 0
        drain.admit(float(number))
    assert drain.seconds_for(3, 3.0) == 3
    for number in range(3, 50):
        drain.admit(float(number))
    assert drain.seconds_for(10, 50.0) == pytest.approx(10, rel=0.2)
    assert drain.seconds_for(10, 50.0 + 2 * HALF) == 0


def test_only_admissions_begin_the_measurement_of_a_drain() -> None:
    """Not a question while the gate was closed, after which the queue would look slow."""
    drain = Drain()
    assert drain.seconds_for(10, 0.0) == 0
    for number in range(LEAST):
        drain.admit(7.0 + number)
    assert drain.seconds_for(10, 9.0) == pytest.approx(10 * 2 / LEAST)


async def test_a_call_whose_turn_would_come_too_late_goes_on_at_once() -> None:
    """Once it is known how fast the queue moves."""
    one = ScriptedProvider(
        "one", lambda call: no(RateLimitError, 2) if time() < 2 else after(0.9, no(RateLimitError, 0.1))
    )
    pipeline = Pipeline(Fallback(one), Throttle(max_wait=9))

    async def ask() -> tuple[str, float]:
        began = time()
        try:
            await pipeline.complete("Hi")
        except RanvierError as error:
            return error.kind, time() - began
        raise AssertionError

    await ask()
    first = [asyncio.create_task(ask()) for _ in range(20)]
    await asyncio.sleep(5.5)
    assert await ask() == ("throttled", 0)
    await asyncio.gather(*first)


async def test_a_limited_call_does_not_sleep_where_a_later_target_would_take_it() -> None:
    """The retry would only wait for the gate that it has closed itself."""
    one = ScriptedProvider("one", [no(RateLimitError, 5), "one"])
    pipeline = Pipeline(Fallback(one, ScriptedProvider("two", ["two"])), Retry(2), Throttle())
    assert (await pipeline.complete("Hi")).text == "two"
    assert time() == 0
    one = ScriptedProvider("one", [no(RateLimitError, 5), "one"])
    assert (await Pipeline(Fallback(one), Retry(2, jitter="none"), Throttle()).complete("Hi")).text == "one"
    assert time() == 5


# --- the whole, as it is met ---------------------------------------------------------------------


class PerSecond:
    """A provider that takes so many requests in each second, and names the rest of it as the wait."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.taken: dict[int, int] = {}
        self.limited = 0

    def reply(self, call: Any) -> Any:
        second = int(time())
        self.taken[second] = self.taken.get(second, 0) + 1
        if self.taken[second] <= self.rate:
            return after(0.5, "one")
        self.limited += 1
        return no(RateLimitError, second + 1 - time())


@pytest.mark.parametrize("seed", range(3))
async def test_a_key_that_is_offered_too_much_delays_nobody(seed: int) -> None:
    """Good for 10 calls per second and offered 15: the others are answered by the next target at once."""
    server, dice, number = PerSecond(10), Random(seed), 900
    two = ScriptedProvider("two", lambda call: after(0.5, "two"))
    pipeline = resilient(ScriptedProvider("one", server.reply), two)

    async def ask() -> float:
        began = time()
        await pipeline.complete("Why?")
        return time() - began

    async with pipeline:
        calls = []
        for _ in range(number):
            await asyncio.sleep(dice.expovariate(15))
            calls.append(asyncio.create_task(ask()))
        seconds = sorted(await asyncio.gather(*calls))
    assert seconds[number // 2] <= 1
    assert seconds[number * 99 // 100] <= 2.5
    assert server.limited <= 0.05 * number
    assert len(two.calls) <= 0.5 * number
