"""What is counted and measured, and that none of it can break or slow a call that nobody watches."""

import asyncio
import gc
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from ranvier import AuthenticationError, Pipeline, RanvierError, RateLimitError, Response, Usage
from ranvier.layers import Breaker, Fallback, Retry, Throttle
from ranvier.telemetry import OpenTelemetry
from ranvier.telemetry.opentelemetry import circuits, instruments, names, never_raises
from ranvier.tenancy import digest_of
from ranvier.testing import ScriptedProvider, broken, stream
from support.telemetry.sdk import Sdk

pytestmark = pytest.mark.virtual_time

USAGE = Usage(10, 20, 30, cache_read=4, cache_write=3, reasoning=5)
USED = "gen_ai.client.inference.usage"
OF_EVENTS = "ranvier.provider", "ranvier.kind"


async def fail(pipeline: Pipeline, times: int = 1, **asked: Any) -> None:
    """Ask, and expect an error."""
    for _ in range(times):
        with pytest.raises(RanvierError):
            await pipeline.complete("Why?", **asked)


# --- tokens and durations ------------------------------------------------------------------------


async def test_tokens_of_attempts_that_came_to_nothing_are_counted_where_they_were_spent() -> None:
    """The counters have all of them; the histograms and the span those of the answer."""
    sdk = Sdk()
    lost = stream(Response("half", usage=Usage(7, 2, 9)), broken())
    first, second = ScriptedProvider("one", [lost]), ScriptedProvider("two", [Response("Fine.", usage=USAGE)])
    await Pipeline(sdk.layer(), Fallback(first, second)).complete("Why?")
    by_provider = "gen_ai.provider.name"
    assert sdk.counts(f"{USED}.output_tokens", by_provider)["two"] == 20
    assert sdk.counts(f"{USED}.cache_read.input_tokens", by_provider) == {"one": 0, "two": 4}
    assert sdk.counts(f"{USED}.cache_write.input_tokens", by_provider) == {"one": 0, "two": 3}
    assert sdk.counts(f"{USED}.reasoning.output_tokens", by_provider) == {"one": 0, "two": 5}
    (point,) = sdk.points("gen_ai.client.inference.operation.input_tokens")
    assert (point.sum, point.attributes[by_provider]) == (10, "two")


async def test_tokens_of_a_stream_that_broke_are_counted() -> None:
    """As far as its provider had told them."""
    sdk = Sdk()
    begun = Response("half", usage=Usage(7, 2, 9), finish_reason=None)
    pipeline = Pipeline(sdk.layer(), Fallback(ScriptedProvider("one", [stream(begun, broken())])))
    answer = await pipeline.stream("Why?")
    with pytest.raises(RanvierError):
        await answer.collect()
    assert sdk.total(f"{USED}.input_tokens") == 7
    assert sdk.attempts[0].attributes["ranvier.attempt.output_tokens"] == 2


async def test_a_call_that_was_not_sent_has_used_nothing_at_its_first_target() -> None:
    """It is measured there, with 0 tokens of a modality that nobody knows."""
    sdk = Sdk()
    stack = [Fallback(ScriptedProvider("one", [broken()])), Breaker(failure_threshold=1)]
    pipeline = Pipeline(sdk.layer(), *stack)
    await fail(pipeline, 3)
    (point,) = sdk.points(f"{USED}.input_tokens")
    assert (point.value, point.attributes["gen_ai.token.modality"]) == (0, "unknown")
    errors = sdk.counts("gen_ai.client.inference.duration", "error.type")
    assert errors == {"network": 1, "circuit_open": 2}
    assert sdk.counts("ranvier.calls", "ranvier.provider", "ranvier.outcome") == {
        ("one", "network"): 1,
        ("one", "circuit_open"): 2,
    }
    assert sdk.total("ranvier.attempts") == 1
    assert sdk.counts("ranvier.rejections", "ranvier.provider", "ranvier.kind") == {
        ("one", "circuit_open"): 2
    }


async def key_of(tenant: str, provider: str) -> str:
    """Not known before it is needed, so that a limited call is retried where it is."""
    return "key"


async def test_what_the_conventions_lack_is_counted() -> None:
    """Each kind of event has its counter, with the provider and what it is about."""
    sdk = Sdk()
    limited = RateLimitError("slow down", provider="one", status=429, retry_after=2)
    refused = AuthenticationError("who?", provider="two", status=401)
    route = Fallback(ScriptedProvider("one", [limited]), ScriptedProvider("two", [refused]))
    pipeline = Pipeline(sdk.layer(), route, Retry(max_retries=1), Throttle(), credentials=key_of)
    await fail(pipeline)
    assert sdk.counts("ranvier.retries", *OF_EVENTS) == {("one", "rate_limit"): 1}
    assert sdk.counts("ranvier.fallbacks", *OF_EVENTS) == {("one", "rate_limit"): 1}
    assert sdk.counts("ranvier.throttled", "ranvier.provider")["one"] >= 1
    assert sdk.counts("ranvier.credentials.refused", "ranvier.provider", "ranvier.kind") == {
        ("two", "auth"): 1
    }


async def test_a_full_registry_is_counted() -> None:
    """Calls that pass without a circuit."""
    sdk = Sdk()
    stack = [Fallback(ScriptedProvider("one", [stream("a")])), Breaker(max_circuits=1)]
    pipeline = Pipeline(sdk.layer(), *stack)
    async with pipeline.stream("Why?", tenant="acme"):
        await pipeline.complete("Why?", tenant="other")
    assert sdk.counts("ranvier.calls.untracked", "ranvier.kind") == {"registry_full": 1}


async def test_tenants_are_on_our_metrics_where_they_are_asked_for() -> None:
    """On those of the conventions they never are."""
    sdk = Sdk()
    layer = sdk.layer(tenant_metrics=True)
    pipeline = Pipeline(layer, Fallback(ScriptedProvider("one", [broken(), "fine"])), Retry(base_delay=0))
    await pipeline.complete("Why?", tenant="acme")
    for name in ("ranvier.calls", "ranvier.attempts", "ranvier.attempt.duration", "ranvier.retries"):
        assert {point.attributes["ranvier.tenant"] for point in sdk.points(name)} == {digest_of("acme")}
    told = [point for name in sdk.metrics if name.startswith("gen_ai.") for point in sdk.points(name)]
    assert not any("ranvier.tenant" in point.attributes for point in told)


async def test_models_of_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider calls its model makes no series without end; the request's model stays."""
    monkeypatch.setattr(instruments, "MAX_MODELS", 2)
    sdk = Sdk()
    replies = [Response("Fine.", model=f"m-{number}") for number in range(5)]
    pipeline = Pipeline(sdk.layer(), Fallback(ScriptedProvider("one", replies)))
    for _ in replies:
        await pipeline.complete("Why?")
    models = sdk.counts("gen_ai.client.inference.duration", "gen_ai.response.model")
    assert models == {"m-0": 1, "m-1": 1, None: 3}
    assert [span.attributes["gen_ai.response.model"] for span in sdk.calls] == [
        each.model for each in replies
    ]


OLD = {
    "gen_ai.client.operation.duration",
    "gen_ai.client.operation.time_to_first_chunk",
    "gen_ai.client.token.usage",
}


@pytest.mark.parametrize(("naming", "new", "old"), [("new", 1, 0), ("old", 0, 1), ("both", 1, 1)])
async def test_metrics_may_have_the_names_before(naming: Any, new: int, old: int) -> None:
    """The one histogram that there was for tokens tells their type."""
    sdk = Sdk()
    pipeline = Pipeline(
        sdk.layer(names=naming), Fallback(ScriptedProvider("one", [Response("Fine.", usage=USAGE)]))
    )
    await pipeline.complete("Why?")
    async with pipeline.stream("Why?") as answer:
        await answer.collect()
    conventions = {name for name in sdk.metrics if name.startswith("gen_ai.")}
    assert bool(conventions - OLD) == bool(new)
    assert conventions & OLD == (OLD if old else set())
    if old:
        types = {
            point.attributes["gen_ai.token.type"]: point.sum
            for point in sdk.points("gen_ai.client.token.usage")
        }
        assert types == {"input": 20, "output": 40}
    assert sdk.total("ranvier.calls") == 2


# --- the gauge of circuits -----------------------------------------------------------------------


def states(sdk: Sdk) -> dict[Any, int]:
    """What the gauge shows, but for zeros."""
    return dict(+sdk.counts("ranvier.circuits", "ranvier.provider", "ranvier.circuit.state"))


async def test_circuits_are_counted_by_provider_and_state_and_never_by_tenant() -> None:
    """A breaker that two pipelines share is counted once; one that is gone is forgotten."""
    sdk = Sdk()
    breaker = Breaker(failure_threshold=1)
    failing, good = ScriptedProvider("one", [broken()]), ScriptedProvider("two")
    pipelines = [Pipeline(sdk.layer(), Fallback(failing, good), breaker) for _ in range(2)]
    for number in range(5):
        await pipelines[number % 2].complete("Why?", tenant=f"tenant-{number}")
    await breaker.circuits.isolate("tenant-0", "two")
    assert states(sdk) == {("one", "open"): 5, ("two", "closed"): 4, ("two", "isolated"): 1}
    assert len(sdk.points("ranvier.circuits")) == 8  # zeros too, so that an alert ends
    del pipelines, breaker, failing, good
    gc.collect()
    assert states(sdk) == {}


def test_the_series_of_the_gauge_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a hundred providers the rest is one; a key that a user made has no provider."""
    monkeypatch.setattr(circuits, "MAX_PROVIDERS", 2)
    sdk = Sdk()
    gauge = circuits.CircuitGauge(sdk.meters.get_meter("ranvier"))
    keys = [("t", "one"), ("t", "two/model"), ("t", "three"), ("t", "four"), "mine"]
    layer = SimpleNamespace(circuits=SimpleNamespace(states=lambda: [(key, "open") for key in keys]))
    pipeline: Any = type("Fake", (), {"layers": (layer,)})()
    gauge.add(pipeline, ("one", "two"))
    assert states(sdk) == {("one", "open"): 1, ("two", "open"): 1, ("others", "open"): 3}


# --- without an SDK, and with a broken one -------------------------------------------------------


async def test_without_an_sdk_the_layer_steps_aside() -> None:
    """Nothing is built, nobody listens, and the inner handler's own coroutine is what is awaited."""
    layer = OpenTelemetry()
    pipeline = Pipeline(layer, Fallback(ScriptedProvider("one", ["fine", stream("a", "b")])))
    assert (await pipeline.complete("Why?")).text == "fine"
    async with pipeline.stream("Why?") as answer:
        assert (await answer.collect()).text == "ab"
    assert not pipeline.events.in_context  # but for the log, nobody
    inner: Any = object()
    call: Any = SimpleNamespace(pipeline=pipeline)
    assert layer.handle(call, lambda call: inner) is inner


async def test_an_sdk_that_is_installed_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a second; calls before that were not told."""
    sdk = Sdk()
    pipeline = Pipeline(OpenTelemetry(), Fallback(ScriptedProvider("one")))
    await pipeline.complete("Why?")
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: sdk.tracers)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: sdk.meters)
    await pipeline.complete("Why?")
    assert sdk.spans == []
    await asyncio.sleep(1)
    await pipeline.complete("Why?")
    assert (len(sdk.calls), sdk.total("ranvier.calls")) == (1, 1)


@pytest.mark.parametrize("half", ["tracer_provider", "meter_provider"])
async def test_one_half_of_an_sdk_will_do(half: str) -> None:
    """Spans without metrics, or metrics without spans."""
    sdk = Sdk()
    provider = {"tracer_provider": sdk.tracers, "meter_provider": sdk.meters}[half]
    pipeline = Pipeline(OpenTelemetry(**{half: provider}), Fallback(ScriptedProvider("one")))
    await pipeline.complete("Why?")
    assert len(sdk.spans) == (2 if half == "tracer_provider" else 0)
    assert bool(sdk.metrics) == (half == "meter_provider")


class Failing(SpanProcessor, SpanExporter):
    """Fails at whatever it is asked."""

    def __init__(self, at: str) -> None:
        self.at = at

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """A span has begun."""
        self._fail("on_start")

    def on_end(self, span: Any) -> None:
        """A span has ended."""
        self._fail("on_end")

    def export(self, spans: Any) -> Any:
        """Take them."""
        self._fail("export")

    def _fail(self, where: str) -> None:
        if where == self.at:
            raise OSError("the collector is gone")


@pytest.mark.parametrize("at", ["on_start", "on_end", "export"])
async def test_a_processor_or_exporter_that_raises_breaks_no_call(
    at: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged once, and the metrics go on."""
    monkeypatch.setattr(never_raises, "_reported", set())
    sdk, failing = Sdk(), Failing(at)
    sdk.tracers.add_span_processor(SimpleSpanProcessor(failing) if at == "export" else failing)
    route = Fallback(ScriptedProvider("one", ["fine", stream("a")]))
    pipeline = Pipeline(sdk.layer(), route)
    for _ in range(3):
        assert (await pipeline.complete("Why?")).text
        async with pipeline.stream("Why?") as answer:
            await answer.collect()
    assert sdk.total("ranvier.calls") == 6
    ours = [record for record in caplog.records if record.name == "ranvier.telemetry"]
    assert len(ours) <= 2
    assert bool(ours) == (at != "export")  # the SDK tells of that itself


async def test_a_meter_that_raises_breaks_no_call(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it is made, and when it is used; the spans go on."""
    monkeypatch.setattr(never_raises, "_reported", set())
    sdk = Sdk()
    pipeline = Pipeline(sdk.layer(), Fallback(ScriptedProvider("one")))
    await pipeline.complete("Why?")
    monkeypatch.setattr("opentelemetry.sdk.metrics._internal.instrument._Counter.add", lambda *told: 1 / 0)
    await pipeline.complete("Why?")
    assert len(sdk.calls) == 2
    monkeypatch.setattr(sdk.meters, "get_meter", lambda name: 1 / 0)
    assert (await Pipeline(sdk.layer(names="both"), Fallback(ScriptedProvider("one"))).complete("Why?")).text
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


async def test_two_layers_at_one_sdk_share_its_instruments(caplog: pytest.LogCaptureFixture) -> None:
    """They are made once, and it has nothing to complain of."""
    sdk = Sdk()
    for naming in ("new", "both", "new"):
        await Pipeline(sdk.layer(names=naming), Fallback(ScriptedProvider("one"))).complete("Why?")
    assert sdk.total("ranvier.calls") == 3
    assert caplog.records == []


def test_the_table_has_each_name_once() -> None:
    """Of instruments, and of attributes; what is ours begins with our name."""
    told = [metric.name for metric in names.METRICS]
    assert len(told) == len(set(told))
    attributes = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)]
    assert len(attributes) == len(set(attributes))
