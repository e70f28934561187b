"""Checks that a pipeline's calls have released every resource they took."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ranvier.pipeline.asking.optional_members import slots_of
from ranvier.pipeline.deployment import Provider, distinct_providers
from ranvier.pipeline.running.retiring import LASTING
from ranvier.testing.loop import where_it_waits
from ranvier.wording import counted, target_name

if TYPE_CHECKING:
    from ranvier.pipeline.layer import Layer
    from ranvier.pipeline.pipeline import Pipeline

CHECKED_EVERY = 0.01
"""Seconds between two checks of `settled`."""


def assert_settled(pipeline: Pipeline) -> None:
    """Assert that the ended calls of `pipeline` hold no resources any more.

    No call, stream, request, permit, probe, connection slot, timer or background task may be left. To
    include your own layer or provider, give it a method `unsettled()` that returns a sentence for each
    resource it still holds.

    Raises:
        AssertionError: something is left; the message lists each resource and its owner.
    """
    left = list(unsettled(pipeline))
    if left:
        raise AssertionError("\n  ".join(["the pipeline has not settled:", *left]))


async def settled(pipeline: Pipeline, within: float = 1.0) -> None:
    """Wait until `assert_settled` holds, for at most `within` seconds: cancelled calls need time to end.

    Raises:
        AssertionError: something is left after `within` seconds.
    """
    for _ in range(math.ceil(within / CHECKED_EVERY)):
        if not any(unsettled(pipeline)):
            return
        await asyncio.sleep(CHECKED_EVERY)
    assert_settled(pipeline)


def unsettled(pipeline: Pipeline) -> Iterator[str]:
    """A sentence for each resource that is still held."""
    yield from _in_flight(pipeline)
    for layer in pipeline.layers:
        yield from _held_by_layer(layer)
    deployments = [each for layer in pipeline.layers for each in layer.deployments()]
    for provider in distinct_providers(deployments):
        yield from _held_by_provider(provider, pipeline)
    yield from _timers(pipeline)


def _in_flight(pipeline: Pipeline) -> Iterator[str]:
    lifecycle = pipeline.lifecycle
    for task in lifecycle.calls.values():
        yield f"call in flight: {task.get_name()} in {where_it_waits(task)}"
    for source in list(lifecycle._streams):
        yield f"stream open: {source._call.deployment} for tenant {source._call.tenant!r}"
    for task, name in lifecycle.background.items():
        if name not in LASTING:
            yield f"background task: {where_it_waits(task)}"
    if unheard := pipeline.events.deliveries.unheard:
        yield f"events: {unheard} not yet delivered to async listeners"
    for tenant, provider in pipeline.credentials.lookups.running:
        yield f"credentials: lookup in flight for the key of tenant {tenant!r} at {provider}"


def _held_by_layer(layer: Layer) -> Iterator[str]:
    """Resources of breakers and gates, read from their public views: this package imports no layer."""
    own: Any = layer
    for key, seen in getattr(own, "circuits", None) or ():
        if seen.in_flight:
            circuit = " ".join(map(str, key)) if isinstance(key, tuple) else key
            yield f"circuit {circuit} ({seen.state}): {seen.in_flight} permits not settled"
    for key, keeper in getattr(getattr(own, "gates", None), "known", {}).items():
        gate = target_name(key[0], key[1])
        if keeper.gate.waiting:
            yield f"gate {gate}: {counted(keeper.gate.waiting, 'call')} waiting"
        elif not keeper.gate.idle:
            yield f"gate {gate}: a probe was admitted and has not reported back"
    for each in getattr(own, "places", None) or ():
        if each.in_flight or each.waiting:
            waiting = counted(each.waiting, "call")
            yield f"bulkhead {each.name}: {each.in_flight} places taken, {waiting} waiting"
    for seen in getattr(getattr(own, "circuits", None), "shared", None) or ():
        if seen.probes:
            yield f"shared circuit {seen.target}: {counted(seen.probes, 'probe')} in flight"
    yield from getattr(own, "unsettled", tuple)()


def _held_by_provider(provider: Provider, pipeline: Pipeline) -> Iterator[str]:
    own: Any = provider
    slots = slots_of(provider)
    bound = getattr(slots, "_bound_value", None)  # only a BoundedSemaphore keeps its initial value
    if slots is not None and bound is not None and slots._value != bound:
        yield f"{provider.name}: {bound - slots._value} of {bound} connection slots taken"
    in_flight = getattr(own, "in_progress", None) or len(list(_requests(own, pipeline)))
    if in_flight:
        yield f"{provider.name}: {counted(in_flight, 'request')} in flight"
    yield from getattr(own, "unsettled", tuple)()


def _requests(provider: Any, pipeline: Pipeline) -> Iterator[Any]:
    """Requests in flight that a built-in adapter sent for `pipeline`; its providers share a client."""
    for owner, shared in getattr(getattr(provider, "_connections", None), "_leases", ()):
        if owner() is pipeline.lifecycle:
            requests = shared.client.in_flight
            yield from (request for request in requests if request.provider == provider.name)


def _timers(pipeline: Pipeline) -> Iterator[str]:
    """Timers of calls, which the pipeline keeps itself, and timers of gates, which the loop keeps."""
    if waiting := len(getattr(pipeline, "timers", ())):
        yield f"timers: {waiting} set"
    for timer in getattr(getattr(pipeline, "loop", None), "_scheduled", ()):  # uvloop has no such list
        owner = getattr(timer._callback, "__self__", None)
        on = getattr(getattr(owner, "_pipeline", None), "lifecycle", None)
        if on is pipeline.lifecycle and not timer.cancelled():
            yield f"timer of a gate: due in {timer.when() - pipeline.clock():.3g} s"
