"""Every counter of an event: its class alone defines it, for OpenTelemetry and for Prometheus."""

import dataclasses
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ranvier import Pipeline, events
from ranvier.asgi import status_app
from ranvier.events import COUNTERS, CallEnded, CircuitChanged, Event
from ranvier.layers import Fallback
from ranvier.testing import ScriptedProvider
from support.asgi.status_page import ask
from support.telemetry.sdk import Sdk

pytestmark = pytest.mark.virtual_time

COUNTED = [
    each
    for each in vars(events).values()
    if isinstance(each, type) and issubclass(each, Event) and each.counter
]


def example(kind: type[Event]) -> Event:
    """One with its fields' names as texts, and 1 for each number."""
    fields = {each.name: each.name if "str" in str(each.type) else 1 for each in dataclasses.fields(kind)}
    return kind(**fields)  # type: ignore[arg-type]


class OwnEvent(Event):
    """Of an application, with a counter that nobody knows."""

    name = "own"
    counter = dataclasses.replace(COUNTERS["retry"], name="own.counter")


async def counted(event: Event) -> tuple[Sdk, dict[str, Any]]:
    """What both have counted after `event`."""
    sdk = Sdk()
    pipeline = Pipeline(sdk.layer(), Fallback(ScriptedProvider("one", ["Fine."])))
    app = status_app(pipeline)
    await pipeline.complete("Why?")
    pipeline.events.emit(event)
    text = (await ask(app, "/metrics")).body.decode()
    return sdk, {family.name: family for family in text_string_to_metric_families(text)}


def test_the_table_has_every_event_with_a_counter() -> None:
    """Each once, with names that nothing else has."""
    assert {each.name: each.counter for each in COUNTED} == COUNTERS
    assert len(COUNTED) == len({each.name for each in COUNTERS.values()}) >= 8


@pytest.mark.parametrize("kind", COUNTED)
async def test_an_event_is_counted_by_both(kind: type[Event]) -> None:
    """Once, by its provider and its attribute, with the same words about it."""
    counter, event = COUNTERS[kind.name], example(kind)
    sdk, families = await counted(event)
    (point,) = sdk.points(counter.name)
    value = getattr(event, counter.field)
    assert (point.value, dict(point.attributes)) == (
        1,
        {"ranvier.provider": "provider", counter.attribute: value},
    )
    family = families[counter.prometheus_name.removesuffix("_total")]
    (sample,) = family.samples
    assert (sample.value, sample.labels) == (1, {"provider": "provider", counter.label: value})
    metric = sdk.metrics[counter.name]
    assert (metric.description, metric.unit, family.documentation) == (
        counter.description,
        counter.unit,
        counter.description,
    )


async def test_an_event_of_an_application_is_counted_by_neither() -> None:
    """Whatever counter it has; and neither breaks."""
    sdk, families = await counted(OwnEvent(tenant="acme", provider="one"))
    assert "own.counter" not in sdk.metrics
    assert "own_counter" not in families
    assert CallEnded.counter is None


async def test_what_happens_at_a_tenants_endpoint_is_counted_with_the_provider() -> None:
    """A series for each endpoint would name the tenants, and there may be any number."""
    where = "one@llm.acme.test-1f2e3d4c"
    sdk, families = await counted(
        CircuitChanged(tenant="acme", provider=where, before="closed", after="open")
    )
    (point,) = sdk.points("ranvier.circuit.changes")
    assert point.attributes["ranvier.provider"] == "one"
    (sample,) = families["ranvier_circuit_changes"].samples
    assert sample.labels["provider"] == "one"
