"""A call whose answer is being mended may be cancelled at any moment, as any other call.

In virtual time it is cancelled after every single turn of the loop, until it has ended by itself.
"""

import asyncio
import itertools
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError, Response
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.testing import ScriptedProvider, after, broken, stream
from support.pipeline.forms import OSLO, PARSED, UNFIT, City
from support.scenes import live_timers
from support.stepping import cancel_after, in_turns

WAYS = [pytest.param({}, id="whole"), pytest.param({"first_token": 500.0, "idle": 500.0}, id="over-a-stream")]
"""How a whole answer travels."""


class Stage:
    """A stack with one connection to each target: the first one's repair does not fit, the second one's does.

    Somebody else may stand in line for the connection to the first.
    """

    def __init__(self, script: list[Any], limits: dict[str, Any], **circuit: Any) -> None:
        self.first = ScriptedProvider("first", script)
        self.second = ScriptedProvider("second", [after(1, stream(UNFIT)), after(1, stream(OSLO))])
        for provider in (self.first, self.second):
            provider.slots = asyncio.Semaphore(1)
        self.breaker = Breaker(**circuit)
        self.pipeline = Pipeline(
            Deadline(900),
            Fallback(self.first, self.second),
            Retry(0),
            Throttle(),
            self.breaker,
            Timeout(seconds=800, connect=50, **limits),
        )
        self.others: set[asyncio.Task[None]] = set()

    async def mend(self) -> Response:
        return await self.pipeline.complete("Where?", schema=City, repair=1)

    async def _stand_in_line(self, slots: asyncio.Semaphore) -> None:
        async with slots:
            await asyncio.sleep(0.5)

    def stand_in_line(self) -> None:
        """Let somebody else wait for the connection to the first target."""
        self.others.add(asyncio.get_running_loop().create_task(self._stand_in_line(self.first.slots)))

    async def assert_nothing_left(self) -> None:
        """No permit, slot, timer, task or generator is left, and nobody was counted."""
        if self.others:
            await asyncio.wait(self.others)
        for provider in (self.first, self.second):
            assert provider.in_progress == 0
            assert provider.slots._value == 1
            assert not any(not waiter.done() for waiter in provider.slots._waiters or ())
        assert all(circuit.in_flight == 0 for _, circuit in self.breaker.circuits)
        assert self.pipeline.lifecycle.in_flight == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert live_timers() == []


async def perform(limits: dict[str, Any], turns: tuple[int, ...], met: list[int] | None = None) -> bool:
    """Have an answer mended, and cancel it after these turns; true if it ended by itself before the first.

    `met` is told how many requests had been sent by then.
    """
    stage = Stage([after(1, stream(UNFIT)), after(1, stream(UNFIT))], limits)
    task = asyncio.create_task(stage.mend())
    asyncio.get_running_loop().call_later(0.5, stage.stand_in_line)
    cancel_after(task, turns)
    await asyncio.wait([task])
    cancelled = task.cancelled()
    await asyncio.sleep(1)
    await stage.assert_nothing_left()
    assert {circuit.failures for _, circuit in stage.breaker.circuits} <= {0}
    if met is not None:
        met.append(len(stage.first.calls) + len(stage.second.calls))
    if not cancelled:
        answer = task.result()
        assert answer.parsed == PARSED
        assert [len(stage.first.calls), len(stage.second.calls)] == [2, 2]  # it has met everything
        assert answer.attempts[1].queued == 0.5
    return not cancelled


@pytest.mark.lazy
@pytest.mark.parametrize("limits", WAYS)
def test_cancelled_after_any_turn_of_the_loop_nothing_is_left_and_nothing_counted(
    limits: dict[str, Any],
) -> None:
    """Also while its repair waits for a connection, or for its answer."""
    met: list[int] = []
    for turn in itertools.count():
        if in_turns(perform(limits, (turn,), met)):
            break
    assert set(met) == {0, 1, 2, 3, 4}  # before, and in every request; some of them more than once
    assert len(met) > len(set(met))


@pytest.mark.parametrize("later", [1, 2, 3])
@pytest.mark.parametrize("limits", WAYS)
def test_cancelled_again_during_the_cleanup_nothing_is_left_either(
    limits: dict[str, Any], later: int
) -> None:
    """A second cancellation may cut the cleanup of the first short."""
    for turn in itertools.count():
        if in_turns(perform(limits, (turn, turn + later))):
            break


async def perform_probe(limits: dict[str, Any], turns: tuple[int, ...]) -> bool:
    script = [broken(), after(1, stream(UNFIT)), after(1, stream(OSLO)), OSLO]
    stage = Stage(script, limits, failure_threshold=1, success_threshold=1, cooldown=10)
    stage.second._next = lambda call: broken()
    with pytest.raises(RanvierError):
        await stage.mend()
    await asyncio.sleep(12.5)
    task = asyncio.create_task(stage.pipeline.complete("Where?", schema=City, repair=1, to="first"))
    cancel_after(task, turns)
    await asyncio.wait([task])
    await stage.assert_nothing_left()
    state = stage.breaker.circuits.state("default", "first")
    if not task.cancelled():
        assert task.result().parsed == PARSED
        assert len(stage.first.calls) == 3
        assert state == "closed"
        return True
    assert state == "half_open" or not stage.first.calls[1:]
    await stage.pipeline.complete("Where?", to="first")
    assert stage.breaker.circuits.state("default", "first") == "closed"
    return False


@pytest.mark.parametrize("limits", WAYS)
def test_a_probe_that_is_cancelled_while_its_answer_is_mended_gives_its_place_back(
    limits: dict[str, Any],
) -> None:
    """After any turn of the loop the circuit stays half-open, and the next call is the probe."""
    for turn in itertools.count():
        if in_turns(perform_probe(limits, (turn,))):
            break
