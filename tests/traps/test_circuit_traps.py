"""Traps around circuits: listeners, forced states, strange exceptions, clocks, eviction."""

import asyncio
import traceback
from collections.abc import Coroutine
from typing import Any

import pytest

from ranvier import CircuitOpenError, ConnectionFailedError, Layer, Place
from ranvier.pipeline import Call, Handler
from ranvier.pipeline.events import CircuitChanged, Event, RegistryFull
from ranvier.testing import after, broken, stall, stream
from scenes import BreakerScene, time, turns

pytestmark = pytest.mark.virtual_time


def changes(events: list[Event]) -> list[tuple[str, str]]:
    """The transitions among `events`, before and after."""
    return [(event.before, event.after) for event in events if isinstance(event, CircuitChanged)]


def at_once(command: Coroutine[Any, Any, None]) -> None:
    """Carry out an operator's command from where nothing can be awaited."""
    with pytest.raises(StopIteration):
        command.send(None)


async def test_t06_a_listener_that_raises_breaks_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """The error is the provider's own, the place is given back, and the log says once who raised."""

    def plain(event: Event) -> None:
        raise ValueError("plain")

    async def slow(event: Event) -> None:
        raise ValueError("slow")

    scene = BreakerScene([broken(), "ok"], listeners=[plain, slow])
    with pytest.raises(ConnectionFailedError):
        await scene.ask()
    assert scene.circuit().in_flight == 0
    await scene.cool_down()
    assert (await scene.ask()).text == "ok"
    assert scene.state() == "closed"
    assert len([record for record in caplog.records if record.name == "ranvier.events"]) == 2


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


async def test_t08_no_transition_waits_for_a_listener_or_is_lost_to_one() -> None:
    """While an async listener takes its time, the circuit has moved already, and what moves it next stays."""
    heard: list[Event] = []

    async def slow(event: Event) -> None:
        await asyncio.sleep(5)
        heard.append(event)

    scene = BreakerScene([broken(), "ok"], listeners=[slow])
    await scene.fail()
    assert (time(), scene.state()) == (0, "open")
    await scene.fail()
    await scene.breaker.circuits.isolate("acme", "only")
    await asyncio.sleep(3)
    await scene.breaker.circuits.reset("acme", "only")
    assert (time(), scene.state()) == (3, "closed")
    await scene.ask()
    await scene.pipeline.aclose()
    assert scene.state() == "closed"
    assert changes(heard) == [("closed", "open"), ("open", "isolated"), ("isolated", "closed")]


async def test_t08_an_outcome_takes_effect_before_anything_else_can_happen() -> None:
    """Between a provider's failure and the open circuit no other call gets in, however slow listeners are."""

    async def slow(event: Event) -> None:
        await asyncio.sleep(5)

    scene = BreakerScene([after(1, broken()), after(1, broken()), after(1, "ok")], listeners=[slow])
    await scene.fail(tenant="other")
    await scene.fail()
    assert (time(), scene.state()) == (2, "open")
    await scene.pipeline.aclose()


async def test_t11_transitions_caused_by_listeners_do_not_pile_up_on_the_stack() -> None:
    """A listener may answer each of thousands of transitions with another."""
    told = 0

    def answer(event: Event) -> None:
        nonlocal told
        told += 1
        if told < 5000:
            circuits = scene.breaker.circuits
            at_once(
                circuits.isolate("acme", "only")
                if scene.state() != "isolated"
                else circuits.reset("acme", "only")
            )

    scene = BreakerScene([broken()], listeners=[answer])
    await scene.fail()
    assert told == 5000


@pytest.mark.parametrize("probe", ["ok", broken()], ids=["success", "failure"])
async def test_t11_a_state_forced_during_a_transition_wins(probe: object) -> None:
    """A listener that isolates a circuit as it goes half-open is not overruled by the end of that probe."""

    def isolate(event: Event) -> None:
        if isinstance(event, CircuitChanged) and event.after == "half_open":
            at_once(scene.breaker.circuits.isolate("acme", "only"))

    scene = BreakerScene([broken(), probe], listeners=[isolate])
    await scene.open_and_cool_down()
    await asyncio.gather(scene.ask(), return_exceptions=True)
    assert scene.state() == "isolated"
    assert scene.circuit().in_flight == 0


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


async def test_t19_listeners_hear_of_committed_states_in_order_and_may_act_on_them() -> None:
    """A listener that moves the circuit again is not interrupted by it, and neither is the one after it."""
    first: list[tuple[str, str]] = []
    second: list[tuple[str, str]] = []

    def meddler(event: Event) -> None:
        if isinstance(event, CircuitChanged):
            first.append((event.before, event.after))
            if len(first) == 1:
                assert scene.state() == event.after
                at_once(scene.breaker.circuits.isolate("acme", "only"))

    def witness(event: Event) -> None:
        if isinstance(event, CircuitChanged):
            second.append((event.before, event.after))

    scene = BreakerScene([broken()], listeners=[meddler, witness])
    await scene.fail()
    assert first == second == [("closed", "open"), ("open", "isolated")]


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
