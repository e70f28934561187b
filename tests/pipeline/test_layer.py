"""What a layer is given: settings for single targets, and permits that are settled exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ranvier import (
    AttemptTimeoutError,
    AuthenticationError,
    ConfigurationError,
    DeadlineExceededError,
    Deployment,
    Layer,
    LayerError,
    Message,
    Pipeline,
    Place,
    RateLimitError,
    RejectedError,
    Request,
)
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Guard, Handler, Limits, Outcome, Permit
from ranvier.testing import ScriptedProvider, after, broken, cut, settled, stall, stream

pytestmark = pytest.mark.virtual_time


# --- overrides -----------------------------------------------------------------------------------


def test_a_target_has_its_own_settings_by_model_before_provider() -> None:
    """And all others those of the layer."""
    one, other = ScriptedProvider("one"), ScriptedProvider("other")
    of_provider, of_model = Timeout(seconds=1), Timeout(seconds=2)
    timeout = Timeout(overrides={"one": of_provider, "one/big": of_model})
    assert timeout.settings_for(Deployment(one, "small")) is of_provider
    assert timeout.settings_for(Deployment(one, "big")) is of_model
    assert timeout.settings_for(Deployment(other, "big")) is timeout
    assert "overrides=['one', 'one/big']" in repr(timeout)
    assert "overrides" not in repr(Timeout())


@pytest.mark.parametrize("layer", [Retry, Breaker, Timeout])
@pytest.mark.parametrize("wrong", [{"one": 3}, {"one": Layer()}, {7: None}])
def test_settings_of_another_kind_are_refused(layer: Any, wrong: Any) -> None:
    """The message says what to give, and where."""
    with pytest.raises(ConfigurationError, match=rf"overrides=.*give {layer.__name__}\(...\) by"):
        layer(overrides=wrong)


async def test_the_settings_of_a_target_are_those_of_its_attempts() -> None:
    """For each target of one call."""
    first, second = ScriptedProvider("one", [stall()]), ScriptedProvider("two", [stall()])
    timeout = Timeout(seconds=5, overrides={"two": Timeout(seconds=7)})
    with pytest.raises(Exception, match="none of 2") as raised:
        await Pipeline(Fallback(first, second), timeout).complete("Why?")
    assert [attempt.seconds for attempt in raised.value.attempts] == [5, 7]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "derive",
    [
        lambda call: call.to(call.deployment),
        lambda call: call.again(),
        lambda call: call.until(call.deadline),
        lambda call: call.until(float("inf")),
        lambda call: call.within(call.limits),
    ],
)
async def test_a_derived_call_is_another_one(derive: Callable[[Call], Call]) -> None:
    """Also where nothing is different yet: a layer goes on to change its own."""

    class Other(Layer):
        place = Place.RETRY

        async def handle(self, call: Call, inner: Handler[Any]) -> Any:
            derived = derive(call)
            assert derived is not call
            derived.request = Request((Message("user", "Else?"),))
            assert call.request.messages[0].text == "Why?"
            return await inner(derived)

    provider = ScriptedProvider("one")
    await Pipeline(Deadline(5), Fallback(provider), Other(), Timeout()).complete("Why?")
    assert provider.calls[0].request.messages[0].text == "Else?"
    assert provider.calls[0].deadline == 5


class PipelineReport(Deadline):
    """Gives some calls longer than others."""

    def handle(self, call: Call, inner: Handler[Any]) -> Awaitable[Any]:
        return inner(call) if call.tenant == "vip" else super().handle(call, inner)


class Lenient(Timeout):
    """Gives some attempts longer than others."""

    def handle(self, call: Call, inner: Handler[Any]) -> Awaitable[Any]:
        return inner(call) if call.tenant == "vip" else super().handle(call, inner)


@pytest.mark.parametrize("strict", [PipelineReport(5), Lenient(5)])
async def test_a_layer_of_the_users_may_decide_for_each_call(strict: Layer) -> None:
    """What a layer of ours says of every call, one that is derived from it may say of some."""
    fallback = Fallback(ScriptedProvider("one", [after(9, "late"), after(9, "late")]))
    layers = sorted([strict, fallback], key=lambda layer: layer.place)
    assert (await Pipeline(*layers).complete("Why?", tenant="vip")).text == "late"
    with pytest.raises((DeadlineExceededError, AttemptTimeoutError)):
        await Pipeline(*layers).complete("Why?", tenant="other")


async def test_settings_that_are_changed_later_count() -> None:
    """Of a stack that is built already, and of one call after the other."""
    deadline, timeout = Deadline(5), Timeout(5)
    fallback = Fallback(ScriptedProvider("one", [after(9, "late") for _ in range(3)]))
    pipeline = Pipeline(deadline, fallback, timeout)
    with pytest.raises(DeadlineExceededError):
        await pipeline.complete("Why?")
    deadline.seconds = 20
    with pytest.raises(AttemptTimeoutError):
        await pipeline.complete("Why?")
    timeout.limits = Limits(10)
    assert (await pipeline.complete("Why?")).text == "late"


# --- guards --------------------------------------------------------------------------------------


class Ticket(Permit):
    """Remembers what it was told."""

    __slots__ = ("log",)

    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def proved(self) -> None:
        self.log.append("proved")

    def settle(self, outcome: Outcome) -> None:
        self.log.append(outcome)


class Turnstile(Guard):
    """Lets everybody in, until it is shut."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.shut = False

    def admit(self, call: Call) -> Permit:
        if self.shut:
            raise RejectedError("shut", retry_after=3)
        return Ticket(self.log)


def guarded(*script: Any) -> tuple[Pipeline, Turnstile]:
    turnstile = Turnstile()
    return Pipeline(Fallback(ScriptedProvider("one", script)), turnstile, Timeout(idle=5)), turnstile


def test_a_guard_stands_where_attempts_are_admitted() -> None:
    """Inside retries, outside timeouts."""
    assert Guard.place is Place.ADMIT
    with pytest.raises(NotImplementedError):
        Guard().admit(None)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("fine", Outcome.SUCCEEDED),
        (broken(), Outcome.FAILED),
        (stream("a", cut()), Outcome.FAILED),
        (stall(), Outcome.ABANDONED),
        (RateLimitError("slow", provider="one"), Outcome.ABANDONED),
        (AuthenticationError("no", provider="one"), Outcome.ABANDONED),
        (ValueError("a bug"), Outcome.ABANDONED),
        (KeyboardInterrupt(), Outcome.ABANDONED),
    ],
)
async def test_a_permit_is_settled_once_with_how_the_attempt_ended(reply: Any, outcome: Outcome) -> None:
    """Only what is the provider's fault is a failure."""
    pipeline, turnstile = guarded(reply)
    try:
        await pipeline.complete("Why?", deadline=3)
    except BaseException as error:
        assert Outcome.of(error) is outcome  # noqa: PT017  # because: some end well
    assert turnstile.log == [outcome]


async def test_the_permit_of_a_stream_is_proved_at_its_hand_out_and_settled_at_its_end() -> None:
    """In between the attempt is in flight."""
    pipeline, turnstile = guarded("fine", stream("a", broken()), stream("a", stall()))
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABANDONED):
        turnstile.log.clear()
        answer = await pipeline.stream("Why?")
        assert turnstile.log == ["proved"]
        if outcome is Outcome.ABANDONED:
            await answer.aclose()
        else:
            await asyncio.gather(answer.collect(), return_exceptions=True)
        assert turnstile.log == ["proved", outcome]


async def test_a_refusal_reaches_the_caller_with_when_to_come_back() -> None:
    """Nothing was sent, and there is no attempt."""
    pipeline, turnstile = guarded("fine")
    turnstile.shut = True
    with pytest.raises(RejectedError) as raised:
        await pipeline.complete("Why?")
    assert (raised.value.retry_after, raised.value.attempts, turnstile.log) == (3, (), [])


async def test_a_guard_need_not_refuse_further_attempts() -> None:
    """A permit says of itself whether a retry would be in vain; the simplest says no."""
    permit = Permit()
    assert (permit.refuses_now, permit.circuit) == (False, "")
    permit.proved()
    permit.settle(Outcome.FAILED)
    turnstile = Turnstile()
    provider = ScriptedProvider("one", [broken(), "fine"])
    answer = await Pipeline(Fallback(provider), Retry(base_delay=1), turnstile).complete("Why?")
    assert answer.text == "fine"
    assert turnstile.log == [Outcome.FAILED, Outcome.SUCCEEDED]


# --- a user's layer that fails -------------------------------------------------------------------


class Refusing(Layer):
    """Looks at the stream that it was given, and raises an error, or forgets to return it."""

    place = Place.CALL

    def __init__(self, error: BaseException | None, reads: bool) -> None:
        self.error, self.reads = error, reads

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        answer = await inner(call)
        if self.reads:
            await anext(answer)
        if self.error is not None:
            raise self.error
        return None


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(ValueError("no"), ValueError), (asyncio.CancelledError(), LayerError), (None, LayerError)],
)
async def test_a_stream_that_a_failed_layer_held_is_closed(
    error: BaseException | None, raised: type[BaseException], reads: bool
) -> None:
    """At once, and not when its error, whose traceback refers to the stream, is forgotten."""
    provider = ScriptedProvider("one", [stream("a", "b", after(60, "c"))])
    pipeline = Pipeline(
        Refusing(error, reads), Fallback(provider), Bulkhead(1), Breaker(), Timeout(first_token=5)
    )
    with pytest.raises(raised) as kept:
        await pipeline.stream("Why?")
    await settled(pipeline)
    assert provider.cancelled == 1
    assert kept.value.__traceback__ is not None
