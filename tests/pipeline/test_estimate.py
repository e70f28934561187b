"""What is worked out of a stack as the most that a call can take, held against calls at their worst."""

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier import Deployment, Layer, Pipeline, deadline
from ranvier.errors import (
    AttemptTimeoutError,
    InvalidRequestError,
    OverloadedError,
    RanvierError,
    RateLimitError,
    ServerError,
)
from ranvier.events import FallbackTaken, RetryScheduled
from ranvier.layers import Breaker, Deadline, Fallback, Retry, SharedCircuits, Throttle, Timeout
from ranvier.layers.throttle.gate import Reason
from ranvier.pipeline.estimate import at_target, of_call
from ranvier.pipeline.worst_case import WorstCase
from ranvier.testing import ScriptedProvider, after, run

NEARLY = 1e-3
"""By so many seconds the worst provider stays below each limit, or else it would be another's error."""

FINE: dict[str, Any] = {"max_examples": 60, "deadline": None, "derandomize": True}


class SlowSlots:
    """A connection becomes free after so many seconds, every time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def locked(self) -> bool:
        return True

    async def acquire(self) -> None:
        await asyncio.sleep(self._seconds)

    def release(self) -> None:
        pass


def refuses_streaming(name: str) -> InvalidRequestError:
    error = InvalidRequestError("no streams here", provider=name)
    error.refuses_streaming = True
    return error


class NoOtherWould(Layer):
    """Says of every later target that it would not take a call now, so that the call waits where it is."""

    def admits_now(self, call):
        return False


class Worst:
    """Every provider answers at the last moment, and every time asks for the longest wait there is."""

    def __init__(self, layers: list[Layer], names: list[str], *, slots: float | None, streaming: bool):
        self.retry = next(layer for layer in layers if isinstance(layer, Retry))
        self.timeout = next(layer for layer in layers if isinstance(layer, Timeout))
        self.throttle = next((layer for layer in layers if isinstance(layer, Throttle)), None)
        self.refused: set[str] = set()
        self.waited: set[str] = set()
        self.streaming = streaming
        self.providers = [ScriptedProvider(name, self.reply, streaming=streaming) for name in names]
        for provider in self.providers:
            if slots is not None:
                provider.slots = SlowSlots(slots - NEARLY)  # type: ignore[assignment]

    def reply(self, call):
        name = call.deployment.provider.name
        error: Any = RateLimitError("later", provider=name)
        error.retry_after = self.retry.settings_for(call.deployment).max_delay
        if self.streaming and name not in self.refused:
            self.refused.add(name)
            error = refuses_streaming(name)
        return after(self.timeout.settings_for(call.deployment).seconds - NEARLY, error)

    def heard(self, event) -> None:
        """Let the gate be closed by somebody else at the moment when a call comes to it."""
        if isinstance(event, FallbackTaken):
            self.close(event.to.partition("/")[0])
        elif isinstance(event, RetryScheduled) and event.delay == 0:
            self.close(event.provider)
        elif isinstance(event, RetryScheduled):
            loop = asyncio.get_running_loop()
            loop.call_at(loop.time() + event.delay - NEARLY, self.close, event.provider)

    def close(self, provider: str) -> None:
        if self.throttle is not None and self.throttle.max_wait and provider not in self.waited:
            self.waited.add(provider)  # what a call has waited at a target counts for all of its attempts
            now = asyncio.get_running_loop().time()
            key = (provider, "scripted", hash(None))
            self.throttle.gates.close(key, Reason.RATE_LIMIT, now + self.throttle.max_wait - NEARLY, now)


small = st.sampled_from([0.0, 0.25, 1.0, 7.0, 30.0])
lengths = st.sampled_from([0.5, 3.0, 20.0, 120.0])
names = st.sampled_from([["one"], ["one", "two"], ["one", "two", "three"]])


@st.composite
def retries(draw):
    return Retry(
        draw(st.integers(0, 3)),
        base_delay=draw(small),
        max_delay=draw(small),
        jitter=draw(st.sampled_from(["none", "full", "equal"])),
        on_timeout=draw(st.booleans()),
    )


@st.composite
def stacks(draw, worst: bool = False):
    """The layers around the route, and how many targets there are."""
    retry, timeout = draw(retries()), Timeout(draw(lengths), connect=draw(lengths), first_token=None)
    if worst:
        retry.jitter = "none"
        retry._backoff._jitter = "none"
    elif draw(st.booleans()):
        retry.override_with({"two": draw(retries())})
        timeout = Timeout(
            draw(lengths),
            connect=draw(lengths),
            first_token=draw(st.none() | lengths),
            idle=draw(st.none() | lengths),
            overrides={"one": Timeout(draw(lengths))},
        )
    throttle = draw(st.none() | st.builds(Throttle, max_wait=small))
    slots = None if throttle is not None or draw(st.booleans()) else timeout.limits.connect
    until = None if worst else draw(st.none() | st.builds(Deadline, lengths))
    breaker = None if worst else draw(st.none() | st.builds(Breaker, st.integers(1, 3)))
    inside = [layer for layer in (retry, throttle, breaker, timeout) if layer is not None]
    return until, inside, draw(names), slots


async def ask(pipeline: Pipeline, *, streaming: bool) -> tuple[int, float]:
    """How many attempts and seconds one call has taken."""
    clock = asyncio.get_running_loop().time
    began = clock()
    async with pipeline:
        try:
            if streaming:
                async with pipeline.stream("Why?") as answer:
                    async for _ in answer:
                        pass
                return len(answer.attempts), clock() - began
            return len((await pipeline.complete("Why?")).attempts), clock() - began
        except RanvierError as error:
            return len(error.attempts), clock() - began


@settings(**FINE)
@given(stack=stacks(worst=True), streaming=st.booleans())
def test_the_worst_call_takes_as_much_as_is_said(stack, streaming):
    """The bound is reached: by each attempt, each wait, each gate, each slot, each refusal to stream."""
    _, inside, targets, slots = stack

    async def main():
        worst = Worst(inside, targets, slots=slots, streaming=streaming)
        pipeline = Pipeline(NoOtherWould(), Fallback(*worst.providers), *inside, listeners=[worst.heard])
        bound = of_call(pipeline)
        if worst.throttle is not None:
            worst.close(targets[0])
        attempts, seconds = await ask(pipeline, streaming=streaming)
        assert attempts == bound.attempts
        assert bound.seconds - 4 * bound.attempts * NEARLY <= seconds <= bound.seconds

    run(main())


@settings(**FINE)
@given(seconds=lengths, streaming=st.booleans())
def test_a_deadline_cuts_the_worst_call_off(seconds, streaming):
    """That bound is reached too: the call is as long as its deadline, and no longer."""

    async def main():
        inside = [Retry(2, base_delay=0, max_delay=0), Timeout(seconds * 0.4)]
        worst = Worst(inside, ["one", "two"], slots=None, streaming=streaming)
        pipeline = Pipeline(Deadline(seconds), Fallback(*worst.providers), *inside)
        bound, (attempts, took) = of_call(pipeline), await ask(pipeline, streaming=streaming)
        assert took == pytest.approx(bound.seconds)
        assert bound.seconds == seconds
        assert attempts <= bound.attempts

    run(main())


@settings(**FINE)
@given(stack=stacks(), streaming=st.booleans(), data=st.data())
def test_no_call_takes_more_than_is_said(stack, streaming, data):
    """Whatever providers do, early or late, and whatever they ask for."""
    until, inside, targets, slots = stack

    def reply(call):
        name = call.deployment.provider.name
        kind = data.draw(
            st.sampled_from(
                [RateLimitError, OverloadedError, ServerError, AttemptTimeoutError, None, "stream"]
            )
        )
        seconds = data.draw(st.sampled_from([0.0, 0.4, 2.9, 19.0, 119.0, math.inf]))
        if kind is None:
            return after(seconds, "At last.")
        if kind == "stream":
            return after(seconds, refuses_streaming(name))
        error = kind("no", provider=name)
        error.retry_after = data.draw(st.none() | small | st.just(45.0))
        return after(seconds, error)

    async def main():
        providers = [ScriptedProvider(name, reply) for name in targets]
        for provider in providers:
            if slots is not None:
                provider.slots = SlowSlots(data.draw(st.sampled_from([0.0, 0.5, 2.0, 40.0])))  # type: ignore[assignment]
        pipeline = Pipeline(*([until] if until else []), Fallback(*providers), *inside)
        bound = of_call(pipeline)
        attempts, seconds = await ask(pipeline, streaming=streaming)
        assert attempts <= bound.attempts
        assert seconds <= bound.seconds + 1e-6

    run(main())


def test_what_cannot_be_bounded_is_infinite():
    """Attempts without a limit, a resolver without a deadline, a gate to which a call is sent back."""
    provider = ScriptedProvider("one")
    assert of_call(Pipeline(Fallback(provider))).seconds == math.inf
    assert of_call(Pipeline(Deadline(60), Fallback(provider))).seconds == 60
    timed = [Fallback(provider), Timeout(20)]
    assert of_call(Pipeline(*timed)).seconds == 40  # it may refuse to stream
    assert of_call(Pipeline(*timed), refusals=False) == WorstCase(1, 20)
    assert of_call(Pipeline(*timed, credentials=lambda tenant, provider: "key")).seconds == math.inf
    provider.slots = asyncio.Semaphore()
    assert of_call(Pipeline(*timed), refusals=False).seconds == 30
    throttled = Pipeline(Fallback(provider), Throttle(max_wait=1), Timeout(20))
    assert of_call(throttled, refusals=False).seconds == math.inf


def test_the_longest_of_all_chains_counts():
    """Where a call may start elsewhere, that chain may be the longer one."""
    one, two, three = (ScriptedProvider(name, streaming=False) for name in ("one", "two", "three"))
    route = Fallback(one, two, chains={"two": [one, three]})
    assert of_call(Pipeline(route, Timeout(10))) == WorstCase(3, 30)


def test_a_repair_is_one_more_attempt_in_the_time_of_the_first():
    """Only its wait for a connection comes to it."""
    provider = ScriptedProvider("one", streaming=False)
    provider.slots = asyncio.Semaphore()
    layers = [Retry(1, base_delay=0, max_delay=0), Timeout(20, connect=5)]
    target = Deployment(provider)
    assert at_target(layers, target) == WorstCase(2, 50)
    assert at_target(layers, target, repairs=1) == WorstCase(4, 60)


def test_overrides_count_at_their_target():
    """Each layer says what it makes of the one target."""
    provider = ScriptedProvider("one", streaming=False)
    layers = [
        Retry(9, overrides={"one": Retry(0, max_delay=math.inf)}),
        Throttle(max_wait=9, overrides={"one": Throttle(max_wait=2)}),
        Timeout(99, overrides={"one/scripted": Timeout(3)}),
    ]
    assert at_target(layers, Deployment(provider)) == WorstCase(1, 5)


def test_a_layer_of_the_user_can_say_what_it_adds():
    """Without a word of its own it counts for nothing."""

    class Twice(Layer):
        async def handle(self, call, inner):
            await inner(call)
            return await inner(call)

        def bound(self, inner, deployment):
            return inner.times(2, pause=1.0)

    provider = ScriptedProvider("one", streaming=False)
    assert of_call(Pipeline(Twice(), Fallback(provider), Timeout(10))) == WorstCase(2, 21)
    assert of_call(Pipeline(Layer(), Fallback(provider), Timeout(10))) == WorstCase(1, 10)


async def test_a_deadline_of_the_caller_comes_on_top_of_it():
    """What is worked out knows the stack alone; the caller's own deadline makes a call only shorter."""
    provider = ScriptedProvider("one", [after(5, "late")], streaming=False)
    pipeline = Pipeline(Fallback(provider), Timeout(10))
    with deadline(0.01):
        _, seconds = await ask(pipeline, streaming=False)
    assert seconds < of_call(pipeline).seconds


# --- what a route adds ---------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [1, 2, 3])
@pytest.mark.parametrize("hedge_after", [None, 1.0, "p99"])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(data=st.data())
def test_hedges_and_further_keys_are_counted(targets: int, hedge_after: Any, data: Any) -> None:
    """Whatever targets do: a hedge goes to the next target, or once more to the only one."""

    def reply(call):
        error: Any = data.draw(st.sampled_from([RateLimitError, OverloadedError, ServerError, None]))
        seconds = data.draw(st.sampled_from([0.0, 0.9, 1.1, 12.0, 19.0, math.inf]))
        return after(seconds, "At last." if error is None else error("no", provider="one"))

    async def main():
        providers = [ScriptedProvider(f"p{number}", reply) for number in range(targets)]
        pipeline = Pipeline(
            Deadline(90),
            Fallback(*providers, hedge_after=hedge_after, reserve=20),
            Retry(1, base_delay=0.1),
            Breaker(3, shared=SharedCircuits(votes=2)),
            Timeout(None, first_token=20, idle=15),
            credentials=lambda tenant, provider: ["k1", "k2", "k3", "k4"],
        )
        bound = of_call(pipeline)
        asked = 2 if targets == 1 and hedge_after else targets
        assert bound.attempts == asked * 3 * (2 + 1)  # keys, times a retry and a refusal to stream
        for streaming in (False, True, False):
            attempts, seconds = await ask(pipeline, streaming=streaming)
            assert attempts <= bound.attempts
            assert seconds <= bound.seconds == 90

    run(main())


async def test_a_target_that_was_passed_over_is_asked_once_within_the_bound():
    """The last attempt is at a target that a shared circuit has passed over, and so was not asked."""
    down = ServerError("down", provider="one")
    one, two = ScriptedProvider("one", [down] * 9), ScriptedProvider("two", [down] * 9)
    pipeline = Pipeline(
        Fallback(one, two, hedge_after=5), Breaker(9, shared=SharedCircuits(votes=2, cooldown=99)), Timeout(9)
    )
    for tenant in ("acme", "globex"):
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?", tenant=tenant)
    with pytest.raises(RanvierError) as failed:
        await pipeline.complete("Why?", tenant="initech")
    assert len(failed.value.attempts) == 1
    assert of_call(pipeline, refusals=False).attempts == 2
