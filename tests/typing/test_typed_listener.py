"""Listeners: plain and async functions and objects, ours, and what a call tells of itself."""

import asyncio
from collections import Counter
from typing import assert_type

from ranvier import Pipeline, RateLimitError, resilient
from ranvier.layers import Breaker, CircuitState, Fallback, Retry
from ranvier.pipeline import Attempt, Story
from ranvier.pipeline.events import Event, RetryScheduled
from ranvier.telemetry import LoggingListener, OpenTelemetry
from ranvier.testing import RecordedEvents, ScriptedProvider, recorded_events

counted: Counter[str] = Counter()
waited: list[float] = []


def count(event: Event) -> None:
    counted[event.name] += 1


async def send_mail(event: Event) -> None:
    await asyncio.sleep(0)
    if isinstance(event, RetryScheduled):
        assert_type(event.delay, float)
        waited.append(event.delay)


class Counting:
    def __call__(self, event: Event) -> None:
        counted[event.tenant] += 1


async def test_listeners_hear_of_a_retry() -> None:
    """And so does whoever asks the answer."""
    counted.clear()
    limited = RateLimitError("slow down", provider="anthropic", retry_after=0.01)
    provider = ScriptedProvider("anthropic", [limited, "hello"])
    pipeline = Pipeline(
        *(OpenTelemetry(), Fallback(provider), Retry(), Breaker()),
        listeners=[count, send_mail, Counting(), LoggingListener()],
    )
    with recorded_events(pipeline) as events:
        assert_type(events, RecordedEvents)
        answer = await pipeline.complete("Hi", tenant="acme")
    await pipeline.events.drain()
    assert_type(answer.attempts, tuple[Attempt, ...])
    assert_type(answer.story, Story | None)
    assert_type(answer.explain(), str)
    assert events.names == ["retry"]
    assert counted["retry"] == 1
    assert counted["acme"] >= 1
    assert waited
    assert pipeline.circuits.state("acme", "anthropic") is CircuitState.CLOSED
    resilient(provider, listeners=(count,)).events.add(send_mail)
