"""Events in the standard library's logging."""

# mypy: disable-error-code="attr-defined"
# because the fields of an event are attributes of its record

import asyncio
import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier import ConfigurationError, ConnectionFailedError, Pipeline
from ranvier.events import (
    CallRejected,
    CircuitChanged,
    CredentialLookupFailed,
    CredentialRejected,
    Event,
    FallbackTaken,
    FaultInjected,
    HedgeSent,
    HedgeWithheld,
    LimitLowered,
    LimitUsedUp,
    ParameterDropped,
    RegistryFull,
    Reloaded,
    ReloadFailed,
    RequestAdjusted,
    RetryScheduled,
    RetryWithheld,
    SharedCircuitChanged,
    StreamInterrupted,
    StreamRestarted,
    Throttled,
)
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.pipeline.reporting import repeats
from ranvier.pipeline.reporting.repeats import Repeats
from ranvier.telemetry import LoggingListener
from ranvier.testing import ScriptedProvider, broken

pytestmark = pytest.mark.virtual_time

WHO: dict[str, Any] = {"tenant": "acme", "provider": "one", "model": "m"}

EVENTS = [
    (
        RetryScheduled(**WHO, attempt=2, delay=0.25, kind="overloaded"),
        logging.INFO,
        "acme: attempt 2 at one/m failed (overloaded), retrying in 0.250 s",
    ),
    (
        RetryWithheld(**WHO, kind="overloaded"),
        logging.INFO,
        "acme: no retry at one/m (overloaded): no budget is left",
    ),
    (
        FallbackTaken(**WHO, to="two/n", kind="rate_limit"),
        logging.WARNING,
        "acme: one/m failed (rate_limit), falling back to two/n",
    ),
    (
        HedgeSent(**WHO, to="two/n", seconds=4.25),
        logging.INFO,
        "acme: one/m has had no content for 4.2 s, asking two/n as well",
    ),
    (
        HedgeWithheld(**WHO, to="two/n", seconds=4.25),
        logging.INFO,
        "acme: one/m has had no content for 4.2 s, but too many calls were hedged to two/n",
    ),
    (
        CircuitChanged(**WHO, before="closed", after="open"),
        logging.WARNING,
        "acme: the circuit at one went from closed to open",
    ),
    (
        SharedCircuitChanged(
            **WHO,
            target="one/m",
            before="closed",
            after="open",
            mode="enforced",
            tenants_keys=False,
            failing=12,
            active=14,
            rejected=0,
        ),
        logging.WARNING,
        "the shared circuit of one/m (enforced) went from closed to open: 12 of 14 tenants failing, "
        "0 calls rejected",
    ),
    (
        RequestAdjusted(**WHO, parameter="max_tokens", change="sent as 8192"),
        logging.DEBUG,
        "acme: max_tokens was adjusted for one/m: sent as 8192",
    ),
    (CallRejected(**WHO, kind="circuit_open", retry_after=3.0), logging.DEBUG, "rejected: acme at one"),
    (
        FaultInjected(**WHO, kind="cut"),
        logging.WARNING,
        "acme: Chaos injects cut into an attempt at one/m",
    ),
    (
        Throttled(**WHO, kind="rate_limit", seconds=2.0, key="a1"),
        logging.INFO,
        "acme: one limits the key a1 at m (rate_limit), not used there for 2.000 s",
    ),
    (
        LimitUsedUp(**WHO, limits="tokens", seconds=2.0, key="a1"),
        logging.INFO,
        "acme: the key a1 has no tokens left at one/m for 2.000 s",
    ),
    (
        CredentialRejected(**WHO, kind="authentication", seconds=60.0, key="a1"),
        logging.WARNING,
        "acme: one rejected the key a1 (authentication), not used for 60 s",
    ),
    (
        CredentialLookupFailed(**WHO, kind="OSError"),
        logging.WARNING,
        "acme: the credential lookup failed for one (OSError)",
    ),
    (
        RegistryFull(**WHO, max_circuits=9),
        logging.WARNING,
        "acme: all 9 circuits are in use, a call to one is sent without one",
    ),
    (
        LimitLowered(**WHO, before=20, after=15, kind="rate_limit"),
        logging.INFO,
        "acme: the limit of calls in flight at one/m was lowered from 20 to 15 (rate_limit)",
    ),
    (
        StreamInterrupted(**WHO, kind="network"),
        logging.WARNING,
        "acme: a stream of one/m broke after hand-out (network)",
    ),
    (
        StreamRestarted(**WHO, to="two/m", kind="network"),
        logging.INFO,
        "acme: the stream of one/m broke (network), two/m answers from the beginning",
    ),
    (
        Reloaded(tenant="", provider="", source="ranvier.toml"),
        logging.INFO,
        "the pipeline goes on with ranvier.toml",
    ),
    (
        ReloadFailed(
            tenant="", provider="", source="ranvier.toml", reason="line 3: layers[0]: give a number"
        ),
        logging.ERROR,
        "ranvier.toml is not used, and the pipeline goes on as it was: line 3: layers[0]: give a number",
    ),
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
    """A new one has to be added above, unless it is of what every call has."""
    ours = [
        kind for kind in Event.__subclasses__() if kind.__module__ == Event.__module__ and not kind.verbose
    ]
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
    with caplog.at_level(logging.CRITICAL, "ranvier"):
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


async def test_what_repeats_itself_is_told_a_few_times_and_then_at_debug(
    log: pytest.LogCaptureFixture,
) -> None:
    """For whatever tenants; the next while begins with how much was not told aloud in the one before."""
    listener = LoggingListener(burst=3, every=60)
    for number in range(100):
        listener(
            FallbackTaken(tenant=f"t-{number}", provider="one", model="m", to="two/n", kind="overloaded")
        )
    levels = [record.levelno for record in log.records]
    assert levels == [logging.WARNING] * 3 + [logging.DEBUG] * 97
    listener(FallbackTaken(**WHO, to="two/n", kind="rate_limit"))
    listener(FallbackTaken(tenant="acme", provider="two", model="m", to="one/m", kind="overloaded"))
    assert [record.levelno for record in log.records[100:]] == [logging.WARNING] * 2
    await asyncio.sleep(60)
    listener(FallbackTaken(**WHO, to="two/n", kind="overloaded"))
    last = log.records[-1]
    assert (last.levelno, last.repeats) == (logging.WARNING, 97)
    assert last.getMessage().endswith("falling back to two/n (and 97 similar messages before)")
    listener(FallbackTaken(**WHO, to="two/n", kind="overloaded"))
    assert log.records[-1].repeats == 0


async def test_an_outage_for_many_tenants_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand circuits that open, and a thousand fallbacks: ten lines."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [broken()]), ScriptedProvider("two")),
        Breaker(failure_threshold=1),
        listeners=[LoggingListener()],
    )
    with caplog.at_level(logging.INFO, "ranvier"):
        for number in range(1000):
            await pipeline.complete("Why?", tenant=f"tenant-{number}")
    assert len(caplog.records) == 10


def test_everything_is_told_where_that_is_asked_for(log: pytest.LogCaptureFixture) -> None:
    """`every=0` knows no repeats; a burst of none is refused."""
    listener = LoggingListener(every=0)
    for _ in range(100):
        listener(FallbackTaken(**WHO, to="two/n", kind="overloaded"))
    assert [record.levelno for record in log.records] == [logging.WARNING] * 100
    for wrong in ({"burst": 0}, {"every": -1}):
        with pytest.raises(ConfigurationError):
            LoggingListener(**wrong)  # type: ignore[arg-type]


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not said for longest is forgotten, and is then new."""
    monkeypatch.setattr(repeats, "MAX_REMEMBERED", 3)
    engine = Repeats(burst=1, seconds=60.0)
    assert [engine.admit(what, 0.0) for what in (1, 2, 3, 4, 4, 1)] == [0, 0, 0, 0, None, 0]


async def test_a_healthy_call_writes_nothing_above_debug(log: pytest.LogCaptureFixture) -> None:
    """Whole or streamed, routine or not."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Retry(), Breaker())
    pipeline.events.add(LoggingListener(), verbose=True)
    await pipeline.complete("Why?")
    async with pipeline.stream("Why?") as answer:
        await answer.collect()
    assert {record.levelno for record in log.records} == {logging.DEBUG}
    assert [record.event for record in log.records] == 2 * ["attempt_started", "attempt_ended", "call_ended"]


def test_a_tenant_cannot_write_lines_of_its_own_into_the_log(log: pytest.LogCaptureFixture) -> None:
    """Its name is an argument, not part of the format."""
    LoggingListener()(CircuitChanged(tenant="%(secret)s %d", provider="one", before="closed", after="open"))
    assert log.records[0].getMessage() == "%(secret)s %d: the circuit at one went from closed to open"
