"""Faults on purpose: they pass through the stack like real ones, and harm nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier import (
    ConfigurationError,
    DeadlineExceededError,
    Layer,
    LayerOrderError,
    Pipeline,
    Place,
    ProviderError,
    RanvierError,
    Response,
    ServerError,
    StreamEvent,
    StreamInterruptedError,
    resilient,
)
from ranvier.events import FaultInjected
from ranvier.layers import (
    Breaker,
    Bulkhead,
    Chaos,
    Deadline,
    Fallback,
    Retry,
    SharedCircuits,
    Throttle,
    Timeout,
)
from ranvier.layers.chaos.faults import ANSWERS, BREAKS, NAMES
from ranvier.pipeline import Call
from ranvier.testing import ScriptedProvider, recorded_events, run, settled, stream
from ranvier.testing.faults import KINDS

pytestmark = pytest.mark.virtual_time

ANSWER = stream("one ", "two ", "three ", "four ", "five")
LIMITS = Timeout(30, first_token=10, idle=5)


def pipeline_with(*layers: Layer, provider: ScriptedProvider | None = None, **others: Any) -> Pipeline:
    return Pipeline(Deadline(60), Fallback(provider or ScriptedProvider("one", [ANSWER])), *layers, **others)


async def read(pipeline: Pipeline, *, streaming: bool, tenant: str = "acme") -> str:
    if not streaming:
        return (await pipeline.complete("Why?", tenant=tenant)).text
    async with pipeline.stream("Why?", tenant=tenant) as answer:
        return (await answer.collect()).text


def test_the_faults_are_those_of_the_simulated_providers() -> None:
    """One list of names for both."""
    assert set(NAMES) == set(KINDS)


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
@pytest.mark.parametrize("limits", [LIMITS, Timeout(30)], ids=["first token", "whole"])
@pytest.mark.parametrize("fault", NAMES)
async def test_every_fault_looks_like_a_real_one(fault: str, limits: Timeout, streaming: bool) -> None:
    """Its error has the kind, its attempt is recorded, nothing stays open, and it says who did it."""
    provider = ScriptedProvider("one", [ANSWER])
    async with pipeline_with(limits, Chaos(fault, rate=1, after=2), provider=provider) as pipeline:
        if fault == "slow":
            assert await read(pipeline, streaming=streaming) == "one two three four five"
            return
        with pytest.raises(RanvierError) as raised:
            await read(pipeline, streaming=streaming)
    error = raised.value
    (attempt,) = error.attempts
    assert error.injected
    assert attempt.fault == fault
    assert f"(injected: {fault.replace('_', ' ')})" in error.explain()
    assert provider.in_progress == 0
    if fault in ANSWERS:
        kind, status = ANSWERS[fault]
        assert (type(error), attempt.status) == (kind, status)
        assert error.retry_after == (5 if fault == "rate_limit" else None)
    if fault in BREAKS and streaming:
        assert isinstance(error, StreamInterruptedError)
        assert error.received is not None
        assert error.received.text == "one two "
    assert len(provider.calls) == (fault in BREAKS)


async def test_a_provider_that_cannot_stream_gets_faults_too() -> None:
    """It is still asked for a whole answer."""
    provider = ScriptedProvider("one", ["fine"], streaming=False)
    async with pipeline_with(LIMITS, Chaos("cut", rate=1), provider=provider) as pipeline:
        for streaming in (True, False):
            with pytest.raises(ProviderError):
                await read(pipeline, streaming=streaming)
    assert len(provider.calls) == 2


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
async def test_plain_functions_of_a_users_provider_get_faults_too(streaming: bool) -> None:
    """Where `complete` returns an answer at once, and `stream` what can only be iterated."""

    class Words:
        async def __aiter__(self) -> AsyncIterator[StreamEvent]:
            yield StreamEvent(text="words")

    class Plain:
        name = default_model = "plain"

        def complete(self, call: Call) -> Response:
            return Response("words")

        def stream(self, call: Call) -> Words:
            return Words()

    provider: Any = Plain()
    async with pipeline_with(Timeout(30), Chaos("slow", rate=1), provider=provider) as pipeline:
        assert await read(pipeline, streaming=streaming) == "words"


async def test_a_short_answer_is_cut_before_its_end() -> None:
    """A cut answer never ends well, even if it has fewer events than may pass."""
    async with pipeline_with(LIMITS, Chaos("cut", rate=1, after=99)) as pipeline:
        with pytest.raises(StreamInterruptedError) as raised:
            await read(pipeline, streaming=True)
    assert raised.value.received is not None
    assert raised.value.received.text == "one two three four five"


@pytest.mark.parametrize("fault", ["stall", "silence"])
async def test_a_silence_ends_even_without_limits(fault: str) -> None:
    """After ten minutes the connection breaks."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [ANSWER])), Chaos(fault, rate=1))
    with pytest.raises(ProviderError):
        await pipeline.complete("Why?")
    await pipeline.aclose()


async def test_a_deadline_ends_a_fault() -> None:
    """Like any attempt."""
    async with pipeline_with(Chaos("stall", rate=1)) as pipeline:
        with pytest.raises(DeadlineExceededError):
            await pipeline.complete("Why?")


# --- whom it concerns ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(), rate=st.floats(0.05, 1))
def test_the_rate_is_that_of_the_attempts(seed: int, rate: float) -> None:
    """Within five standard deviations, and the same with the same seed."""

    async def faults() -> list[bool]:
        provider = ScriptedProvider("one", ["fine"])
        async with pipeline_with(Chaos("overloaded", rate=rate, seed=seed), provider=provider) as pipeline:
            outcomes = []
            for _ in range(200):
                try:
                    await pipeline.complete("Why?")
                except ProviderError:
                    outcomes.append(True)
                else:
                    outcomes.append(False)
        return outcomes

    first = run(faults())
    assert abs(sum(first) - 200 * rate) <= 5 * (200 * rate * (1 - rate)) ** 0.5 + 1
    assert run(faults()) == first


async def test_a_predicate_selects_the_attempts() -> None:
    """By anything that a call has."""
    chaos = Chaos("overloaded", rate=1, when=lambda call: call.tenant == "guinea-pig")
    async with pipeline_with(chaos) as pipeline:
        assert (await pipeline.complete("Why?", tenant="acme")).text
        with pytest.raises(ProviderError):
            await pipeline.complete("Why?", tenant="guinea-pig")


async def test_a_predicate_that_raises_injects_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged once, and no call fails."""

    def broken(call: Any) -> bool:
        raise KeyError("tenant")

    async with pipeline_with(Chaos("overloaded", rate=1, when=broken)) as pipeline:
        for _ in range(3):
            assert (await pipeline.complete("Why?")).text
    assert sum("Chaos(when) raised" in record.message for record in caplog.records) == 1


async def test_two_layers_of_it_inject_one_fault_at_a_time() -> None:
    """The outer one decides first."""
    layers = Chaos("overloaded", rate=1, when=lambda call: call.tenant == "a"), Chaos("auth", rate=1)
    async with pipeline_with(*layers) as pipeline:
        kinds = []
        for tenant in "ab":
            with pytest.raises(ProviderError) as raised:
                await pipeline.complete("Why?", tenant=tenant)
            kinds.append(raised.value.kind)
    assert kinds == ["overloaded", "auth"]


async def test_retries_and_fallbacks_answer_it() -> None:
    """That is what it is for."""
    one, two = ScriptedProvider("one", ["one"]), ScriptedProvider("two", ["two"])
    chaos = Chaos("overloaded", rate=1, when=lambda call: call.deployment.provider.name == "one")
    async with Pipeline(Fallback(one, two), Retry(2), chaos) as pipeline:
        answer = await pipeline.complete("Why?")
    assert answer.text == "two"
    assert [attempt.fault for attempt in answer.attempts] == ["overloaded"] * 3 + [None]


@pytest.mark.parametrize("hedge_after", [None, 2.0])
@pytest.mark.parametrize("retries", [0, 1], ids=["next target", "same target"])
@pytest.mark.parametrize("fault", BREAKS)
async def test_a_restart_answers_it(fault: str, retries: int, hedge_after: float | None) -> None:
    """A broken stream goes on at the real target, or at the next one; no place or probe stays taken."""
    one, two = ScriptedProvider("one", [ANSWER]), ScriptedProvider("two", [ANSWER])
    chaos = Chaos(fault, rate=1, after=2, when=lambda call: not one.calls)
    admission = Bulkhead(5), Throttle(), Breaker(1, shared=SharedCircuits(votes=2))
    route = Fallback(one, two, hedge_after=hedge_after)
    retry = Retry(retries, base_delay=0, on_timeout=True)
    async with Pipeline(Deadline(60), route, retry, *admission, LIMITS, chaos) as pipeline:
        text = ""
        async with pipeline.stream("Why?", on_break="restart") as answer:
            async for event in answer:
                text = "" if event.restarted else text + event.text
        assert text == "one two three four five"
        assert (len(one.calls), len(two.calls)) == ((2, 0) if retries else (1, 1))
        await settled(pipeline)


# --- what it must not harm -----------------------------------------------------------------------


FAULTS = [name for name in NAMES if name != "slow"]


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "complete"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_circuit_and_no_gate_counts_it(fault: str, streaming: bool) -> None:
    """Ten tenants whose every attempt fails: shared circuits, their own and gates stay as they were."""
    breaker, throttle = Breaker(1, shared=SharedCircuits(votes=2)), Throttle()
    chaos = Chaos(fault, rate=1, after=1, seconds=60)
    async with pipeline_with(throttle, breaker, LIMITS, chaos, listeners=[]) as pipeline:
        for number in range(30):
            with pytest.raises(RanvierError) as raised:
                await read(pipeline, streaming=streaming, tenant=f"tenant {number % 10}")
            assert raised.value.injected
        states = {str(seen.state) for _, seen in breaker.circuits} | {
            str(each.state) for each in breaker.circuits.shared or ()
        }
    assert states <= {"closed"}
    assert not list(throttle.gates)


async def test_a_tenants_circuit_counts_it_if_asked() -> None:
    """And no circuit that others share."""
    breaker = Breaker(2, shared=SharedCircuits(votes=2))
    async with pipeline_with(breaker, Chaos("overloaded", rate=1, counted=True)) as pipeline:
        for number in range(30):
            with pytest.raises(RanvierError):
                await pipeline.complete("Why?", tenant=f"tenant {number % 10}")
        assert {str(seen.state) for _, seen in breaker.circuits} == {"open"}
        assert {str(each.state) for each in breaker.circuits.shared or ()} <= {"closed"}


async def test_a_probe_with_a_fault_gives_its_place_back() -> None:
    """The next call is a probe at once, and real failures still count."""
    breaker = Breaker(1, success_threshold=1, cooldown=10, key=lambda call: call.tenant)
    provider = ScriptedProvider("one", [ServerError("no", provider="one"), "fine"])
    chaos = Chaos("overloaded", rate=1)
    chaos.on = False
    async with pipeline_with(breaker, chaos, provider=provider) as pipeline:
        with pytest.raises(ServerError):
            await pipeline.complete("Why?")
        await asyncio.sleep(20)
        chaos.on = True
        with pytest.raises(ProviderError) as raised:
            await pipeline.complete("Why?")
        assert raised.value.injected
        chaos.on = False
        assert (await pipeline.complete("Why?")).text == "fine"
        assert {str(seen.state) for _, seen in breaker.circuits} == {"closed"}


async def test_a_hedged_silence_on_purpose_counts_nothing() -> None:
    """It passes the hang threshold while another target answers: no circuit opens."""
    one, two = ScriptedProvider("one", ["one"]), ScriptedProvider("two", ["two"])
    breaker = Breaker(1, shared=SharedCircuits(votes=2))
    chaos = Chaos("stall", rate=1, when=lambda call: call.deployment.provider.name == "one")
    route = Fallback(one, two, hedge_after=1)
    async with Pipeline(Deadline(60), route, breaker, LIMITS, chaos) as pipeline:
        for number in range(10):
            answer = await pipeline.complete("Why?", tenant=f"tenant {number}")
            assert answer.text == "two"
            await asyncio.sleep(30)
        states = [seen.state for _, seen in breaker.circuits]
        shared = [each.state for each in breaker.circuits.shared or ()]
    assert {str(state) for state in (*states, *shared)} == {"closed"}


async def test_a_slow_answer_on_purpose_teaches_no_hedge() -> None:
    """The times that hedges follow are those of the provider."""
    route = Fallback(ScriptedProvider("one", [ANSWER]), ScriptedProvider("two"), hedge_after="p95")
    async with Pipeline(route, LIMITS, Chaos("slow", rate=1, seconds=2)) as pipeline:
        for _ in range(40):
            await pipeline.complete("Why?")
        assert route.pace_of(route.targets[0]).learned(pipeline.clock()) is None


# --- loud, and off -------------------------------------------------------------------------------


async def test_it_is_loud_while_it_is_on(caplog: pytest.LogCaptureFixture) -> None:
    """A warning when the pipeline opens, one each minute, an event for each fault, and in print(pipeline)."""
    caplog.set_level(logging.WARNING)
    async with pipeline_with(Chaos("slow", rate=1, seconds=20)) as pipeline:
        with recorded_events(pipeline) as events:
            for _ in range(9):
                await pipeline.complete("Why?")
        assert "ON: 9 faults injected into 9 attempts so far" in str(pipeline)
    assert [event.kind for event in events.of(FaultInjected)] == ["slow"] * 9
    said = [record.getMessage() for record in caplog.records if record.name == "ranvier.chaos"]
    assert said == [
        "Chaos is on: slow in 1 of the attempts; RANVIER_CHAOS=off switches it off",
        "Chaos is on: slow in 1 of the attempts: 3 faults injected into 4 attempts so far",
        "Chaos is on: slow in 1 of the attempts: 6 faults injected into 7 attempts so far",
    ]


@pytest.mark.parametrize("value", ["off", "OFF", "0", "false", " no "])
async def test_the_environment_switches_it_off(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is injected, and nothing said."""
    monkeypatch.setenv("RANVIER_CHAOS", value)
    async with pipeline_with(Chaos("overloaded", rate=1)) as pipeline:
        assert (await pipeline.complete("Why?")).text
        assert "off: 0 faults injected" in str(pipeline)
    assert not caplog.records


# --- where it may be -----------------------------------------------------------------------------


class Mine(Layer):
    place = Place.ATTEMPT


@pytest.mark.parametrize("check_order", [True, False])
@pytest.mark.parametrize("outside_of", [Fallback, Retry, Breaker, Timeout, Mine])
def test_it_is_rejected_anywhere_but_innermost(outside_of: Callable[[], Layer], check_order: bool) -> None:
    """Whoever asks for another order, too; the message has the right one."""
    one = ScriptedProvider("one")
    inner = Fallback(one) if outside_of is Fallback else outside_of()
    layers = (Chaos("auth"), inner) if outside_of is Fallback else (Fallback(one), Chaos("auth"), inner)
    with pytest.raises(LayerOrderError, match="Chaos has to be the innermost layer") as raised:
        Pipeline(*layers, check_order=check_order)
    assert str(raised.value).rstrip(")\n ").endswith("Chaos('auth', rate=0.01),")


def test_it_goes_innermost_in_the_recommended_stack() -> None:
    """`resilient(layers=[...])` puts each layer where it belongs."""
    pipeline = resilient(ScriptedProvider("one"), layers=[Chaos("auth"), Mine()])
    assert [type(layer).__name__ for layer in pipeline.layers][-3:] == ["Mine", "Timeout", "Chaos"]


@pytest.mark.parametrize(
    ("arguments", "others"),
    [
        ((), {}),
        (("teapot",), {}),
        (("auth",), {"rate": 0}),
        (("auth",), {"rate": 1.5}),
        (("auth",), {"rate": True}),
        (("auth",), {"seconds": -1}),
        (("auth",), {"after": -1}),
        (("auth",), {"when": "acme"}),
    ],
)
def test_mistakes_are_rejected_at_once(arguments: tuple[str, ...], others: dict[str, Any]) -> None:
    """With a message that names the remedy."""
    with pytest.raises(ConfigurationError, match=r"Chaos\("):
        Chaos(*arguments, **others)


def test_an_async_predicate_is_rejected() -> None:
    """Its coroutine would always be true."""

    async def when(call: Any) -> bool:
        return False

    with pytest.raises(ConfigurationError, match="plain function"):
        Chaos("auth", when=when)
