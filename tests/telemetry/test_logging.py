"""Events in the standard library's logging."""

import dataclasses
import logging
from collections.abc import Iterator

import pytest

from ranvier import ConnectionFailedError, Pipeline
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.pipeline.events import (
    CallRejected,
    CircuitChanged,
    CredentialRefused,
    Event,
    FallbackTaken,
    ParameterDropped,
    RegistryFull,
    RetryScheduled,
    StreamInterrupted,
    Throttled,
)
from ranvier.telemetry import LoggingListener
from ranvier.testing import ScriptedProvider, broken

pytestmark = pytest.mark.virtual_time

WHO = {"tenant": "acme", "provider": "one", "model": "m"}

EVENTS = [
    (
        RetryScheduled(**WHO, attempt=2, delay=0.25, kind="overloaded"),
        logging.INFO,
        "acme: attempt 2 at one/m failed (overloaded), next in 0.250 s",
    ),
    (
        FallbackTaken(**WHO, to="two/n", kind="rate_limit"),
        logging.WARNING,
        "acme: one/m failed (rate_limit), going on to two/n",
    ),
    (
        CircuitChanged(**WHO, before="closed", after="open"),
        logging.WARNING,
        "acme: the circuit at one went from closed to open",
    ),
    (CallRejected(**WHO, kind="circuit_open", retry_after=3.0), logging.DEBUG, "rejected: acme at one"),
    (Throttled(**WHO, kind="rate_limit", seconds=2.0, key="a1"), logging.DEBUG, "throttled: acme at one"),
    (
        CredentialRefused(**WHO, kind="authentication", seconds=60.0, key="a1"),
        logging.WARNING,
        "acme: one refused the key a1 (authentication), next tried in 60 s",
    ),
    (RegistryFull(**WHO, max_circuits=9), logging.DEBUG, "registry_full: acme at one"),
    (StreamInterrupted(**WHO, kind="network"), logging.DEBUG, "stream_interrupted: acme at one"),
    (ParameterDropped(**WHO, parameter="top_p"), logging.DEBUG, "parameter_dropped: acme at one"),
]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is written to the logger `ranvier`, from DEBUG on."""
    with caplog.at_level(logging.DEBUG, "ranvier"):
        yield caplog


@pytest.mark.parametrize(
    ("event", "level", "sentence"), EVENTS, ids=lambda value: getattr(value, "name", None)
)
def test_every_event_is_written_as_a_sentence_with_its_facts_as_fields(
    event: Event, level: int, sentence: str, log: pytest.LogCaptureFixture
) -> None:
    """People read the message, machines the fields."""
    LoggingListener()(event)
    (record,) = log.records
    assert (record.name, record.levelno, record.getMessage()) == ("ranvier", level, sentence)
    assert record.event == event.name
    assert {name: getattr(record, name) for name in dataclasses.asdict(event)} == dataclasses.asdict(event)


def test_every_kind_of_event_is_tried() -> None:
    """A new one has to be added above."""
    ours = [kind for kind in Event.__subclasses__() if kind.__module__ == Event.__module__]
    assert {event.name for event, _, _ in EVENTS} == {kind.name for kind in ours}


async def test_a_call_in_trouble_can_be_read_from_the_log(log: pytest.LogCaptureFixture) -> None:
    """Every retry, transition and fallback, in order, with tenant, provider, attempt, delay and kind."""
    first, second = ScriptedProvider("one", [broken()]), ScriptedProvider("two")
    pipeline = Pipeline(
        Fallback(first, second),
        Retry(max_retries=1, base_delay=2, jitter="none"),
        Breaker(failure_threshold=2),
        listeners=[LoggingListener()],
    )
    await pipeline.complete("Why?", tenant="acme")
    assert [record.event for record in log.records] == ["retry", "circuit", "fallback"]
    retry, circuit, fallback = log.records
    assert (retry.tenant, retry.provider, retry.attempt, retry.delay, retry.kind) == (
        "acme",
        "one",
        1,
        2.0,
        "network",
    )
    assert (circuit.tenant, circuit.provider, circuit.before, circuit.after) == (
        "acme",
        "one",
        "closed",
        "open",
    )
    assert (fallback.to, fallback.kind) == ("two/scripted", "network")


def test_what_nobody_wants_to_hear_is_not_put_together(caplog: pytest.LogCaptureFixture) -> None:
    """Below the logger's level nothing is written."""
    with caplog.at_level(logging.ERROR, "ranvier"):
        for event, _, _ in EVENTS:
            LoggingListener()(event)
    assert caplog.records == []


async def test_another_logger_may_be_given(caplog: pytest.LogCaptureFixture) -> None:
    """And the listener says which it is."""
    listener = LoggingListener(logging.getLogger("app.llm"))
    assert repr(listener) == "LoggingListener('app.llm')"
    assert repr(LoggingListener()) == "LoggingListener('ranvier')"
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [broken()])), Retry(max_retries=1), listeners=[listener]
    )
    with caplog.at_level(logging.INFO, "app.llm"), pytest.raises(ConnectionFailedError):
        await pipeline.complete("Why?")
    assert [record.name for record in caplog.records] == ["app.llm"]


def test_a_tenant_cannot_write_lines_of_its_own_into_the_log(log: pytest.LogCaptureFixture) -> None:
    """Its name is an argument, not part of the format."""
    LoggingListener()(CircuitChanged(tenant="%(secret)s %d", provider="one", before="closed", after="open"))
    assert log.records[0].getMessage() == "%(secret)s %d: the circuit at one went from closed to open"
