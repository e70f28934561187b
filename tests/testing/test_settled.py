"""What a pipeline still holds is named, whatever it is; where nothing is left, nothing is said."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ranvier import Pipeline, RateLimitError, Response, ServerError
from ranvier.events import Event
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry, SharedCircuits, Timeout
from ranvier.layers.throttle import Throttle
from ranvier.pipeline import Call, Layer, Place
from ranvier.providers import OpenAI
from ranvier.testing import (
    Loopback,
    ScriptedProvider,
    Visit,
    assert_settled,
    broken,
    cut,
    settled,
    stall,
    stream,
)

in_virtual_time = pytest.mark.virtual_time


def built(*script: Any, **settings: Any) -> Pipeline:
    """The whole stack around one scripted provider."""
    route = Fallback(ScriptedProvider("one", script))
    return Pipeline(Deadline(60), route, Retry(), Throttle(), Breaker(), Timeout(30), **settings)


def left(pipeline: Pipeline) -> str:
    """What `assert_settled` says."""
    with pytest.raises(AssertionError, match=r"^the pipeline has not settled:\n  ") as raised:
        assert_settled(pipeline)
    return str(raised.value)


@in_virtual_time
async def test_nothing_is_left_of_calls_that_have_ended() -> None:
    """Answered, retried, failed, cancelled, read, left or broken: a sound pipeline gives all back."""
    pipeline = built("fine", broken(), stream("a", "b"), stream("a", "b"), stream("a", cut()), stall())
    assert_settled(pipeline)
    await pipeline.complete("Why?")
    await pipeline.complete("Why?")
    async with pipeline.stream("Why?") as answer:
        await anext(answer)
    with pytest.raises(Exception, match="broke"):
        await (await pipeline.stream("Why?")).collect()
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    call.cancel()
    await asyncio.wait([call])
    assert_settled(pipeline)
    await pipeline.aclose()
    assert_settled(pipeline)


@in_virtual_time
async def test_a_call_in_flight_is_named_with_all_that_it_holds() -> None:
    """Its task and where that waits, its permit, its request and its timer."""
    pipeline = built(stall())
    call = asyncio.create_task(pipeline.complete("Why?"), name="asker")
    await asyncio.sleep(1)
    said = left(pipeline)
    assert "call in flight: asker in Pipeline." in said
    assert "_now (scripted.py:" in said
    assert "circuit default one (closed): 1 permits not settled" in said
    assert "one: 1 request in flight" in said
    assert "timers: 1 set" in said
    call.cancel()
    await settled(pipeline)


@in_virtual_time
async def test_places_of_a_bulkhead_are_named() -> None:
    """Those that are taken, and the calls that wait for one."""
    pipeline = Pipeline(Fallback(ScriptedProvider("one", lambda call: stall())), Bulkhead(1))
    calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(3)]
    await asyncio.sleep(1)
    assert "bulkhead one: 1 places taken, 2 calls waiting" in left(pipeline)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert_settled(pipeline)


@in_virtual_time
async def test_probes_of_a_shared_circuit_are_named() -> None:
    """Until they have ended."""
    down = ServerError("down", provider="one", status=500)
    script = [down] * 5 + [stall()]
    breaker = Breaker(failure_threshold=1000, shared=SharedCircuits())
    pipeline = Pipeline(Fallback(ScriptedProvider("one", script)), breaker, listeners=())
    for number in range(5):
        with pytest.raises(ServerError):
            await pipeline.complete("Why?", tenant=f"tenant {number}")
    await asyncio.sleep(13)
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    said = left(pipeline)
    assert "shared circuit one/scripted: 1 probe in flight" in said
    call.cancel()
    await asyncio.wait([call])
    assert_settled(pipeline)


@in_virtual_time
async def test_a_stream_that_nobody_closed_is_named() -> None:
    """Whose it is, and where it comes from."""
    pipeline = built(stream("a", "b"))
    answer = await pipeline.stream("Why?", tenant="acme")
    assert "stream open: one/scripted for tenant 'acme'" in left(pipeline)
    await answer.aclose()
    assert_settled(pipeline)


@in_virtual_time
async def test_a_probe_that_holds_its_place_is_named() -> None:
    """A half-open circuit with a probe in flight lets nobody else pass."""
    pipeline = Pipeline(
        Fallback(ScriptedProvider("one", [broken(), stall()])), Breaker(failure_threshold=1, cooldown=10)
    )
    with pytest.raises(Exception, match="reset"):
        await pipeline.complete("Why?")
    assert_settled(pipeline)  # an open circuit holds nothing
    await asyncio.sleep(13)
    probe = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    assert "circuit default one (half_open): 1 permits not settled" in left(pipeline)
    probe.cancel()
    await settled(pipeline)
    assert pipeline.circuits.state("default", "one") == "half_open"


@in_virtual_time
async def test_a_guard_that_forgets_its_permits_is_found_out() -> None:
    """The call has ended well, and its circuit still waits for it."""

    class Careless(Breaker):
        async def handle(self, call: Call, inner: Any) -> Any:
            self.admit(call)
            return await inner(call)

    pipeline = Pipeline(Fallback(ScriptedProvider("one")), Careless())
    await pipeline.complete("Why?")
    assert left(pipeline).endswith("circuit default one (closed): 1 permits not settled")


@in_virtual_time
async def test_calls_before_a_gate_are_named() -> None:
    """How many wait, and then the probe that has passed."""
    limited = RateLimitError("slow down", provider="one", retry_after=5)
    pipeline = Pipeline(Fallback(ScriptedProvider("one", [limited, stall()])), Throttle(max_wait=30))
    with pytest.raises(RateLimitError):
        await pipeline.complete("Why?")
    assert_settled(pipeline)
    calls = [asyncio.create_task(pipeline.complete("Why?")) for _ in range(2)]
    await asyncio.sleep(1)
    said = left(pipeline)
    assert "gate one/scripted: 2 calls waiting" in said
    assert "timer of a gate: due in 4 s" in said
    calls.pop().cancel()
    await asyncio.sleep(4.5)
    assert "gate one/scripted: a probe was admitted and has not reported back" in left(pipeline)
    calls.pop().cancel()
    await settled(pipeline)


@in_virtual_time
async def test_what_runs_in_the_background_is_named() -> None:
    """An async listener that has not heard everything, a lookup of a key, a closing that takes its time."""
    ears, keys = asyncio.Event(), asyncio.Event()

    async def slow(event: Event) -> None:
        await ears.wait()

    async def resolver(tenant: str, provider: str) -> str:
        await keys.wait()
        return "key"

    pipeline = built(broken(), "fine", listeners=[slow], credentials=resolver)
    call = asyncio.create_task(pipeline.complete("Why?", tenant="acme"))
    await asyncio.sleep(1)
    assert "credentials: lookup in flight for the key of tenant 'acme' at one" in left(pipeline)
    keys.set()
    await call
    assert left(pipeline).endswith("events: 1 not yet delivered to async listeners")
    ears.set()
    await settled(pipeline)

    pipeline.lifecycle.in_background(asyncio.sleep(0.5))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert "background task: sleep (tasks.py:" in left(pipeline)
    await settled(pipeline)


@in_virtual_time
async def test_waiting_for_it_has_an_end() -> None:
    """`settled` gives things their time, and says what is left after it."""
    pipeline = built(stall())
    call = asyncio.create_task(pipeline.complete("Why?"))
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(AssertionError, match="call in flight"):
        await settled(pipeline, within=2)
    assert loop.time() - began == pytest.approx(2)
    loop.call_later(0.5, call.cancel)
    await settled(pipeline, within=2)
    assert loop.time() - began < 2.6


class OfOnesOwn:
    """A provider and a layer that say themselves what they hold."""

    name = default_model = "own"

    def __init__(self) -> None:
        self.slots = asyncio.BoundedSemaphore(3)

    async def complete(self, call: Call) -> Response:
        return Response("fine")

    def unsettled(self) -> Iterator[str]:
        yield "own: a cache is not flushed"


class Keeping(Layer):
    """A layer of a user's."""

    place = Place.ADMIT

    def unsettled(self) -> list[str]:
        return ["bulkhead: 1 seat taken"]


@in_virtual_time
async def test_layers_and_providers_of_ones_own_take_part() -> None:
    """By a method that says what they hold, and by the slots that they count."""
    provider = OfOnesOwn()
    pipeline = Pipeline(Fallback(provider), Keeping())
    await provider.slots.acquire()
    assert left(pipeline).splitlines()[1:] == [
        "  bulkhead: 1 seat taken",
        "  own: 1 of 3 connection slots taken",
        "  own: a cache is not flushed",
    ]


async def test_what_an_adapter_of_ours_holds_is_named() -> None:
    """Its slot, and the request itself where that outlives its call; each of two providers its own."""

    async def silent(visit: Visit) -> None:
        await visit.gone()

    async with Loopback(silent) as server:
        eu = OpenAI("key", base_url=server.url, name="openai-eu", max_connections=3)
        us = OpenAI("key", base_url=server.url + "/us", name="openai-us")
        async with Pipeline(Fallback(eu, us)) as pipeline:
            call = asyncio.create_task(pipeline.complete("Why?"))
            await server.visited()
            said = left(pipeline)
            assert "openai-eu: 1 of 3 connection slots taken" in said
            assert "openai-eu: 1 request in flight" in said
            assert "openai-us" not in said
            call.cancel()
            await settled(pipeline)
