"""Whether a pipeline has given back everything that its calls took: the promise a test most wants kept."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.deployment import Provider, distinct_providers
from ranvier.testing.loop import where_it_waits

if TYPE_CHECKING:
    from ranvier.pipeline.layer import Layer
    from ranvier.pipeline.pipeline import Pipeline

CHECKED_EVERY = 0.01
"""Seconds between two looks of `settled`."""


def assert_settled(pipeline: Pipeline) -> None:
    """Nothing that `pipeline` took is still taken, now that its calls have ended.

    No call, stream, request, permit, probe, connection slot, timer or background task is left. A
    layer or provider of yours takes part by a method `unsettled()` that returns a sentence for each
    thing it still holds.

    Raises:
        AssertionError: it says what is left, and whose it is.
    """
    left = list(unsettled(pipeline))
    if left:
        raise AssertionError("\n  ".join(["the pipeline has not settled:", *left]))


async def settled(pipeline: Pipeline, within: float = 1.0) -> None:
    """The same, as soon as it holds: give what was cancelled or dropped `within` seconds to end.

    Raises:
        AssertionError: something is left after that.
    """
    for _ in range(math.ceil(within / CHECKED_EVERY)):
        if not any(unsettled(pipeline)):
            return
        await asyncio.sleep(CHECKED_EVERY)
    assert_settled(pipeline)


def unsettled(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each thing that is still taken."""
    yield from _under_way(pipeline)
    for layer in pipeline.layers:
        yield from _held_by_layer(layer)
    deployments = [each for layer in pipeline.layers for each in layer.deployments()]
    for provider in distinct_providers(deployments):
        yield from _held_by_provider(provider, pipeline)
    yield from _timers(pipeline)


def _under_way(pipeline: Pipeline) -> Iterator[str]:
    lifecycle = pipeline.lifecycle
    for task in lifecycle.calls.values():
        yield f"call under way: {task.get_name()} in {where_it_waits(task)}"
    for source in list(lifecycle._streams):
        yield f"stream open: {source._call.deployment} for tenant {source._call.tenant!r}"
    for task in lifecycle.background:
        yield f"background task: {where_it_waits(task)}"
    if unheard := pipeline.events.deliveries.unheard:
        yield f"events: {unheard} not yet heard by the async listeners"
    for tenant, provider in pipeline.credentials._lookups:
        yield f"credentials: the key of tenant {tenant!r} at {provider} is being looked up"


def _held_by_layer(layer: Layer) -> Iterator[str]:
    """Guards are known by what operators see of them; this package must not know their classes."""
    own: Any = layer
    for key, seen in getattr(own, "circuits", ()):
        if seen.in_flight:
            circuit = " ".join(map(str, key)) if isinstance(key, tuple) else key
            yield f"circuit {circuit} ({seen.state}): {seen.in_flight} permits not settled"
    for key, keeper in getattr(getattr(own, "gates", None), "known", {}).items():
        if keeper.gate.waiting:
            yield f"gate {key[0]}: {keeper.gate.waiting} calls waiting"
        elif not keeper.gate.idle:
            yield f"gate {key[0]}: a probe has passed and not reported back"
    yield from getattr(own, "unsettled", tuple)()


def _held_by_provider(provider: Provider, pipeline: Pipeline) -> Iterator[str]:
    own: Any = provider
    slots = getattr(own, "slots", None)
    bound = getattr(slots, "_bound_value", None)  # of a BoundedSemaphore: any other has forgotten it
    if slots is not None and bound is not None and slots._value != bound:
        yield f"{provider.name}: {bound - slots._value} of {bound} connection slots taken"
    in_flight = getattr(own, "in_progress", None) or len(list(_requests(own, pipeline)))
    if in_flight:
        yield f"{provider.name}: {in_flight} requests under way"
    yield from getattr(own, "unsettled", tuple)()


def _requests(provider: Any, pipeline: Pipeline) -> Iterator[Any]:
    """Requests of an adapter of ours on behalf of `pipeline`; its providers share a client."""
    for owner, shared in getattr(getattr(provider, "_connections", None), "_leases", ()):
        if owner() is pipeline:
            requests = shared.client.in_flight
            yield from (request for request in requests if request.provider == provider.name)


def _timers(pipeline: Pipeline) -> Iterator[str]:
    """Those of calls, which the pipeline keeps itself, and those of gates, which are the loop's."""
    if waiting := len(getattr(pipeline, "timers", ())):
        yield f"timers: {waiting} set"
    for timer in getattr(getattr(pipeline, "loop", None), "_scheduled", ()):  # uvloop does not tell
        owner = getattr(timer._callback, "__self__", None)
        if getattr(owner, "_pipeline", None) is pipeline and not timer.cancelled():
            yield f"timer of a gate: rings in {timer.when() - pipeline.clock():.3g} s"
