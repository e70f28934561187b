"""Runs a scenario under many schedules of faults, and shrinks the first that breaks it."""

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
    """A scenario fails under the faults that the message names; its own error is the cause.

    Attributes:
        seed: Under which it was found.
        faults: Those that are enough.
        replay: What `explore(scenario, replay=...)` takes.
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
    """Run `scenario` once for each seed, in virtual time, every time with other faults.

        async def scenario(faults):
            pipeline = Pipeline(Fallback(faults.provider("a"), faults.provider("b")), Retry(), Timeout(30))
            await asyncio.gather(pipeline.complete("Why?"), return_exceptions=True)
            assert_settled(pipeline)

        explore(scenario, seeds=range(1000))

    Args:
        scenario: Everything in it has to be made anew each time: it runs on a loop of its own.
        seeds: The same seed is the same run.
        replay: Instead of all seeds, the one run that an earlier failure names; its error comes out as it is.
        shrinks: Runs that may be spent on finding fewer and smaller faults that do.
        turns: Turns of the loop that one run may take; one that takes more fails.

    Raises:
        ScenarioFailedError: a seed fails. It says with which faults, and how to replay them.
        ConfigurationError: no fault has ever happened, so that nothing was explored.
    """
    validation.count("shrinks", shrinks, least=0)
    _refuse_a_running_loop()
    if replay is not None:
        _replayed(scenario, replay, turns)
        return
    runs = happened = 0
    for seed in seeds:
        run = _run(scenario, seed, None, turns)
        runs, happened = runs + 1, happened + len(run.faults)
        if run.error is not None:
            raise _verdict(scenario, seed, run, shrinks, turns) from run.error
    if not happened:
        raise ConfigurationError(
            f"no fault has happened in {runs} runs: let the providers come from faults.provider(...)"
        )


@dataclass(frozen=True)
class _Run:
    faults: Schedule
    error: BaseException | None

    @property
    def symptom(self) -> object:
        """The kind of the error and the line that raised it: two runs with the same one fail alike."""
        if self.error is None:
            return None
        place = traceback.extract_tb(self.error.__traceback__)[-1]
        return type(self.error), place.filename, place.lineno


def _run(scenario: Scenario, seed: int, schedule: Schedule | None, turns: int) -> _Run:
    by_place = None if schedule is None else {fault.place: fault for fault in schedule}
    faults = Faults(seed, by_place)
    error: BaseException | None = None
    try:
        with virtual_time(seed, turns=turns) as run:
            run(scenario(faults))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:  # also a cancellation that nobody caught, and the failures of pytest
        error = raised
    return _Run(tuple(faults.happened), error)


def _verdict(scenario: Scenario, seed: int, run: _Run, shrinks: int, turns: int) -> ScenarioFailedError:
    symptom = run.symptom

    def fails(schedule: Schedule) -> Schedule | None:
        again = _run(scenario, seed, schedule, turns)
        return again.faults if again.symptom == symptom else None

    same = fails(run.faults) == run.faults
    enough = shrunk(run.faults, fails, shrinks) if same else run.faults
    found = ScenarioFailedError("", seed, enough)
    lines = [
        f"seed {seed} fails: {_told(run.error)}",
        f"{len(enough)} of its {len(run.faults)} faults are enough:",
        *(f"  {fault}" for fault in enough),
        f"again: explore({getattr(scenario, '__name__', 'scenario')}, replay={found.replay!r})",
    ]
    if not same:
        lines[1] = "the same seed does not fail again: the scenario depends on something outside"
    found.args = ("\n".join(lines),)
    return found


def _replayed(scenario: Scenario, replay: str, turns: int) -> None:
    seed, _, faults = replay.partition(" ")
    if not seed.removeprefix("-").isdigit():
        raise ConfigurationError(f"replay={replay!r:.80}: give what the failure has printed")
    run = _run(scenario, int(seed), tuple(map(Fault.parse, faults.split())), turns)
    if run.error is not None:
        raise run.error


def _told(error: BaseException | None) -> str:
    first = str(error).splitlines()[:1]
    return ": ".join([type(error).__name__, *first])


def _refuse_a_running_loop() -> None:
    if asyncio._get_running_loop() is not None:
        raise ConfigurationError(
            "explore() runs loops of its own: call it from a plain function, not an async one"
        )
