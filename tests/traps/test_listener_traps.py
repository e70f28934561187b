"""Traps around listeners: slow ones, broken ones, and those that move what they hear of."""

import asyncio

import pytest

from ranvier import ConnectionFailedError
from ranvier.pipeline.events import CircuitChanged, Event
from ranvier.testing import after, broken
from support.scenes import BreakerScene, at_once, time

pytestmark = pytest.mark.virtual_time


def changes(events: list[Event]) -> list[tuple[str, str]]:
    """The transitions among `events`, before and after."""
    return [(event.before, event.after) for event in events if isinstance(event, CircuitChanged)]


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
    await scene.pipeline.events.drain()
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
