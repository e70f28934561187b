"""Runs a scenario with many fault schedules, and shrinks the first one that breaks it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.testing.faults import Fault, Faults
from ranvier.testing.runner import virtual_time
from ranvier.testing.shrinking import Schedule, shrunk

Scenario = Callable[[Faults], Coroutine[Any, Any, object]]
"""An async function that builds a pipeline over `faults.provider(...)`, uses it, and asserts."""


class ScenarioFailedError(AssertionError):
    """A scenario failed with the faults that the message lists; its own error is the cause.

    Attributes:
        seed: The seed that found the failure.
        faults: The shrunk list of faults that still causes it.
        replay: The value for `explore(scenario, replay=...)`.
    """

    def __init__(self, message: str, seed: int, faults: Schedule) -> None:
        super().__init__(message)
        self.seed = seed
        self.faults = faults
        self.replay = " ".join(map(str, (seed, *faults)))


def explore(
    scenario: Scenario,
    seeds: Iterable[int] = range(100),
    *,
    replay: str | None = None,
    shrinks: int = 200,
    turns: int = 100_000,
) -> None:
    """Run `scenario` once for each seed, in virtual time, with different faults each time.

        async def scenario(faults):
            pipeline = Pipeline(Fallback(faults.provider("a"), faults.provider("b")), Retry(), Timeout(30))
            await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
            assert_settled(pipeline)

        explore(scenario, seeds=range(1000))

    Args:
        scenario: Creates everything it uses on each run, because each run has its own loop.
        seeds: The same seed gives the same run.
        replay: Repeats only the run that an earlier failure printed, and raises its error unchanged.
        shrinks: The most runs that are spent on finding fewer and smaller faults that still fail.
        turns: The most loop iterations of one run; a run that exceeds them fails.

    Raises:
        ScenarioFailedError: a seed fails. The message lists the faults and how to replay them.
        ConfigurationError: no run had a fault, so nothing was explored.
    """
    validation.count("shrinks", shrinks, least=0)
    _reject_running_loop()
    if replay is not None:
        _replay(scenario, replay, turns)
        return
    runs = happened = 0
    for seed in seeds:
        run = _run(scenario, seed, None, turns)
        runs, happened = runs + 1, happened + len(run.faults)
        if run.error is not None:
            raise _failure(scenario, seed, run, shrinks, turns) from run.error
    if not happened:
        raise ConfigurationError(
            f"no fault happened in {runs} runs: create the providers with faults.provider(...)"
        )


@dataclass(frozen=True)
class _Run:
    faults: Schedule
    error: BaseException | None

    @property
    def symptom(self) -> object:
        """The error's type and the line that raised it; runs with the same symptom count as one failure."""
        if self.error is None:
            return None
        frame = traceback.extract_tb(self.error.__traceback__)[-1]
        return type(self.error), frame.filename, frame.lineno


def _run(scenario: Scenario, seed: int, schedule: Schedule | None, turns: int) -> _Run:
    by_place = None if schedule is None else {fault.place: fault for fault in schedule}
    faults = Faults(seed, by_place)
    error: BaseException | None = None
    try:
        with virtual_time(seed, turns=turns) as run:
            run(scenario(faults))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:  # also uncaught cancellations, and pytest's own failures
        error = raised
    return _Run(tuple(faults.happened), error)


def _failure(scenario: Scenario, seed: int, run: _Run, shrinks: int, turns: int) -> ScenarioFailedError:
    symptom = run.symptom

    def fails(schedule: Schedule) -> Schedule | None:
        again = _run(scenario, seed, schedule, turns)
        return again.faults if again.symptom == symptom else None

    same = fails(run.faults) == run.faults
    enough = shrunk(run.faults, fails, shrinks) if same else run.faults
    found = ScenarioFailedError("", seed, enough)
    lines = [
        f"seed {seed} fails: {_first_line(run.error)}",
        f"{len(enough)} of its {len(run.faults)} faults are enough:",
        *(f"  {fault}" for fault in enough),
        f"replay: explore({getattr(scenario, '__name__', 'scenario')}, replay={found.replay!r})",
    ]
    if not same:
        lines[1] = "the same seed does not fail again: the scenario depends on something outside the seed"
    found.args = ("\n".join(lines),)
    return found


def _replay(scenario: Scenario, replay: str, turns: int) -> None:
    seed, _, faults = replay.partition(" ")
    if not seed.removeprefix("-").isdigit():
        raise ConfigurationError(f"replay={replay!r:.80}: pass the value that the failure printed")
    run = _run(scenario, int(seed), tuple(map(Fault.parse, faults.split())), turns)
    if run.error is not None:
        raise run.error


def _first_line(error: BaseException | None) -> str:
    first = str(error).splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _reject_running_loop() -> None:
    if asyncio._get_running_loop() is not None:
        raise ConfigurationError("explore() runs its own event loops: call it from a sync function")
