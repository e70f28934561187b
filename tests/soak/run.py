"""Asks a pipeline everything at once for minutes, and looks whether anything grows or is left behind.

python tests/soak/run.py --minutes 10      the long form; 1 is the short one

The providers are simulated, in a process of their own, and fail all the time. The last line is a summary; the
exit status is 1 when something was violated, and each violation is told on a line of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from ranvier.testing import settled
from soak.gauges import Complaints, Lag, Memory, keep_heap_whole, left_open, until_ended
from soak.load import THINGS, Load, stack, url_of

CALLERS = 32

MARGIN = 2.0
"""MiB that the last third may lie above the second sixth, in the median: how pieces fit is chance."""


@dataclass
class Outcome:
    """What the soak has found out."""

    violations: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)

    def expect(self, kept: bool, told: str) -> None:
        """Something has to hold."""
        if not kept:
            self.violations.append(told)


class Providers:
    """The process in which the simulator runs.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.port = int(process.stdout.readline())

    def url(self, provider: str) -> str:
        """Where to ask `provider`."""
        return url_of(provider, self.port)

    def end(self) -> tuple[int, int, int]:
        """Requests in progress, open connections and requests served, once it has been told to end."""
        told, _ = self._process.communicate(timeout=30)
        progress, connections, total = map(int, told.split())
        return progress, connections, total


@contextmanager
def providers(seed: int) -> Iterator[Providers]:
    """Run them, for as long as the block lasts at most."""
    command = [sys.executable, str(Path(__file__).with_name("serving.py")), str(seed)]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Providers(process)
        finally:
            process.kill()


async def soak(seconds: float, seed: int, served: Providers) -> Outcome:
    """Ask for so long, then compare what is left with what was there at first."""
    outcome, complaints = Outcome(), Complaints()
    complaints.listen(asyncio.get_running_loop())
    before = left_open()
    pipeline = stack(served.url)
    async with pipeline:
        load = Load(pipeline, seed)
        await _ask(load, seconds, outcome)
        try:
            await settled(pipeline, within=3)
        except AssertionError as unsettled:
            outcome.violations.append(str(unsettled))
    after = await until_ended(before)
    outcome.expect(after == before, f"left behind: {after}, where there was {before} at first")
    outcome.violations += [f"said aloud: {told}" for told in complaints.heard]
    return outcome


async def _ask(load: Load, seconds: float, outcome: Outcome) -> None:
    """The load itself, with somebody watching."""
    lag, memory = Lag(), Memory(seconds)
    watchers = [asyncio.create_task(each.watch()) for each in (lag, memory)]
    await load.run(CALLERS, time.monotonic() + seconds)
    for watcher in watchers:
        watcher.cancel()
    await asyncio.wait(watchers)
    _judge_load(outcome, load)
    _judge_memory(outcome, memory)
    outcome.figures.append(f"lag p99 {lag.quantile(0.99) * 1000:.1f} ms, worst {lag.worst * 1000:.0f} ms")


def _judge_load(outcome: Outcome, load: Load) -> None:
    """Everything was asked, and went wrong as well as right, but in no way of its own."""
    outcome.violations += load.wrong
    for ended, times in sorted(load.ended.items()):
        print(f"{times:8,} {ended}")
    for thing in THINGS:
        outcome.expect(load.ended[f"{thing} answered"] > 0, f"{thing} was never answered")
    failed = {ended.split()[1] for ended in load.ended} - {"answered"}
    outcome.expect(len(failed) >= 4, f"hardly anything went wrong: {failed}")
    outcome.figures.append(f"{load.ended.total():,} calls of {load.tenants:,} tenants")


def _judge_memory(outcome: Outcome, memory: Memory) -> None:
    """It is flat from the second sixth on."""
    early, late = memory.median(1 / 6, 2 / 6), memory.median(2 / 3, 1)
    outcome.expect(
        late <= early + MARGIN,
        f"memory grows: {early:.1f} MiB in the second sixth, {late:.1f} in the last third",
    )
    outcome.figures.append(f"resident {early:.1f} -> {late:.1f} MiB, peak {memory.peak:.1f}")


def main(arguments: list[str]) -> int:
    """Soak, and say how it went; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is asked and what goes wrong")
    chosen = parser.parse_args(arguments)
    keep_heap_whole()
    with providers(chosen.seed) as served:
        outcome = asyncio.run(soak(chosen.minutes * 60, chosen.seed, served))
        progress, connections, requests = served.end()
    outcome.expect(progress == 0, f"the providers still have {progress} requests in progress")
    outcome.expect(connections == 0, f"the providers still have {connections} connections")
    for violation in outcome.violations:
        print(f"VIOLATED {violation}")
    figures = ", ".join([*outcome.figures, f"{requests:,} requests", f"{len(outcome.violations)} violations"])
    print(f"{chosen.minutes:g} minutes: {figures}")
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
