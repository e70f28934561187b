"""What a pipeline logs without being asked."""

# mypy: disable-error-code="attr-defined"
# because the fields of an event are attributes of its record

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError, resilient
from ranvier.events import CircuitChanged, Event, FallbackTaken
from ranvier.layers import Breaker, Fallback, Retry
from ranvier.pipeline.reporting import context
from ranvier.telemetry import LoggingListener
from ranvier.testing import ScriptedProvider, broken, stream

pytestmark = pytest.mark.virtual_time

LISTENERS: list[dict[str, Any]] = [{}, {"listeners": None}]


@pytest.fixture(autouse=True)
def usual_levels() -> Iterator[None]:
    """Those of a program that configures nothing, whatever the tests before have configured."""
    loggers = [(logging.getLogger(), logging.WARNING), (logging.getLogger("ranvier"), logging.NOTSET)]
    before = [logger.level for logger, _ in loggers]
    for logger, level in loggers:
        logger.setLevel(level)
    yield
    for (logger, _), level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def troubled(**listeners: Any) -> Pipeline:
    """A pipeline whose first target always fails."""
    return Pipeline(
        Fallback(ScriptedProvider("one", [broken()]), ScriptedProvider("two")),
        Retry(max_retries=1, base_delay=2, jitter="none"),
        Breaker(failure_threshold=2, cooldown=10),
        **listeners,
    )


@pytest.mark.parametrize("listeners", LISTENERS)
async def test_trouble_is_logged_without_being_asked(
    listeners: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Circuits and fallbacks as warnings, retries as information."""
    with caplog.at_level(logging.INFO, "ranvier"):
        await troubled(**listeners).complete("Why?", tenant="acme")
    assert [(record.levelname, record.event) for record in caplog.records] == [
        ("INFO", "retry"),
        ("WARNING", "circuit"),
        ("WARNING", "fallback"),
    ]
    assert caplog.records[1].getMessage() == "acme: the circuit at one went from closed to open"


async def test_resilient_logs_too(caplog: pytest.LogCaptureFixture) -> None:
    """The same; `listeners=()` turns it off."""
    for quiet in (False, True):
        first = ScriptedProvider("one", [broken()])
        more: dict[str, Any] = {"listeners": ()} if quiet else {}
        pipeline = resilient(first, ScriptedProvider("two"), **more)
        with caplog.at_level(logging.INFO, "ranvier"):
            await pipeline.complete("Why?")
        assert bool(caplog.records) is not quiet
        caplog.clear()


async def test_given_listeners_replace_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """None at all, or others; those that are added later do not."""
    seen: list[Event] = []
    with caplog.at_level(logging.DEBUG, "ranvier"):
        await troubled(listeners=()).complete("Why?")
        await troubled(listeners=[seen.append]).complete("Why?")
    assert caplog.records == []
    assert [event.name for event in seen] == ["retry", "circuit", "fallback"]
    pipeline = troubled()
    pipeline.events.add(seen.append)
    await pipeline.complete("Why?")
    assert [record.event for record in caplog.records] == ["circuit", "fallback"]
    assert len(seen) == 6
    assert pipeline.events.in_context
    for added in pipeline.events.listeners[1:]:
        pipeline.events.remove(added)
    assert not pipeline.events.in_context
    await pipeline.complete("Why?", tenant="another")
    assert len(caplog.records) == 4


async def test_a_healthy_call_is_silent_and_copies_no_context(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or streamed; what is logged at DEBUG is not even put together while nobody reads it."""
    copied: list[object] = []

    def copy_context() -> context.Context:
        copied.append(1)
        return context.Context()

    monkeypatch.setattr(context, "copy_context", copy_context)
    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Retry(), Breaker())
    assert pipeline.events.verbose == ()
    with caplog.at_level(logging.INFO, "ranvier"):
        await pipeline.complete("Why?")
        assert copied == []
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    assert caplog.records == []


async def test_rejections_cost_no_event_while_nobody_reads_them(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage rejects thousands of calls, which are logged at DEBUG."""
    pipeline = troubled()
    emitted: list[Event] = []
    emit = pipeline.events.emit

    def noted(event: Event, record: Any = None) -> None:
        emitted.append(event)
        emit(event, record)

    monkeypatch.setattr(pipeline.events, "emit", noted)
    with caplog.at_level(logging.INFO, "ranvier"):
        for _ in range(3):
            await pipeline.complete("Why?")
    assert "rejected" not in {event.name for event in emitted}
    with caplog.at_level(logging.DEBUG, "ranvier"):
        await pipeline.complete("Why?")
    assert "rejected" in {event.name for event in emitted}


async def test_a_record_is_written_in_the_context_of_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    """So that a filter may add what the application keeps there, such as the id of a request."""
    request_id: ContextVar[str] = ContextVar("request_id", default="none")
    seen: list[str] = []
    logger = logging.getLogger("ranvier")

    def note(record: logging.LogRecord) -> bool:
        seen.append(request_id.get())
        return True

    async def ask(number: str) -> None:
        request_id.set(number)
        await troubled().complete("Why?")

    logger.addFilter(note)
    try:
        await asyncio.gather(ask("r-1"), ask("r-2"))
    finally:
        logger.removeFilter(note)
    assert sorted(seen) == ["r-1", "r-1", "r-2", "r-2"]


async def test_a_handler_that_fails_or_uses_the_pipeline_breaks_no_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its error is logged once; what its calls cause is logged after what caused it."""
    pipeline = troubled()
    asked: list[asyncio.Task[Any]] = []
    logger = logging.getLogger("ranvier")

    def meddle(record: logging.LogRecord) -> bool:
        if len(asked) < 2:
            asked.append(asyncio.ensure_future(pipeline.complete("And?", tenant="nested")))
            pipeline.events.add(lambda event: None)
        raise ValueError("a filter of the user's")

    logger.addFilter(meddle)
    try:
        assert (await pipeline.complete("Why?")).text
        await asyncio.gather(*asked)
    finally:
        logger.removeFilter(meddle)
    assert [record.name for record in caplog.records] == ["ranvier.events"]


async def test_a_handler_that_adds_a_listener(caplog: pytest.LogCaptureFixture) -> None:
    """It hears of the next event, not of those that were emitted before."""
    pipeline = troubled()
    heard: list[str] = []  # kinds
    added: list[bool] = []
    logger = logging.getLogger("ranvier")

    def add(record: logging.LogRecord) -> bool:
        if not added:
            added.append(True)
            pipeline.events.emit(FallbackTaken(tenant="acme", provider="one", to="two/m", kind="nested"))
            pipeline.events.add(lambda event: heard.append(getattr(event, "kind", event.name)))
        return True

    logger.addFilter(add)
    try:
        await pipeline.complete("Why?")
    finally:
        logger.removeFilter(add)
    assert heard == ["network"]
    assert [record.event for record in caplog.records] == ["circuit", "fallback", "fallback"]


async def test_a_broken_stream_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """It is one of the things that users notice."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [stream("a", broken())])))
    with pytest.raises(RanvierError):
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    assert [record.event for record in caplog.records] == ["stream_interrupted"]


async def test_an_outage_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """However many tenants it takes."""
    pipeline = troubled()
    for number in range(300):
        await pipeline.complete("Why?", tenant=f"t-{number}")
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert 10 <= len(lines) <= 10 * (300 * 2 // 60 + 1)


async def test_a_tenant_without_a_key_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The next target answers, as it was meant to."""
    keyed = ScriptedProvider("one")
    keyed.needs_credential = True
    pipeline = Pipeline(
        Fallback(keyed, ScriptedProvider("two")),
        credentials=lambda tenant, provider: None if provider == "one" else "sk-two",
    )
    with caplog.at_level(logging.INFO, "ranvier"):
        await pipeline.complete("Why?", tenant="acme")
    assert [(record.levelname, record.kind) for record in caplog.records] == [("INFO", "credential_missing")]


def test_only_what_the_log_prints_is_put_together() -> None:
    """By the level of the logger at that time."""
    logger = logging.getLogger("ranvier.test-default-log")
    listener = LoggingListener(logger)
    logger.setLevel(logging.INFO)
    assert listener.logs(CircuitChanged)
    logger.setLevel(logging.ERROR)
    assert not listener.logs(FallbackTaken)


SCRIPT = """
import asyncio
from ranvier import Pipeline
from ranvier.layers import Breaker, Fallback
from ranvier.testing import ScriptedProvider, broken

route = Fallback(ScriptedProvider("one", [broken()]), ScriptedProvider("two"))
pipeline = Pipeline(route, Breaker(failure_threshold=1))
asyncio.run(pipeline.complete("Why?", tenant="acme"))
"""


@pytest.mark.once
def test_an_application_without_a_log_sees_warnings_on_stderr() -> None:
    """By the last resort of the standard library: the library adds no handler."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "acme: the circuit at one went from closed to open",
        "acme: one/scripted failed (network), falling back to two/scripted",
    ]
    assert logging.getLogger("ranvier").handlers == []


async def test_a_tenant_that_may_not_use_a_target_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The next target answers, as it was meant to; the keys are not known before the first call."""

    async def key_of(tenant: str, provider: str) -> str:
        return "sk"

    keyed = ScriptedProvider("one")
    keyed.needs_credential = True
    pipeline = Pipeline(
        Fallback(keyed, ScriptedProvider("two")),
        credentials=key_of,
        allow=lambda call, target: target.provider.name == "two",
    )
    with caplog.at_level(logging.INFO, "ranvier"):
        await pipeline.complete("Why?", tenant="trial")
    assert [(record.levelname, record.kind) for record in caplog.records] == [("INFO", "not_allowed")]
