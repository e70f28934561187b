"""CPU of calls: one after the other, and many in flight."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from benchmarks.figures import Table
from benchmarks.overhead.ours import ALONE, BARE, FLOOR, FULL, TRACED
from benchmarks.overhead.peers import PEERS
from benchmarks.overhead.sharing import RESILIENT, SHARED, SHARING
from benchmarks.overhead.subject import A_WHILE, AT_ONCE, Ask, Subject

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.SelectorEventLoop,
}
Load = Callable[[Ask, int], Awaitable[object]]


async def one_by_one(ask: Ask, calls: int) -> None:
    """One call after the other."""
    for _ in range(calls):
        await ask()


async def together(ask: Ask, calls: int) -> None:
    """All of them at once, each in a task of its own."""
    await asyncio.gather(*(ask() for _ in range(calls)))


def cpu(subject: Subject, seconds: float, load: Load, calls: int, loop: str) -> float:
    """Microseconds of CPU per call, once the caches are warm."""

    async def measured() -> float:
        async with subject.open(seconds) as ask:
            await load(ask, max(calls // 10, 1))
            gc.collect()
            began = time.process_time()
            await load(ask, calls)
            return (time.process_time() - began) / calls * 1e6

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(measured())


def _in_turns(
    table: Table, subjects: Sequence[Subject], times: int, measure: Callable[[Subject], float]
) -> Table:
    for turn in range(times):
        order = subjects if turn % 2 else list(reversed(subjects))
        for subject in order:
            table.add(subject.name, measure(subject))
    return table


def sequential(loop: str, subjects: Sequence[Subject], calls: int, times: int) -> Table:
    """Calls one after the other, through a provider that answers at once."""
    table = Table(f"sequential-{loop}", f"One call after the other, {loop}", "us", FLOOR.name)
    return _in_turns(table, subjects, times, lambda each: cpu(each, AT_ONCE, one_by_one, calls, loop))


def in_flight(loop: str, subjects: Sequence[Subject], calls: int, times: int) -> Table:
    """Calls that all wait at the same time for a provider that takes 50 ms."""
    title = f"{calls:,} calls in flight on 50 ms timers, {loop}"
    table = Table(f"in-flight-{calls}-{loop}", title, "us", FLOOR.name)
    rounds = max(3_000 // calls, 1)

    async def repeated(ask: Ask, count: int) -> None:
        for _ in range(rounds if count == calls else 1):
            await together(ask, count)

    def measure(subject: Subject) -> float:
        return cpu(subject, A_WHILE, repeated, calls, loop) / rounds

    return _in_turns(table, subjects, times, measure)


def measured(short: bool) -> list[Table]:
    """All tables of CPU; a short run has those that are bounded, and only the floor and the whole stack."""
    if short:
        pair = [FLOOR, FULL]
        tables = [sequential(loop, [*pair, RESILIENT, SHARING], 3_000, 5) for loop in LOOPS]
        return tables + [in_flight(loop, pair, 10_000, 3) for loop in LOOPS]
    everybody = [BARE, FLOOR, FULL, *ALONE, *SHARED, *TRACED, *PEERS]
    tables = [sequential(loop, everybody, 3_000, 5) for loop in LOOPS]
    crowd = [BARE, FLOOR, FULL, *TRACED, *PEERS]
    return tables + [in_flight(loop, crowd, calls, 5) for loop in LOOPS for calls in (1_000, 10_000)]
