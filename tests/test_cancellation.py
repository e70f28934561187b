"""A call may be cancelled at any moment: nothing is left behind, and nothing is counted.

In virtual time the call is cancelled after every single turn of the loop, until it has ended by
itself. On real loops, with timers of milliseconds, it is cancelled at moments spread over its life.
"""

import asyncio
import gc
import itertools
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ranvier import Pipeline, Place, RanvierError, StreamEvent
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call, Handler, Layer, Outcome, PendingStream, ResponseStream
from ranvier.pipeline.timing.timer_wheel import TimerWheel
from ranvier.pipeline.timing.wait_timer import WaitTimer
from ranvier.testing import ScriptedProvider, after, broken, stall, stream
from support.scenes import live_timers
from support.stepping import OneSlotProvider, cancel_after, in_turns

Act = Callable[["Stage"], Coroutine[Any, Any, object]]


class Thoughtful(Layer):
    """A user's layer that waits before it passes a call on."""

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        await asyncio.sleep(0.001)
        return await inner(call)


class Stats(Layer):
    """Stands just outside the breaker and counts the failures in a row, as the breaker should."""

    place = Place.ADMIT

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()
        self.calls: list[Call] = []

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        self.calls.append(call)
        name = call.deployment.provider.name
        try:
            answer = await inner(call)
        except RanvierError as error:
            self._count(name, Outcome.of(error))
            raise
        if isinstance(answer, ResponseStream):
            answer.on_end(lambda outcome: self._count(name, outcome))
        else:
            self._count(name, Outcome.SUCCEEDED)
        return answer

    def _count(self, name: str, outcome: Outcome) -> None:
        if outcome is Outcome.SUCCEEDED:
            self.failures[name] = 0
        elif outcome is Outcome.FAILED:
            self.failures[name] += 1


class Stage:
    """A whole stack, in which a call meets every kind of wait before the second target answers.

    The first target has its slot taken for a while, breaks twice and then stays silent.
    """

    def __init__(self, unit: float = 1.0, *, progress: bool = True) -> None:
        self.unit = unit
        answer = stream("one", after(unit, "two"), after(unit, "three"))
        self.first = OneSlotProvider("first", [broken(), after(unit, broken()), stall()], unit)
        self.second = OneSlotProvider("second", [broken(), after(unit, answer)], unit)
        self.ledger = Stats()
        self.breaker = Breaker(failure_threshold=100)
        limits: dict[str, Any] = {"first_token": 3 * unit, "idle": 2 * unit} if progress else {}
        self.pipeline = Pipeline(
            Deadline(seconds=100 * unit),
            Thoughtful(),
            Fallback(self.first, self.second),
            Retry(max_retries=2, base_delay=unit, jitter="none"),
            self.ledger,
            self.breaker,
            Timeout(seconds=6 * unit, connect=5 * unit, **limits),
            credentials=self._key,
        )
        self.events: list[StreamEvent] = []

    async def _key(self, tenant: str, provider: str) -> Any:
        await asyncio.sleep(self.unit / 2)
        return "key"

    async def occupy(self) -> None:
        """Take the slot of the first provider, and give it back later."""
        await self.first.slots.acquire()
        self._release = asyncio.get_running_loop().call_later(self.unit, self._free)
        self._taken = True

    def _free(self) -> None:
        self._taken = False
        self.first.slots.release()

    def leave(self) -> None:
        """Give back what the stage itself has taken."""
        self._release.cancel()
        if self._taken:
            self._free()

    def assert_nothing_left(self) -> None:
        """No permit, slot, task or generator is left, and only true failures were counted."""
        for provider in (self.first, self.second):
            assert provider.in_progress == 0
            assert provider.slots._value == 1
            assert not any(not waiter.done() for waiter in provider.slots._waiters or ())
        for (_, name), circuit in self.breaker.circuits:  # type: ignore[misc]
            assert circuit.in_flight == 0
            assert circuit.state == "closed"
            assert circuit.failures == self.ledger.failures[name]  # type: ignore[has-type]
        for call in self.ledger.calls:
            assert all(attempt.outcome != "running" for attempt in call.record.attempts)
        assert self.pipeline.lifecycle.in_flight == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


# --- what is being cancelled ---------------------------------------------------------------------


async def complete(stage: Stage) -> object:
    return await stage.pipeline.complete("Why?")


async def read_to_the_end(stage: Stage) -> object:
    async with stage.pipeline.stream("Why?") as answer:
        async for event in answer:
            stage.events.append(event)
            await asyncio.sleep(stage.unit / 5)
    return answer.response


async def stop_in_the_middle(stage: Stage) -> object:
    answer = await stage.pipeline.stream("Why?")
    stage.events.append(await anext(answer))
    stage.events.append(await anext(answer))
    await answer.aclose()
    return None


async def iterate_at_once(stage: Stage) -> object:
    pending: PendingStream = stage.pipeline.stream("Why?")
    events = aiter(pending)
    try:
        async for event in events:
            stage.events.append(event)
            await asyncio.sleep(stage.unit / 5)
    finally:
        await events.aclose()
    return None


ACTS = [
    pytest.param(complete, False, id="complete-whole"),
    pytest.param(complete, True, id="complete-over-a-stream"),
    pytest.param(read_to_the_end, True, id="stream-to-the-end"),
    pytest.param(stop_in_the_middle, True, id="stream-stopped"),
    pytest.param(iterate_at_once, True, id="stream-iterated"),
]


# --- virtual time: after every turn of the loop --------------------------------------------------


async def perform(act: Act, progress: bool, turns: tuple[int, ...]) -> bool:
    """Perform `act` and cancel it after these turns; true if it ended by itself before the first."""
    stage = Stage(progress=progress)
    await stage.occupy()
    task = asyncio.create_task(act(stage))
    cancel_after(task, turns)
    await asyncio.wait([task])
    cancelled = task.cancelled()
    stage.leave()
    assert live_timers() == []
    stage.assert_nothing_left()
    if not cancelled:
        assert task.cancelling() == 0
        task.result()
        assert [len(stage.first.calls), len(stage.second.calls)] == [3, 2]  # it has met everything
    await stage.pipeline.aclose()
    return not cancelled


@pytest.mark.parametrize(("act", "progress"), ACTS)
def test_cancelled_after_any_turn_of_the_loop_nothing_is_left_and_nothing_counted(
    act: Act, progress: bool
) -> None:
    """Wherever a call is, a cancellation travels on, gives everything back and is no failure."""
    turn = next(turn for turn in itertools.count() if in_turns(perform(act, progress, (turn,))))
    assert turn > 20


@pytest.mark.parametrize("later", [1, 2, 3, 5])
@pytest.mark.parametrize(("act", "progress"), ACTS)
def test_cancelled_again_during_the_cleanup_nothing_is_left_either(
    act: Act, progress: bool, later: int
) -> None:
    """A second cancellation may cut the cleanup of the first short, and still leaves nothing."""
    for turn in itertools.count():
        if in_turns(perform(act, progress, (turn, turn + later))):
            break


# --- a probe -------------------------------------------------------------------------------------


class ProbeStage:
    """A circuit that a failure opens at once, so that the call after its cooldown is a probe."""

    def __init__(self, *, progress: bool, unit: float = 1.0, cooldown: float = 10.0) -> None:
        answer = after(unit, stream("one", after(unit, "two")))
        self.provider = OneSlotProvider("only", [broken(), answer, "fine"], unit)
        self.breaker = Breaker(failure_threshold=1, success_threshold=2, cooldown=cooldown)
        limits: dict[str, Any] = {"first_token": 5000 * unit, "idle": 5000 * unit} if progress else {}
        self.pipeline = Pipeline(
            Fallback(self.provider),
            self.breaker,
            Timeout(seconds=9999 * unit, **limits),
            credentials=lambda *who: "key",
        )
        self.events: list[StreamEvent] = []
        self.unit = unit

    async def open_and_cool_down(self) -> None:
        with pytest.raises(RanvierError):
            await self.pipeline.complete("break it")
        assert self.state == "open"
        await asyncio.sleep(12.5)

    @property
    def state(self) -> str | None:
        return self.breaker.circuits.state("default", "only")

    def assert_place_is_free(self) -> None:
        """Nothing is in flight, and the cancelled probe was no failure."""
        ((_, circuit),) = self.breaker.circuits
        assert (circuit.in_flight, circuit.total_opens) == (0, 1)
        assert self.provider.in_progress == 0
        assert self.provider.slots._value == 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert self.state == "half_open" or not self.provider.calls[1:]


async def perform_probe(act: Act, progress: bool, turns: tuple[int, ...]) -> bool:
    stage = ProbeStage(progress=progress)
    await stage.open_and_cool_down()
    task = asyncio.create_task(act(stage))  # type: ignore[arg-type]
    cancel_after(task, turns)
    await asyncio.wait([task])
    assert live_timers() == []
    stage.assert_place_is_free()
    proved = bool(stage.events) or not task.cancelled()
    await stage.pipeline.complete("the next probe")
    assert stage.state == ("closed" if proved else "half_open")
    await stage.pipeline.complete("another")
    assert stage.state == "closed"
    return not task.cancelled()


@pytest.mark.parametrize("second", [None, 1, 2])
@pytest.mark.parametrize(("act", "progress"), ACTS)
def test_a_cancelled_probe_gives_its_place_back(act: Act, progress: bool, second: int | None) -> None:
    """After any turn of the loop: the circuit stays half-open, and the next call is admitted as the probe.

    A stream has proved the provider with its first content, so that only this one then counts.
    """
    for turn in itertools.count():
        turns = (turn,) if second is None else (turn, turn + second)
        if in_turns(perform_probe(act, progress, turns)):
            break


# --- real loops, real timers ---------------------------------------------------------------------

MOMENTS = 20
"""At how many moments of its life a call on a real loop is cancelled."""

UNIT = 0.002


async def perform_for_real(act: Act, progress: bool, cancel_at: float, timers: list[WaitTimer]) -> None:
    stage = Stage(UNIT, progress=progress)
    await stage.occupy()
    timers.clear()
    task = asyncio.create_task(act(stage))
    canceller = asyncio.get_running_loop().call_later(cancel_at, task.cancel)
    await asyncio.wait([task])
    canceller.cancel()
    stage.leave()
    assert all(timer.fires_at == math.inf for timer in timers)
    stage.assert_nothing_left()
    assert task.cancelling() == int(task.cancelled())
    await stage.pipeline.aclose()


@pytest.mark.parametrize(("act", "progress"), ACTS)
async def test_on_real_loops_a_cancellation_leaves_nothing_either(
    act: Act, progress: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With real timers of milliseconds, on asyncio and uvloop, a cancelled call gives everything back."""
    timers: list[WaitTimer] = []
    arm = TimerWheel.set

    def arm_and_note(self: TimerWheel, timer: WaitTimer, when: float) -> None:
        arm(self, timer, when)
        timers.append(timer)

    monkeypatch.setattr(TimerWheel, "set", arm_and_note)
    for moment in range(MOMENTS):
        await perform_for_real(act, progress, moment * 16 * UNIT / MOMENTS, timers)


@pytest.mark.parametrize(("act", "progress"), ACTS)
async def test_on_real_loops_a_cancelled_probe_gives_its_place_back(act: Act, progress: bool) -> None:
    """The circuit stays half-open and the next call is the probe, unless the stream had proved it before."""
    for moment in range(MOMENTS):
        stage = ProbeStage(progress=progress, unit=UNIT, cooldown=0)
        with pytest.raises(RanvierError):
            await stage.pipeline.complete("break it")
        task = asyncio.create_task(act(stage))  # type: ignore[arg-type]
        timer = asyncio.get_running_loop().call_later(moment * 4 * UNIT / MOMENTS, task.cancel)
        await asyncio.wait([task])
        timer.cancel()
        stage.assert_place_is_free()
        proved = bool(stage.events) or not task.cancelled()
        await stage.pipeline.complete("the next probe")
        assert stage.state == ("closed" if proved else "half_open")
        await stage.pipeline.aclose()


# --- a layer of the user's -----------------------------------------------------------------------


class Afterthought(Layer):
    """Waits after it has been given an answer, and so may lose it."""

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        answer = await inner(call)
        await asyncio.sleep(1)
        return answer


@pytest.mark.virtual_time
async def test_a_stream_that_a_layer_lost_to_a_cancellation_is_given_back() -> None:
    """Nobody has it any more: it is abandoned, and its provider's generator closed."""
    provider = ScriptedProvider("only", [stream("one", stall())])
    provider.slots = asyncio.Semaphore(1)
    breaker = Breaker()
    pipeline = Pipeline(Deadline(60), Afterthought(), Fallback(provider), breaker, Timeout())
    task = asyncio.ensure_future(pipeline.stream("Why?"))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    del task
    gc.collect()
    await asyncio.sleep(0.001)
    assert provider.in_progress == 0
    assert provider.slots._value == 1
    assert [circuit.in_flight for _, circuit in breaker.circuits] == [0]
    assert live_timers() == []
    assert pipeline.lifecycle.in_flight == (0, 0)
