"""The demo under an OpenTelemetry SDK: spans by the conventions, and metrics that balance with the log."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from ranvier import Pipeline
from ranvier.cli.demo.scenario import Scenario
from ranvier.cli.demo.tally import Ended, Tally, judge
from ranvier.simulator import Exchange
from ranvier.tenancy import digest_of
from support.telemetry import conventions
from support.telemetry.sdk import Sdk

STATE = "ranvier.circuit.state"
KINDS = {503: "overloaded", 429: "rate_limit", 401: "auth"}
"""What an attempt is to be called that was answered with such a status."""


@dataclass
class Played:
    """The demo, played to its end.

    Attributes:
        sdk: What OpenTelemetry was told.
        log: What the simulated providers saw.
        calls: What the callers saw.
        address: Where the providers were.
        circuits: How many there were in the end, by provider and state.
        pipeline: Whose they are; the gauge forgets those of one that is gone.
    """

    sdk: Sdk
    log: list[Exchange]
    calls: list[Ended]
    address: tuple[str, int]
    circuits: Counter[tuple[str, str]]
    pipeline: Pipeline


@pytest.fixture(scope="module")
def played() -> Played:
    """A short demo; a longer one where the machine is too busy for much to happen in five seconds."""
    for seconds in (5.0, 15.0):
        played = asyncio.run(play(Scenario(tenants=25, seconds=seconds)))
        statuses = {each.status for each in played.log}
        if {200, 401, 503} <= statuses and played.sdk.counts("ranvier.circuit.changes", STATE)["closed"]:
            break
    return played


async def play(scenario: Scenario) -> Played:
    """The scenario as `ranvier demo` has it, with the layer around it."""
    tally, sdk = Tally(), Sdk()
    async with scenario.simulator() as simulator:
        pipeline = scenario.pipeline(simulator, tally, [sdk.layer()])
        async with pipeline:
            await scenario.run(pipeline, tally)
        await simulator.idle()
        verdict = judge(tally.calls, simulator.requests, scenario.unlucky)
        assert verdict.good
        address = (simulator.host, simulator.port)
        return Played(
            sdk,
            list(simulator.requests),
            tally.calls,
            address,
            Counter(map(of_circuit, pipeline.circuits)),
            pipeline,
        )


def of_circuit(circuit: tuple[Any, Any]) -> tuple[str, str]:
    """The provider and the state of a circuit."""
    (_, provider), seen = circuit
    return provider, str(seen.state)


# --- spans ---------------------------------------------------------------------------------------


def test_every_span_of_a_call_is_as_the_conventions_say(played: Played) -> None:
    """Kind, name, status, and each attribute: a name of their table, with a value of its type."""
    assert len(played.sdk.calls) == len(played.calls)
    for span in played.sdk.calls:
        attributes = span.attributes
        assert span.kind is SpanKind.CLIENT
        assert span.name == f"{attributes['gen_ai.operation.name']} {attributes['gen_ai.request.model']}"
        for name, value in attributes.items():
            if not name.startswith("ranvier."):
                kind, level = conventions.SPAN_ATTRIBUTES[name]
                assert type(value) is kind, name
                assert level != conventions.OPT_IN
        wanted = {*conventions.AT_CREATION, "gen_ai.response.finish_reasons"}
        assert wanted <= attributes.keys()
        assert attributes["gen_ai.operation.name"] == "chat"
        assert attributes["gen_ai.provider.name"] in {"anthropic", "openai", "ollama"}
        assert (attributes["server.address"], attributes["server.port"]) == played.address
        failed = span.status.status_code is StatusCode.ERROR
        assert failed == ("error.type" in attributes) == (attributes["ranvier.outcome"] != "succeeded")


def test_streams_say_that_they_are_and_whole_answers_do_not(played: Played) -> None:
    """`gen_ai.request.stream` and the time to the first chunk are told of streams alone."""
    streams = [span for span in played.sdk.calls if "gen_ai.request.stream" in span.attributes]
    assert len(streams) == sum(call.number % 2 == 0 for call in played.calls)
    for span in played.sdk.calls:
        first = span.attributes.get("gen_ai.response.time_to_first_chunk")
        assert (first is not None) == (span in streams and span.status.status_code is not StatusCode.ERROR)
        assert first is None or first <= (span.end_time - span.start_time) / 1e9


def test_every_attempt_is_a_span_below_that_of_its_call(played: Played) -> None:
    """Within its time, and as many as the call says."""
    calls = {span.context.span_id: span for span in played.sdk.calls}
    below: Counter[int] = Counter()
    for span in played.sdk.attempts:
        parent = calls[span.parent.span_id]
        below[span.parent.span_id] += 1
        assert span.context.trace_id == parent.context.trace_id
        assert parent.start_time <= span.start_time <= span.end_time <= parent.end_time
        names = [name for name in span.attributes if not name.startswith("ranvier.")]
        assert set(names) <= {"server.address", "server.port", "error.type", "http.response.status_code"}
    assert below == {
        number: span.attributes["ranvier.attempts"]
        for number, span in calls.items()
        if span.attributes["ranvier.attempts"]
    }


def test_tenants_are_hashed_and_nothing_is_quoted(played: Played) -> None:
    """The digests of the tenants, and no name, key, prompt or answer."""
    digests = {span.attributes["ranvier.tenant"] for span in played.sdk.calls}
    assert digests == {digest_of(call.tenant) for call in played.calls}
    everything = "".join(span.to_json() for span in played.sdk.spans)
    assert not re.search(r"tenant-\d|sk-|nodes of Ranvier", everything)


# --- metrics -------------------------------------------------------------------------------------


def test_every_metric_is_as_the_conventions_say(played: Played) -> None:
    """Its instrument, its unit, its buckets, and no attribute that is not in their table."""
    told = {name: each for name, each in played.sdk.metrics.items() if name.startswith("gen_ai.")}
    assert told.keys() == conventions.METRICS.keys() - conventions.NOT_EMITTED
    for name, metric in told.items():
        instrument, unit, attributes = conventions.METRICS[name]
        assert metric.unit == unit
        for point in metric.data.data_points:
            assert point.attributes.keys() <= attributes
            assert attributes - point.attributes.keys() <= {"error.type", "gen_ai.response.model"} | (
                {"gen_ai.token.modality"} if instrument == "histogram" else set()
            )
            assert hasattr(point, "explicit_bounds") == (instrument == "histogram")
            if unit == "s":
                assert point.explicit_bounds == conventions.SECONDS
        assert instrument == "histogram" or metric.data.is_monotonic


def test_attempts_balance_with_the_log_of_the_providers(played: Played) -> None:
    """By provider and by how each ended, exactly."""
    saw = Counter(
        (each.provider, "succeeded" if each.answered else KINDS[each.status]) for each in played.log
    )
    assert {("anthropic", "overloaded"), ("anthropic", "auth"), ("openai", "succeeded")} <= saw.keys()
    key = ("ranvier.provider", "ranvier.outcome")
    assert played.sdk.counts("ranvier.attempts", *key) == saw
    assert played.sdk.counts("ranvier.attempt.duration", *key) == saw
    spans = Counter(
        (span.attributes["ranvier.target"].split("/")[0], span.attributes["ranvier.outcome"])
        for span in played.sdk.attempts
    )
    assert spans == saw


def test_tokens_balance_with_the_log_of_the_providers(played: Played) -> None:
    """Those of every answer that a provider sent, at the provider that sent it, exactly."""
    read: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for exchange in played.log:
        read[exchange.provider] += exchange.input_tokens if exchange.answered else 0
        written[exchange.provider] += exchange.output_tokens if exchange.answered else 0
    assert min(written.values()) > 0
    for name, saw in (("input_tokens", read), ("output_tokens", written)):
        assert played.sdk.counts(f"gen_ai.client.inference.usage.{name}", "gen_ai.provider.name") == saw
        points = played.sdk.points(f"gen_ai.client.inference.operation.{name}")
        assert sum(point.sum for point in points) == saw.total()
        assert sum(span.attributes.get(f"gen_ai.usage.{name}", 0) for span in played.sdk.calls) == saw.total()


def test_errors_balance_with_what_providers_and_callers_saw(played: Played) -> None:
    """Calls by how they ended, and attempts by the status that was sent."""
    ended = Counter(call.failed for call in played.calls)
    assert played.sdk.counts("gen_ai.client.inference.duration", "error.type") == ended
    outcomes = Counter(call.failed or "succeeded" for call in played.calls)
    assert played.sdk.counts("ranvier.calls", "ranvier.outcome") == outcomes
    statuses = Counter(span.attributes.get("http.response.status_code") for span in played.sdk.attempts)
    assert statuses == Counter(None if each.answered else each.status for each in played.log)


def test_what_happens_between_attempts_is_counted(played: Played) -> None:
    """Retries, fallbacks and changes of circuits: as many as the records know of, at least."""
    sdk, attempts = played.sdk, [attempt for call in played.calls for attempt in call.attempts]
    assert sdk.total("ranvier.retries") >= sum(attempt.number > 1 for attempt in attempts) > 0
    left = sdk.counts("ranvier.fallbacks", "ranvier.provider")
    first = sum(attempt.number == 1 and attempt.reason is not None for attempt in attempts)
    assert left["anthropic"] + left["openai"] >= first > 0
    changes = sdk.counts("ranvier.circuit.changes", "ranvier.provider", "ranvier.circuit.state")
    assert changes["anthropic", "open"] >= changes["anthropic", "closed"] > 0


def test_the_gauge_shows_the_circuits_as_they_are(played: Played) -> None:
    """All of them, by provider and state."""
    assert (
        +played.sdk.counts("ranvier.circuits", "ranvier.provider", "ranvier.circuit.state") == played.circuits
    )
