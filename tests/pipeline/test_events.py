"""What happens is told to whoever listens, in order, and a listener breaks nothing."""

import asyncio
import logging
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, ServerError, StreamInterruptedError
from ranvier.events import (
    CallRejected,
    CircuitChanged,
    Event,
    FallbackTaken,
    RetryScheduled,
    StreamInterrupted,
)
from ranvier.layers import Breaker, Fallback, Retry, Timeout
from ranvier.pipeline.reporting import emitter as module
from ranvier.pipeline.reporting.emitter import Events
from ranvier.testing import ScriptedProvider, broken, stream

pytestmark = pytest.mark.virtual_time


def happened(number: int) -> Event:
    return RetryScheduled(tenant="acme", provider="one", model="m", attempt=number, delay=0, kind="network")


def numbers(events: list[Any]) -> list[int]:
    return [event.attempt for event in events]


# --- what is told --------------------------------------------------------------------------------


async def test_a_call_in_trouble_is_told_step_by_step() -> None:
    """Retry, the circuit's change and the fallback, each after it is so, with its facts."""
    seen: list[Any] = []
    first, second = ScriptedProvider("one", [broken()]), ScriptedProvider("two", ["fine"])
    pipeline = Pipeline(
        Fallback(first, second),
        Retry(max_retries=1, base_delay=2, jitter="none"),
        Breaker(failure_threshold=2),
        Timeout(),
        listeners=[lambda event: seen.append((event, pipeline.circuits.state("acme", "one")))],
    )
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="acme")
    who: dict[str, Any] = {"tenant": "acme", "provider": "one"}
    fallback: dict[str, Any] = {"to": "two/scripted", "model": "scripted"}
    assert seen[0] == (
        RetryScheduled(**who, model="scripted", attempt=1, delay=2.0, kind="network"),
        "closed",
    )
    assert seen[1] == (CircuitChanged(**who, before="closed", after="open"), "open")
    assert seen[2] == (FallbackTaken(**who, **fallback, kind="network"), "open")
    assert isinstance(seen[3][0], CallRejected)
    assert seen[3][0].retry_after > 29
    assert seen[4:] == [(FallbackTaken(**who, **fallback, kind="circuit_open"), "open")]


async def test_a_stream_that_breaks_after_its_hand_out_is_told() -> None:
    """With the kind of what broke it."""
    seen: list[Event] = []
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [stream("a", broken())])), Breaker(), listeners=[seen.append]
    )
    with pytest.raises(StreamInterruptedError):
        await (await pipeline.stream("Why?")).collect()
    assert seen == [StreamInterrupted(tenant="default", provider="one", model="scripted", kind="network")]


async def test_what_operators_do_is_told_to_every_pipeline_of_the_breaker() -> None:
    """`isolate` and `reset` have no call, and are told all the same."""
    first: list[Any] = []
    second: list[Any] = []
    breaker = Breaker()
    pipelines = [
        Pipeline(Fallback(ScriptedProvider("one")), breaker, listeners=[seen.append])
        for seen in (first, second)
    ]
    await breaker.circuits.isolate("acme", "one")
    await breaker.circuits.reset("acme", "one")
    assert first == second
    assert [(event.before, event.after) for event in first] == [
        ("closed", "isolated"),
        ("isolated", "closed"),
    ]
    assert pipelines[0].circuits is pipelines[1].circuits


# --- how it is told ------------------------------------------------------------------------------


async def test_plain_and_async_listeners_hear_everything_in_order() -> None:
    """Async ones one event after the other, however long they take."""
    plain: list[Any] = []
    slow: list[Any] = []

    async def listen(event: Any) -> None:
        await asyncio.sleep(3 - event.attempt)
        slow.append(event)

    events = Events([plain.append, listen])
    for number in range(3):
        events.emit(happened(number))
    assert numbers(plain) == [0, 1, 2]
    assert slow == []
    await events.drain()
    assert numbers(slow) == [0, 1, 2]
    await events.drain()


async def test_a_listener_that_raises_is_logged_once_and_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the call, nor the other listeners, nor what comes after."""
    seen: list[Any] = []

    class Bad:
        __hash__ = None

        def __call__(self, event: Any) -> None:
            raise ValueError("a bad listener")

    async def worse(event: Any) -> None:
        raise KeyError("a worse one")

    events = Events([Bad(), worse, seen.append])
    with caplog.at_level(logging.ERROR, "ranvier"):
        for number in range(3):
            events.emit(happened(number))
        await events.drain()
    assert numbers(seen) == [0, 1, 2]
    assert caplog.text.count("ValueError: a bad listener") == 1
    assert caplog.text.count("KeyError: 'a worse one'") == 1


async def test_the_errors_of_a_listener_at_the_address_of_a_removed_one_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python gives the address of an object that is gone to a new one: that has not been logged yet."""

    def bad(event: Any) -> None:
        raise ValueError("bad")

    events = Events()
    with caplog.at_level(logging.ERROR, "ranvier"):
        for number in range(2):
            events.add(bad)  # as if it were another one
            events.emit(happened(number))
            events.remove(bad)
    assert caplog.text.count("ValueError: bad") == 2


async def test_an_async_listener_that_ends_cancelled_does_not_silence_the_others() -> None:
    """A cancellation inside a listener is its own affair."""
    seen: list[Any] = []

    async def gives_up(event: Any) -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    async def listen(event: Any) -> None:
        seen.append(event)

    events = Events([gives_up, listen])
    events.emit(happened(1))
    events.emit(happened(2))
    await events.drain()
    assert numbers(seen) == [1, 2]


async def test_what_a_listener_causes_is_told_after_what_it_was_told_of() -> None:
    """An event within the delivery of another waits, so that all hear both in one order."""
    first: list[Any] = []
    second: list[Any] = []
    events = Events()

    def echo(event: Any) -> None:
        first.append(event)
        if event.attempt < 3:
            events.emit(happened(event.attempt + 1))

    events.add(echo)
    events.add(second.append)
    events.emit(happened(1))
    assert numbers(first) == numbers(second) == [1, 2, 3]


async def test_a_listener_may_use_the_pipeline_it_listens_to() -> None:
    """Also its circuits, from the event that tells of them."""
    states: list[Any] = []

    async def heal(event: Any) -> None:
        if isinstance(event, CircuitChanged) and event.after == "open":
            await pipeline.circuits.reset(event.tenant, event.provider)
        states.append(pipeline.circuits.state("default", "one"))

    provider = ScriptedProvider("one", [ServerError("down", provider="one"), "fine"])
    pipeline = Pipeline(Fallback(provider), Breaker(failure_threshold=1), listeners=[heal])
    with pytest.raises(ServerError):
        await pipeline.complete("Why?")
    await pipeline.events.drain()
    assert (await pipeline.complete("Why?")).text == "fine"
    assert states == ["closed", "closed"]


async def test_closing_waits_until_the_async_listeners_have_heard_everything() -> None:
    """What happened last is told too; a listener that closes the pipeline itself does not wait for itself."""
    heard: list[Any] = []

    async def listen(event: Any) -> None:
        await asyncio.sleep(5)
        heard.append(event)
        await pipeline.aclose()

    provider = ScriptedProvider("one", [broken(), "fine"])
    pipeline = Pipeline(Fallback(provider), Retry(base_delay=0), listeners=[listen])
    await pipeline.complete("Why?")
    await asyncio.sleep(6)
    assert len(heard) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_listeners_that_are_too_slow_lose_events_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: what may wait is limited, for async listeners and for nested events."""
    monkeypatch.setattr(module, "MAX_UNDELIVERED", 3)
    heard: list[Any] = []

    async def listen(event: Any) -> None:
        heard.append(event)

    events = Events([listen])
    for number in range(9):
        events.emit(happened(number))
    await events.drain()
    assert numbers(heard) == [0, 1, 2]
    assert events.dropped == 6
    assert caplog.text.count("too slow") == 1

    nested: list[Any] = []

    def flood(event: Any) -> None:
        nested.append(event)
        for number in range(9 if len(nested) == 1 else 0):
            flooded.emit(happened(number))

    flooded = Events([flood])
    flooded.emit(happened(-1))
    assert numbers(nested) == [-1, 0, 1, 2]


async def test_a_listener_that_is_added_later_is_told_from_then_on() -> None:
    """After those that were there before."""
    heard: list[Any] = []
    events = Events([lambda event: heard.append(("first", event.attempt))])  # type: ignore[attr-defined]
    events.emit(happened(1))
    events.add(lambda event: heard.append(("second", event.attempt)))  # type: ignore[attr-defined]
    events.emit(happened(2))
    assert heard == [("first", 1), ("first", 2), ("second", 2)]
    with pytest.raises(ConfigurationError, match=r"listeners holds None: give functions"):
        events.add(None)  # type: ignore[arg-type]


async def test_without_listeners_nothing_is_told_or_kept() -> None:
    """Emitting is free of effects."""
    events = Events()
    events.emit(happened(1))
    await events.drain()


@pytest.mark.parametrize("listener", [None, "print", 7])
def test_a_listener_that_cannot_be_called_is_refused(listener: Any) -> None:
    """When the pipeline is built."""
    with pytest.raises(ConfigurationError, match=r"listeners holds .*give functions"):
        Pipeline(Fallback(ScriptedProvider("one")), listeners=[listener])
