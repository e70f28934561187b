"""Traps around circuits: forced states, strange exceptions, shared errors, eviction."""

import asyncio
import traceback
from typing import Any

import pytest

from ranvier import CircuitOpenError, Layer, Place, StreamInterruptedError
from ranvier.pipeline import Call, Handler
from ranvier.pipeline.events import Event, RegistryFull
from ranvier.testing import after, broken, stall, stream
from support.scenes import BreakerScene, turns

pytestmark = pytest.mark.virtual_time


async def test_t06_a_key_function_that_raises_takes_no_place() -> None:
    """Its error comes out as it is, and the circuit is as before."""
    keys: list[Any] = [ZeroDivisionError("no key"), ("acme", "only")]

    def key(call: object) -> Any:
        found = keys.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    scene = BreakerScene(["ok"], key=key)
    with pytest.raises(ZeroDivisionError):
        await scene.ask()
    await scene.ask()
    assert scene.circuit().in_flight == 0


async def test_t06_a_layer_that_raises_at_the_end_of_a_stream_keeps_no_place() -> None:
    """The stream ends well for its reader, and the breaker hears of it all the same."""

    class Clumsy(Layer):
        place = Place.ATTEMPT

        async def handle(self, call: Call, inner: Handler[Any]) -> Any:
            answer = await inner(call)
            answer.on_end(lambda outcome: 1 / 0)
            return answer

    scene = BreakerScene([stream("one", "two")], inner=[Clumsy()])
    async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
        assert (await story.collect()).text == "onetwo"
    assert scene.circuit().in_flight == 0


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_t07_what_is_no_exception_gives_the_place_back_and_counts_nothing(
    kind: type[BaseException],
) -> None:
    """A probe that ends by an interrupt, an exit or a closed coroutine leaves the circuit half-open."""
    scene = BreakerScene([broken(), kind(), "ok"])
    await scene.open_and_cool_down()
    with pytest.raises(kind):
        await scene.ask()
    assert scene.state() == "half_open"
    assert (scene.circuit().in_flight, scene.circuit().total_opens) == (0, 1)
    assert (await scene.ask()).text == "ok"


async def test_t07_a_coroutine_closed_half_way_gives_its_place_back() -> None:
    """Closing it from outside, as a garbage collector would, is no failure."""
    scene = BreakerScene([stall()])
    call = scene.ask()
    call.send(None)
    assert scene.circuit().in_flight == 1
    call.close()
    assert (scene.state(), scene.circuit().in_flight) == ("closed", 0)


async def test_t15_isolation_outlives_cooldowns_leases_and_late_results() -> None:
    """Only an operator ends it: not a timer, not a call admitted before, not a probe."""
    scene = BreakerScene([after(50, "late"), broken(), after(50, "probe"), "ok"])
    early = scene.start()
    await asyncio.sleep(0)
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(0)
    await scene.breaker.circuits.isolate("acme", "only")
    await asyncio.gather(early, probe)
    await asyncio.sleep(10_000)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    assert refusal.value.retry_after is None
    assert "isolated" in str(refusal.value)
    assert scene.state() == "isolated"
    await scene.breaker.circuits.reset("acme", "only")
    assert (await scene.ask()).text == "ok"


async def test_t15_an_isolation_outlives_the_break_of_a_proved_probe() -> None:
    """The break of its stream counts, but never against an operator."""
    scene = BreakerScene([broken(), stream("one", after(5, broken()))], success_threshold=2)
    await scene.open_and_cool_down()
    probe = await scene.pipeline.stream("Why?", tenant="acme")
    assert scene.circuit().state == "half_open"
    await scene.breaker.circuits.isolate("acme", "only")
    with pytest.raises(StreamInterruptedError):
        await probe.collect()
    assert scene.state() == "isolated"


async def test_t18_each_rejection_is_an_error_of_its_own() -> None:
    """After ten thousand rejections the traceback is as short as after the first."""
    scene = BreakerScene([broken()], cooldown=1e6)
    await scene.fail()
    errors = []
    for _ in range(10_000):
        with pytest.raises(CircuitOpenError) as refusal:
            await scene.ask()
        errors.append(refusal.value)
    assert len({id(error) for error in errors}) == 10_000
    first, last = errors[0], errors[-1]
    assert len(traceback.extract_tb(last.__traceback__)) == len(traceback.extract_tb(first.__traceback__))


async def test_t22_a_circuit_with_a_call_in_flight_is_never_forgotten() -> None:
    """Also when one of two calls through it has ended; a newcomer passes without a circuit instead."""
    heard: list[Event] = []
    scene = BreakerScene(
        lambda call: after(call.request.max_tokens or 0, "ok"), listeners=[heard.append], max_circuits=1
    )
    long = asyncio.create_task(scene.pipeline.complete("Why?", tenant="acme", max_tokens=10))
    short = asyncio.create_task(scene.pipeline.complete("Why?", tenant="acme", max_tokens=5))
    await short
    await scene.ask("newcomer")
    assert (scene.state("acme"), scene.state("newcomer")) == ("closed", None)
    assert heard == [RegistryFull(tenant="newcomer", provider="only", max_circuits=1)]
    await long
    await scene.ask("newcomer")
    assert (scene.state("acme"), scene.state("newcomer")) == (None, "closed")


async def test_t22_an_open_circuit_is_remembered_for_ten_idle_minutes_after_its_cooldown() -> None:
    """Not a second less, so that an outage is not forgotten under the pressure of new tenants."""
    scene = BreakerScene(lambda call: broken() if call.tenant == "acme" else "ok", max_circuits=1)
    await scene.fail()
    cooldown = scene.circuit().retry_after
    await asyncio.sleep(cooldown + 599)
    await scene.ask("newcomer")
    assert (scene.state("acme"), scene.state("newcomer")) == ("open", None)
    await asyncio.sleep(1.1)
    await scene.ask("newcomer")
    assert (scene.state("acme"), scene.state("newcomer")) == (None, "closed")


async def test_t22_a_half_open_circuit_is_never_forgotten_while_it_is_probed() -> None:
    """The probe decides about a circuit that is still there."""
    scene = BreakerScene([broken(), after(3600, "ok")], max_circuits=1, probe_lease=7200)
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(1800)
    newcomer = scene.start("newcomer")
    await turns()
    assert scene.state("acme") == "half_open"
    assert scene.state("newcomer") is None
    await asyncio.gather(probe, newcomer)
    assert scene.state("acme") == "closed"
