"""Traps around half-open circuits: who may probe, and what a probe's end decides."""

import asyncio

import pytest

from ranvier import CircuitOpenError, InvalidRequestError, StreamInterruptedError
from ranvier.layers import Breaker
from ranvier.pipeline import Call, Outcome, Permit
from ranvier.testing import after, broken, cut, stall, stream
from support.scenes import BreakerScene, time

pytestmark = pytest.mark.virtual_time


async def test_t01_a_cancelled_probe_gives_its_place_back_and_decides_nothing() -> None:
    """The circuit stays half-open and the very next call is the probe."""
    scene = BreakerScene([broken(), stall(), "ok"])
    await scene.open_and_cool_down()
    probe = scene.start()
    await asyncio.sleep(1)
    assert scene.state() == "half_open"
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert scene.state() == "half_open"
    assert (scene.circuit().in_flight, scene.circuit().total_opens) == (0, 1)
    assert (await scene.ask()).text == "ok"
    assert scene.state() == "closed"


@pytest.mark.parametrize("late", ["fine", broken()], ids=["success", "failure"])
async def test_t02_a_late_result_decides_nothing_about_a_state_it_knows_nothing_of(late: object) -> None:
    """A call admitted while closed ends in half-open: only the probe decides, and the record has both."""
    scene = BreakerScene([after(20, late), broken(), after(20, "ok")])
    early = scene.start()
    await asyncio.sleep(0)
    await scene.open_and_cool_down()
    probe = scene.start()
    (result,) = await asyncio.gather(early, return_exceptions=True)
    assert result.attempts[0].outcome in ("succeeded", "network")  # type: ignore[has-type]
    assert scene.state() == "half_open"
    assert scene.circuit().total_opens == 1
    assert (await probe).text == "ok"
    assert scene.state() == "closed"


async def test_t03_a_late_result_frees_no_place_but_its_own() -> None:
    """While a probe is in flight, an old call that ends lets no second probe in."""
    scene = BreakerScene([after(20, "late"), broken(), after(100, "ok")])
    early = scene.start()
    await asyncio.sleep(0)
    await scene.open_and_cool_down()
    probe = scene.start()
    await early
    with pytest.raises(CircuitOpenError):
        await scene.ask()
    assert scene.circuit().in_flight == 1
    await probe
    assert scene.circuit().in_flight == 0


async def test_t03_a_permit_settles_once() -> None:
    """Of several settlements the first counts; the others change neither the count nor the places."""
    permits: list[Permit] = []

    class Watched(Breaker):
        def admit(self, call: Call) -> Permit:
            permits.append(super().admit(call))
            return permits[-1]

    scene = BreakerScene(["ok"], breaker=Watched)
    await scene.ask()
    permits[0].settle(Outcome.FAILED)
    permits[0].settle(Outcome.ABANDONED)
    assert scene.state() == "closed"
    assert (scene.circuit().in_flight, scene.circuit().failures) == (0, 0)


async def test_t04_a_hung_probe_is_given_up_when_its_lease_runs_out() -> None:
    """The circuit opens again, for longer, and the late result of that probe changes nothing."""
    scene = BreakerScene([broken(), after(40, "late"), after(60, "ok")], probe_lease=5, max_cooldown=60)
    await scene.open_and_cool_down()
    hung = scene.start()
    await asyncio.sleep(4.9)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    assert refusal.value.retry_after == pytest.approx(0.1)
    assert scene.state() == "half_open"
    await asyncio.sleep(0.2)
    with pytest.raises(CircuitOpenError) as refusal:
        await scene.ask()
    assert scene.state() == "open"
    assert 20 <= refusal.value.retry_after <= 24
    assert scene.circuit().total_opens == 2
    await asyncio.sleep(24.1)
    probe = scene.start()
    await hung
    assert scene.state() == "half_open"
    with pytest.raises(CircuitOpenError):
        await scene.ask()
    assert scene.circuit().in_flight == 1
    probe.cancel()


async def test_t04_a_probe_that_answers_after_its_lease_closes_nothing() -> None:
    """Also where nobody asked in between: the late probe opens the circuit instead of closing it."""
    scene = BreakerScene([broken(), after(6, "late")], probe_lease=5)
    await scene.open_and_cool_down()
    assert (await scene.ask()).text == "late"
    assert scene.state() == "open"
    assert scene.circuit().total_opens == 2


async def test_t05_a_probe_whose_request_was_wrong_gives_its_place_back() -> None:
    """A 400 says nothing about the provider's health: still half-open, the next call probes."""
    scene = BreakerScene([broken(), InvalidRequestError("no such field", provider="only"), "ok"])
    await scene.open_and_cool_down()
    with pytest.raises(InvalidRequestError):
        await scene.ask()
    assert scene.state() == "half_open"
    assert scene.circuit().in_flight == 0
    assert (await scene.ask()).text == "ok"
    assert scene.state() == "closed"


@pytest.mark.parametrize("places", [1, 3])
async def test_t09_of_a_thousand_callers_exactly_the_probes_pass(places: int) -> None:
    """The rest is rejected at once, and the provider sees `max_probes` requests."""
    scene = BreakerScene([broken(), after(5, "ok")], max_probes=places)
    await scene.open_and_cool_down()
    began = time()
    answers = await asyncio.gather(*(scene.ask() for _ in range(1000)), return_exceptions=True)
    rejected = [answer for answer in answers if isinstance(answer, CircuitOpenError)]
    assert len(scene.provider.calls) == 1 + places
    assert len(rejected) == 1000 - places
    assert all(error.attempts == () for error in rejected)
    assert time() == began + 5


async def test_t09_circuits_of_many_tenants_do_not_probe_in_step() -> None:
    """A cooldown is never too short, at most a fifth longer, and differs from tenant to tenant."""
    scene = BreakerScene([broken()])
    for number in range(200):
        await scene.fail(tenant=f"tenant-{number}")
    waits = [circuit.retry_after for _, circuit in scene.breaker.circuits]
    assert all(10 <= wait <= 12 for wait in waits)
    assert max(waits) - min(waits) > 1


async def test_t42_a_streaming_probe_has_proved_the_provider_at_its_first_event() -> None:
    """Its place is free from then on, and its lease no longer matters however long it streams."""
    scene = BreakerScene(
        [broken(), stream("one", after(300, "two")), "ok"], success_threshold=2, probe_lease=5
    )
    await scene.open_and_cool_down()
    async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
        assert scene.state() == "half_open"
        await scene.ask()
        assert scene.state() == "closed"
        assert "".join([event.text async for event in story]) == "onetwo"
    assert scene.state() == "closed"
    assert scene.circuit().total_opens == 1


async def test_t42_the_later_break_of_a_proved_probe_still_counts() -> None:
    """It counts as a failure in the state that it finds."""
    scene = BreakerScene([broken(), stream("one", after(9, cut())), "ok"])
    await scene.open_and_cool_down()
    async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
        assert scene.state() == "closed"
        with pytest.raises(StreamInterruptedError):
            await story.collect()
    assert scene.state() == "open"
    assert scene.circuit().total_opens == 2


async def test_t42_a_proved_probe_counts_once() -> None:
    """Its good end is no second success: where two are needed, one stream alone closes nothing."""
    scene = BreakerScene([broken(), stream("one", "two")], success_threshold=2)
    await scene.open_and_cool_down()
    async with scene.pipeline.stream("Tell me.", tenant="acme") as story:
        await story.collect()
    assert scene.state() == "half_open"
