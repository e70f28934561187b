"""A scenario under many schedules of faults."""

import asyncio
import itertools
import re
from typing import Any

import pytest

from ranvier import ConfigurationError, Pipeline, RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.testing import DeadlockError, EndlessError, Faults, ScenarioFailedError, assert_settled, explore


def stack(faults: Faults, **settings: Any) -> Pipeline:
    """Everything, over two providers."""
    return Pipeline(
        Deadline(120),
        Fallback(faults.provider("one", **settings), faults.provider("two", **settings)),
        Retry(),
        Breaker(failure_threshold=3, cooldown=10),
        Timeout(seconds=30, first_token=10, idle=5),
    )


async def sound(faults: Faults) -> None:
    """Calls and streams side by side, some of them cancelled: nothing may be left of them."""
    pipeline = stack(faults)
    loop = asyncio.get_running_loop()

    async def ask(number: int) -> None:
        await asyncio.sleep(faults.random.random() * 20)
        if number % 2:
            await pipeline.complete("Why?")
        else:
            await (await pipeline.stream("Why?")).collect()

    calls = [asyncio.create_task(ask(number)) for number in range(6)]
    for call in calls:
        if (seconds := faults.perhaps("cancel", most=30)) is not None:
            loop.call_later(seconds, call.cancel)
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert outcome is None or isinstance(outcome, (RanvierError, asyncio.CancelledError))
    assert_settled(pipeline)


async def fragile(faults: Faults) -> None:
    """It breaks where "one" is limited for more than 3 s and "two" stalls, whatever else happens."""
    providers = [faults.provider(name, rate=0.4) for name in ("one", "two", "three")]
    for provider in providers:
        pipeline = Pipeline(Fallback(provider), Timeout(100))
        for _ in range(4):
            await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
    kinds = {
        (fault.place[:3], fault.kind) for fault in faults.happened if fault.size > 3 or fault.kind == "stall"
    }
    assert not {("one", "rate_limit"), ("two", "stall")} <= kinds, "limited, and stalled"


def failure(scenario: Any = fragile, **settings: Any) -> ScenarioFailedError:
    """The failure that is found."""
    with pytest.raises(ScenarioFailedError) as raised:
        explore(scenario, **{"seeds": range(300), **settings})
    return raised.value


# --- what is found -------------------------------------------------------------------------------


def test_a_sound_pipeline_keeps_its_promises_under_every_seed() -> None:
    """Our own stack, as a user would explore it."""
    explore(sound, seeds=range(60))


def test_the_first_seed_that_fails_is_shrunk_to_what_is_needed() -> None:
    """Two faults of many are left, the size of one rounded; the message holds a line that replays it."""
    found = failure()
    one, two = found.faults
    assert (one.place[:3], one.kind) == ("one", "rate_limit")
    assert (two.place[:3], two.kind, two.size) == ("two", "stall", 0)
    assert 3 < one.size <= 8
    lines = str(found).splitlines()
    assert lines[0] == f"seed {found.seed} fails: AssertionError: limited, and stalled"
    assert re.fullmatch(r"2 of its \d+ faults are enough:", lines[1])
    assert lines[2:4] == [f"  {one}", f"  {two}"]
    assert lines[4:] == [f"replay: explore(fragile, replay='{found.seed} {one} {two}')"]
    assert isinstance(found.__cause__, AssertionError)


def test_the_line_that_it_prints_replays_it() -> None:
    """With the scenario's own error; without one of the faults it passes."""
    found = failure()
    for _ in range(2):
        with pytest.raises(AssertionError, match=r"^limited, and stalled") as raised:
            explore(fragile, replay=found.replay)
        assert type(raised.value) is AssertionError
    explore(fragile, replay=found.replay.rpartition(" ")[0])


def test_any_number_is_a_seed() -> None:
    """One below nothing, too."""

    async def scenario(faults: Faults) -> None:
        assert faults.perhaps("anything", rate=1) is None

    found = failure(scenario, seeds=[-3])
    with pytest.raises(AssertionError):
        explore(scenario, replay=found.replay)


def test_it_finds_the_same_every_time() -> None:
    """Whatever ran before."""
    assert str(failure()) == str(failure())


def test_a_failure_that_needs_no_fault_says_so() -> None:
    """All of them are spared."""

    async def scenario(faults: Faults) -> None:
        await asyncio.gather(stack(faults, rate=1).complete("Why?"), return_exceptions=True)
        raise ZeroDivisionError

    found = failure(scenario)
    assert (found.faults, found.replay) == ((), "0")
    assert "0 of its" in str(found)


def test_shrinking_is_bounded() -> None:
    """By the runs that may be spent on it; with none, the faults are shown as they were drawn."""
    runs: list[int] = []

    async def counted(faults: Faults) -> None:
        runs.append(faults.seed)
        await fragile(faults)

    raw = failure(counted, shrinks=0)
    assert runs.count(raw.seed) == 2  # found, and confirmed
    assert len(raw.faults) > 2
    runs.clear()
    few = failure(counted, shrinks=5)
    assert runs.count(few.seed) == 7
    assert 2 <= len(few.faults) < len(raw.faults)


@pytest.mark.parametrize("broken", [asyncio.CancelledError, pytest.fail.Exception, ExceptionGroup])
def test_whatever_comes_out_of_a_scenario_is_a_failure(broken: Any) -> None:
    """A cancellation that nobody caught, and a `pytest.fail`, too."""

    async def scenario(faults: Faults) -> None:
        faults.perhaps("anything", rate=1)
        raise broken("no", [ValueError()]) if broken is ExceptionGroup else broken("no")

    assert isinstance(failure(scenario).__cause__, broken)


def test_deadlocks_and_endless_scenarios_are_failures() -> None:
    """A run ends in any case."""

    async def waits(faults: Faults) -> None:
        await Pipeline(Fallback(faults.provider("one", kinds=["stall"]))).complete("Why?")

    async def spins(faults: Faults) -> None:
        faults.perhaps("anything", rate=1)
        for _ in itertools.count():
            await asyncio.sleep(1)

    assert isinstance(failure(waits).__cause__, DeadlockError)
    assert [fault.kind for fault in failure(waits).faults] == ["stall"]
    assert isinstance(failure(spins, turns=500, shrinks=3).__cause__, EndlessError)


def test_the_user_who_interrupts_is_heeded() -> None:
    """It is no failure of the scenario."""

    async def scenario(faults: Faults) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore(scenario)


def test_a_scenario_that_depends_on_something_outside_is_told_apart() -> None:
    """The seed does not fail a second time: there is nothing to shrink, and no use in a replay."""
    times = itertools.count()

    async def scenario(faults: Faults) -> None:
        faults.perhaps("anything", rate=1)
        assert next(times) != 3

    found = failure(scenario)
    assert found.seed == 3
    assert "does not fail again: the scenario depends on something outside" in str(found)


# --- what cannot be explored ---------------------------------------------------------------------


def test_where_no_fault_happens_nothing_is_explored() -> None:
    """A scenario that builds its own providers would pass for ever."""

    async def scenario(faults: Faults) -> None:
        assert await stack(faults, rate=0.0).complete("Why?")

    with pytest.raises(ConfigurationError, match="no fault happened in 3 runs"):
        explore(scenario, seeds=range(3))


async def test_it_is_called_from_where_no_loop_runs() -> None:
    """Every run has a loop of its own."""
    with pytest.raises(ConfigurationError, match="call it from a sync function"):
        explore(sound)


@pytest.mark.parametrize("replay", ["", "x", "1 one", "1 one#1=stall", "1 one#1=what:0", "1 one#x=stall:0"])
def test_a_replay_that_nobody_printed_is_refused(replay: str) -> None:
    """With what it should look like."""
    with pytest.raises(ConfigurationError, match=r"replay=|write it like"):
        explore(sound, replay=replay)


def test_a_replay_of_another_scenario_is_refused() -> None:
    """A fault of one's own cannot happen to a request."""
    with pytest.raises(ConfigurationError, match="unknown kind of fault for the provider one"):
        explore(sound, replay="1 one#1=after:3 two#1=stall:0 cancel#1=after:0")
