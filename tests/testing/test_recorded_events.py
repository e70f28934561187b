"""What a pipeline tells, written down."""

import asyncio

import pytest

from ranvier import Pipeline
from ranvier.events import CircuitChanged, Event, RetryScheduled
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.testing import RecordedEvents, ScriptedProvider, broken, recorded_events, virtual_time

pytestmark = pytest.mark.virtual_time


def troubled() -> tuple[Fallback, Retry, Breaker]:
    """A stack with one failure before each answer."""
    provider = ScriptedProvider("one", [broken(), "fine", broken(), "fine", broken(), "fine"])
    return Fallback(provider), Retry(base_delay=2, jitter="none"), Breaker()


async def test_a_listener_keeps_every_event_with_its_time() -> None:
    """In order, by index, by name, by class, and one a line."""
    events = RecordedEvents()
    pipeline = Pipeline(*troubled(), listeners=[events])
    await asyncio.sleep(3)
    await pipeline.complete("Why?", tenant="acme")
    await pipeline.complete("Why?", tenant="acme")
    assert len(events) == 2
    assert events.names == ["retry", "retry"]
    assert events.times == [3, 5]
    assert events.of(RetryScheduled) == list(events)
    assert events.of(CircuitChanged) == []
    assert isinstance(events[0], RetryScheduled)
    assert str(events).splitlines()[1] == (
        "     5.000  retry        tenant=acme provider=one model=scripted attempt=1 delay=2.0 kind=network"
    )
    assert repr(events) == "<RecordedEvents ['retry', 'retry']>"
    events.clear()
    assert not list(events)


async def test_a_block_keeps_the_events_of_its_time() -> None:
    """Of a pipeline in use, whose own listeners hear everything; blocks may overlap."""
    heard: list[Event] = []
    pipeline = Pipeline(*troubled(), listeners=[heard.append])
    with recorded_events(pipeline) as outer:
        await pipeline.complete("Why?")
        with recorded_events(pipeline) as inner:
            await pipeline.complete("Why?")
    await pipeline.complete("Why?")
    assert (len(heard), len(outer), len(inner)) == (3, 2, 1)
    assert pipeline.events.listeners == (heard.append,)


async def test_a_block_ends_whatever_happens_in_it() -> None:
    """An error inside leaves no listener behind."""
    pipeline = Pipeline(*troubled())
    with pytest.raises(ZeroDivisionError), recorded_events(pipeline):
        raise ZeroDivisionError
    assert not pipeline.events.in_context


def trace(seed: int) -> str:
    """Everything that a stack with jitter in its waits tells."""
    with virtual_time(seed) as run:
        events = RecordedEvents()
        provider = ScriptedProvider("one", [broken()] * 7 + ["fine"])
        layers = Fallback(provider), Retry(max_retries=1), Breaker(failure_threshold=3, cooldown=30)

        async def scenario() -> None:
            pipeline = Pipeline(*layers, listeners=[events])
            for _ in range(20):
                await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
                await asyncio.sleep(5)

        run(scenario())
        return str(events)


def test_the_same_seed_is_the_same_trace() -> None:
    """To the last digit, backoff and cooldowns included; another seed is another."""
    assert trace(1) == trace(1)
    assert "half_open" in trace(1)
    assert trace(1) != trace(2)
