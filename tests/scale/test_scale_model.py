"""The model of the messages, in small and in virtual time, on a store in memory."""

from __future__ import annotations

import pytest

from ranvier.store.digest import digest
from scale.meter import Phase
from scale.stage import Stage

pytestmark = pytest.mark.virtual_time

WORKERS, TENANTS = 20, 400


async def played() -> dict[str, Phase]:
    """The phases of a small fleet."""
    digests = [digest(f"tenant-{number}", b"") for number in range(TENANTS)]
    phases = await Stage(WORKERS, digests, 5.0).play(20.0)
    return {each.name: each for each in phases}


async def test_a_healthy_worker_says_two_things_a_second_in_one_round_trip() -> None:
    """That it lives, and that it wants to know what is not as it should be."""
    healthy = (await played())["healthy"]
    assert set(healthy.kinds) == {"Heartbeat", "Look"}
    assert healthy.batches == pytest.approx(WORKERS, rel=0.1)
    assert healthy.commands == pytest.approx(2 * WORKERS, rel=0.1)
    assert healthy.pushes == 0


async def test_an_outage_costs_counts_until_the_circuit_opens_and_probes_from_then_on() -> None:
    """Each tenant's first failure is asked about, and all workers report what they have counted."""
    phases = await played()
    first, opened = phases["outage, first second"], phases["outage, open"]
    assert first.kinds["TenantFailed"] > WORKERS
    assert first.kinds["Count"] > WORKERS
    assert first.kinds["Alarm"] < 2 * WORKERS
    assert set(opened.kinds) <= {"Heartbeat", "Look", "Probe", "Beat", "Release"}
    assert 0 < opened.kinds["Probe"] < WORKERS


async def test_workers_come_back_to_a_store_without_data_one_after_the_other() -> None:
    """Within a second; then it is told of the outage again, and its circuit opens again."""
    phases = await played()
    first, then = phases["rejoin, first second"], phases["rejoin, then"]
    assert 0 < first.kinds["Heartbeat"] < 2 * WORKERS
    assert first.kinds["Alarm"] + then.kinds.get("Alarm", 0) > 0
    assert then.kinds["Probe"] > 0
