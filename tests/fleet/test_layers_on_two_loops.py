"""Layers belong to one event loop at a time: pipelines in two threads have layers of their own."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import ConfigurationError, Layer, Pipeline, ServerError
from ranvier.layers import (
    AdaptiveLimit,
    Breaker,
    Bulkhead,
    Fallback,
    Pacing,
    SharedCircuits,
    SpendLimit,
    Throttle,
)
from ranvier.pipeline import Place
from ranvier.pipeline.runtime import Runtime
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider
from support.fleet.threads import two_threads

DOWN = ServerError("internal error", provider="p", status=500)

WAITING: list[Callable[[], Layer]] = [
    lambda: Throttle(),
    lambda: Bulkhead(1),
    lambda: AdaptiveLimit(),
    lambda: Pacing(),
    lambda: SpendLimit(1e6, 60),
    lambda: Breaker(shared=SharedCircuits()),
]


def with_layer(layer: Layer, *, reply: Any = "fine", store: Any = None) -> Pipeline:
    """A pipeline with a layer that others may have too."""
    route = Fallback(ScriptedProvider("p", lambda call: reply, model="m"))
    return Pipeline(*([layer, route] if layer.place < Place.ROUTE else [route, layer]), store=store)


@pytest.mark.parametrize("make", WAITING, ids=[type(make()).__name__ for make in WAITING])
def test_a_layer_where_calls_wait_is_refused_on_a_second_loop(make: Callable[[], Layer]) -> None:
    """Once the pipeline of the first is closed, it opens."""
    layer = make()
    first, second = with_layer(layer), with_layer(layer)
    with two_threads() as (here, there):
        here.run(first.__aenter__())
        with pytest.raises(ConfigurationError, match=f"this {type(layer).__name__} is in use on another"):
            there.run(second.__aenter__())
        here.run(first.aclose())
        there.run(second.__aenter__())
        assert there.run(ask(second)) == "ok"
        there.run(second.aclose())


@pytest.mark.parametrize("stores", [(True, True), (True, False), (False, True)])
def test_with_a_store_every_layer_is_of_one_loop(stores: tuple[bool, bool]) -> None:
    """Whether both pipelines have it or one: its worker is on one of the loops."""
    store, breaker = MemoryStore(), Breaker()
    first, second = (with_layer(breaker, store=store if has else None) for has in stores)
    with two_threads() as (here, there):
        here.run(first.__aenter__())
        with pytest.raises(ConfigurationError, match=r"Breaker is in use .* share their state by a store"):
            there.run(second.__aenter__())
        here.run(first.aclose())
    assert repr(store) == "MemoryStore(0 workers)"


def test_of_two_threads_that_open_at_once_one_is_refused() -> None:
    """Though the first has not opened all of its layers yet."""
    bulkhead = Bulkhead(1)
    route = Fallback(ScriptedProvider("p", lambda call: "fine"))
    second = Pipeline(route, bulkhead)
    with two_threads() as (here, there):

        class Meanwhile(Layer):
            place = Place.ATTEMPT

            def opened(self, pipeline: Runtime) -> None:
                with pytest.raises(ConfigurationError, match="in use on another event loop"):
                    there.run(second.__aenter__())

        first = Pipeline(route, bulkhead, Meanwhile())
        here.run(first.__aenter__())
        here.run(first.aclose())


def test_with_layers_of_their_own_two_threads_are_one_service() -> None:
    """Two tenants of one and three of the other open the circuit for both; no thread touches the other."""
    store = MemoryStore()
    breakers = [Breaker(failure_threshold=1000, shared=SharedCircuits(votes=5)) for _ in "ab"]
    pipelines = [with_layer(each, reply=DOWN, store=store) for each in breakers]
    with two_threads() as threads:
        for each, pipeline in zip(threads, pipelines, strict=True):
            each.run(pipeline.__aenter__())
        for each, pipeline in zip(threads, pipelines, strict=True):
            each.run(all_met(pipeline))
        for number in range(5):
            threads[number % 2].run(ask(pipelines[number % 2], f"tenant {number}"))
        for each, breaker in zip(threads, breakers, strict=True):
            each.run(opened(breaker))
        for each, pipeline in zip(threads, pipelines, strict=True):
            each.run(pipeline.aclose())


@pytest.mark.virtual_time
async def test_a_pipeline_that_could_not_be_opened_holds_no_layer_of_another() -> None:
    """The layers that it had opened already go on in the fleet of the next pipeline."""

    class Fails(Layer):
        def opened(self, pipeline: Runtime) -> None:
            raise OSError("not up yet")

    store, breaker = MemoryStore(), Breaker(failure_threshold=1000, shared=SharedCircuits(votes=2))
    provider = ScriptedProvider("p", lambda call: DOWN, model="m")
    failing = Pipeline(Fallback(provider), breaker, Fails(), store=store, check_order=False)
    with pytest.raises(OSError, match="not up yet"):
        await failing.__aenter__()
    other = Breaker(failure_threshold=1000, shared=SharedCircuits(votes=2))
    async with with_layer(breaker, reply=DOWN, store=store) as one, with_layer(other, store=store):
        await asyncio.sleep(3)
        for number in range(2):
            await ask(one, f"tenant {number}")
        await asyncio.sleep(0.1)
        shared: Any = other.circuits.shared
        assert shared.state("p", "m") == "open"


def test_a_worker_that_is_dropped_with_its_loop_makes_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    """The loop is closed, and the pipeline is not: the store forgets the worker by itself."""
    pipeline = with_layer(Breaker(shared=SharedCircuits()), store=MemoryStore())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ask(pipeline))
    loop.run_until_complete(all_met(pipeline, 1))
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # because: it is left on purpose
    loop.close()
    del pipeline, loop, task
    gc.collect()
    assert [each.getMessage() for each in caplog.records] == []


# --- on the loop of a pipeline -------------------------------------------------------------------


async def ask(pipeline: Pipeline, tenant: str = "acme") -> str:
    """The outcome of a call."""
    try:
        await pipeline.complete("Why?", tenant=tenant)
    except ServerError as error:
        return error.kind
    return "ok"


async def all_met(pipeline: Pipeline, workers: int = 2) -> None:
    """All workers know of each other, and follow the store."""
    member: Any = pipeline.lifecycle.joining.member
    async with asyncio.timeout(10):
        while member.workers < workers or not member.governs:  # noqa: ASYNC110  # because: it notifies nobody
            await asyncio.sleep(0.01)


async def opened(breaker: Breaker) -> None:
    """The shared circuit has opened."""
    shared: Any = breaker.circuits.shared
    async with asyncio.timeout(5):
        while shared.state("p", "m") != "open":  # noqa: ASYNC110  # because: it notifies nobody
            await asyncio.sleep(0.005)
