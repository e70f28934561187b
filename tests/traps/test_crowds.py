"""Many tenants, many callers: circuits stay independent, bounded, and cheap."""

import asyncio
from typing import Any

import pytest

from ranvier.events import Event, RegistryFull
from ranvier.layers.breaker.eviction import MAX_STEPS
from ranvier.pipeline import Outcome
from ranvier.testing import broken
from support.scenes import BreakerScene, CircuitsByHand, time

pytestmark = pytest.mark.virtual_time


async def test_ten_thousand_tenants_have_circuits_of_their_own() -> None:
    """Every other tenant breaks the provider: exactly those circuits open, and nobody else is refused."""

    def script(call: Any) -> Any:
        return broken() if int(call.tenant) % 2 else "ok"

    scene = BreakerScene(script, cooldown=1e6)
    for _ in range(2):
        await asyncio.gather(*(scene.ask(str(n)) for n in range(10_000)), return_exceptions=True)
    assert len(scene.breaker.circuits) == 10_000
    for n in range(10_000):
        assert scene.state(str(n)) == ("open" if n % 2 else "closed")
    assert len(scene.provider.calls) == 15_000
    assert time() == 0


async def test_an_outage_of_twenty_thousand_tenants_stays_within_a_thousand_circuits() -> None:
    """Nobody new is refused for want of room: who finds none passes untracked, and an event says so."""
    heard: list[Event] = []
    scene = BreakerScene([broken()], listeners=[heard.append], max_circuits=1000)
    for n in range(20_000):
        with pytest.raises(type(broken())):
            await scene.ask(str(n))
        assert len(scene.breaker.circuits) <= 1000
    assert len(scene.breaker.circuits) == 1000
    assert [scene.state(str(n)) for n in (0, 999, 1000)] == ["open", "open", None]
    assert len([event for event in heard if isinstance(event, RegistryFull)]) == 19_000
    await asyncio.sleep(12 + 600)
    await scene.fail(tenant="after the outage")
    assert scene.state("after the outage") == "open"
    assert len(scene.breaker.circuits) == 1000 - MAX_STEPS + 1  # forgotten a few at a time


def test_a_million_tenants_that_come_once_leave_a_bounded_number_of_circuits() -> None:
    """The least recently used closed circuit goes first, and an open one stays through all of it."""
    crowd = CircuitsByHand(max_circuits=1000, failure_threshold=1, cooldown=1e6)
    crowd.call("broken", Outcome.FAILED)
    for n in range(1_000_000):
        crowd.call(str(n), Outcome.SUCCEEDED)
    assert len(crowd.circuits) == 1000
    assert not crowd.call("broken", Outcome.SUCCEEDED)
    kept = [key for key, _ in crowd.circuits]
    assert kept == [("broken", "only"), *((str(n), "only") for n in range(1_000_000 - 999, 1_000_000))]


def test_a_million_tenants_in_an_outage_are_neither_kept_nor_refused() -> None:
    """A full registry costs no scan per call: all of them pass, those that found room are kept."""
    crowd = CircuitsByHand(max_circuits=1000, failure_threshold=1, cooldown=1e6)
    assert all(crowd.call(str(n), Outcome.FAILED) for n in range(1_000_000))
    assert len(crowd.circuits) == 1000
    assert not crowd.call("0", Outcome.FAILED)
