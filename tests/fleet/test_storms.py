"""Storms: four workers with every layer, calls of every kind, and a store that is lost, slow and emptied."""

import asyncio
import gc
import os
import warnings
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ranvier.store.commands.circuits import Beat
from ranvier.testing import assert_settled, run
from support.fleet.stacks import COOLDOWN
from support.fleet.storm import DOWN, FINE, STEPS, TARGETS, TENANTS, Storm

STORMS = int(os.environ.get("RANVIER_STORMS", "0"))
"""How many storms there are, other ones each time; without it a few, always the same."""

KINDS = ["call"] * 12 + ["pause"] * 4 + ["mood"] * 3 + ["trouble"] * 2 + [*STEPS]

Steps = list[tuple[str, int]]


async def blow(storm: Storm, steps: Steps) -> None:
    for worker in storm.workers:
        await worker.__aenter__()
    for kind, number in steps:
        await storm.step(kind, number)
        await asyncio.sleep(0)
    await storm.calm()


def check_nothing_is_left(storm: Storm) -> None:
    """Permits, places, tokens, reservations, streams and leases."""
    assert storm.books.wrong == []
    assert storm.books.unpaid() == []
    for worker in storm.workers:
        assert_settled(worker)
        member: Any = worker.lifecycle.joining.member
        assert member.governs
        assert member.workers == len(storm.workers)
        assert not [command for command, _ in member.beats() if isinstance(command, Beat)]
    for providers in storm.providers:
        assert [each.in_progress for each in providers] == [0, 0, 0]


async def check_all_is_well_again(storm: Storm) -> None:
    """All circuits close, and every tenant that may spend is served."""
    for _ in range(3):
        await storm.offer(15, "someone new")
        for tenant in TENANTS[3:]:
            for number in range(len(storm.workers)):
                await storm.ask(number, tenant)
    assert [storm.states(target) <= {"closed"} for target in TARGETS] == [True] * 3
    await check_circuits_of_tenants(storm)


async def check_circuits_of_tenants(storm: Storm) -> None:
    """Those to whose targets nobody happened to be sent are asked for a probe."""
    for worker in storm.workers:
        for tenant, target in [key for key, seen in worker.circuits if seen.state != "closed"]:
            for _ in range(3):
                await worker.complete("Why?", tenant=tenant, to=f"{target}/m", max_tokens=1)
    assert {seen.state for worker in storm.workers for _, seen in worker.circuits} <= {"closed"}


async def check_an_outage(storm: Storm) -> None:
    """One probe for each cooldown of all workers together, and then the circuit closes for all."""
    storm.moods["c"] = FINE
    storm.moods["a"] = storm.moods["b"] = DOWN
    for number in range(len(storm.workers)):
        for tenant in range(8):
            await storm.ask(number, f"voter {number} {tenant}")
    await asyncio.sleep(0.1)
    assert storm.states("a") == {"open"}
    before = len(storm.books.requests)
    await storm.offer(60, "after it")
    sent = [target for _, target, _ in storm.books.requests[before:]]
    assert sent.count("a") <= 60 / COOLDOWN
    storm.moods["a"] = storm.moods["b"] = FINE
    await storm.offer(45, "when it is over")
    for number, worker in enumerate(storm.workers):  # a `Balance` may have had no need of it
        await worker.complete("Why?", tenant=f"probe {number}", to="a/m")
    await asyncio.sleep(0.1)
    assert storm.states("a") == {"closed"}


async def live_through(steps: Steps) -> None:
    storm = Storm()
    try:
        await blow(storm, steps)
        check_nothing_is_left(storm)
        await check_all_is_well_again(storm)
        await check_an_outage(storm)
        await asyncio.sleep(130)
        check_nothing_is_left(storm)
    finally:
        for worker in storm.workers:
            await worker.aclose(drain=0)
    assert repr(storm.store.memory) == "MemoryStore(0 workers)"


@settings(
    max_examples=STORMS or 10,
    derandomize=not STORMS,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 999)), min_size=80, max_size=160))
def test_after_any_storm_nothing_is_left_and_all_is_well_again(steps: Steps) -> None:
    """What was asked was answered or failed for a reason, and nobody has spent more than they may."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # streams that are dropped tell their owners
        run(live_through(steps))
        gc.collect()
