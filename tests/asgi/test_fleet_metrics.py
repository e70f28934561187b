"""The metrics of all workers, made of what each tells the store."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ranvier.asgi.status.metrics.families import COUNTER, GAUGE, HISTOGRAM, Family, exposition
from ranvier.asgi.status.metrics.of_fleet import heartbeat_gauges, heartbeat_sums, of_fleet
from ranvier.store import MemoryStore
from ranvier.store.commands.workers import Fleet, Heartbeat, Leave, ReadFleet
from ranvier.store.protocol import Worker

pytestmark = pytest.mark.virtual_time


def families(calls: int = 0, running: float = 0) -> list[Family]:
    """What one worker counts."""
    counter = Family("ranvier_calls_total", COUNTER, "Calls.")
    counter.add({"provider": "openai", "outcome": "succeeded"}, calls)
    histogram = Family("ranvier_call_duration_seconds", HISTOGRAM, "Seconds.")
    for bound, reached in (("0.05", 0), ("10.0", calls), ("+Inf", calls)):
        histogram.add({"le": bound}, reached, "_bucket")
    histogram.add({}, 0.5 * calls, "_sum")
    histogram.add({}, calls, "_count")
    gauge = Family("ranvier_in_flight", GAUGE, "In flight.")
    gauge.add({"kind": "call"}, running)
    return [counter, histogram, gauge]


def read(shown: list[Family]) -> dict[tuple[str, str], float]:
    """What a scrape finds, by name and labels."""
    text = exposition(shown).decode()
    return {
        (
            sample.name,
            ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def fleet(*workers: list[Family], gone: list[Family] | None = None) -> Fleet:
    """What a store answers after each worker has told it that."""
    store = MemoryStore()
    session = await store.connect(Worker("reader", "here", 1, "1"), lambda change: None)
    for number, told in enumerate([*workers, *([gone] if gone else [])]):
        sums, gauges = heartbeat_sums(told), heartbeat_gauges(told)
        await session.execute([Heartbeat(f"worker-{number}", {}, sums, gauges)])
    if gone:
        await session.execute([Leave(f"worker-{len(workers)}")])
    (answer,) = await session.execute([ReadFleet()])
    assert isinstance(answer, Fleet)
    return answer


async def test_counters_of_all_workers_are_added() -> None:
    """Those of one that has ended remain, so that no counter falls."""
    shown = read(of_fleet(families(), await fleet(families(3), families(4), gone=families(5))))
    assert shown["ranvier_calls_total", "outcome=succeeded,provider=openai"] == 12
    assert shown["ranvier_call_duration_seconds_count", ""] == 12
    assert shown["ranvier_call_duration_seconds_sum", ""] == pytest.approx(6.0)
    assert shown["ranvier_call_duration_seconds_bucket", "le=0.05"] == 0
    assert shown["ranvier_call_duration_seconds_bucket", "le=+Inf"] == 12


async def test_gauges_are_shown_by_worker_and_vanish_with_it() -> None:
    """A fraction stays one."""
    told = await fleet(families(running=2), families(running=0.25), gone=families(running=7))
    shown = read(of_fleet(families(), told))
    in_flight = {labels: value for (name, labels), value in shown.items() if name == "ranvier_in_flight"}
    assert in_flight == {"kind=call,worker=worker-0": 2, "kind=call,worker=worker-1": 0.25}
    assert shown["ranvier_workers", ""] == 2
    assert shown["ranvier_store_reachable", ""] == 1


async def test_buckets_are_shown_in_the_order_of_their_bounds() -> None:
    """As the format demands; as text, +Inf would come first, and 10 before 5."""
    text = exposition(of_fleet(families(), await fleet(families(1)))).decode()
    bounds = [line.partition('le="')[2].partition('"')[0] for line in text.splitlines() if 'le="' in line]
    assert bounds == ["0.05", "10.0", "+Inf"]


def test_without_the_store_there_are_gauges_and_no_counters() -> None:
    """Those of one worker alone would fall from one scrape to the next."""
    shown = read(of_fleet(families(3, running=2), None))
    assert shown == {("ranvier_in_flight", "kind=call"): 2, ("ranvier_store_reachable", ""): 0}


async def test_series_that_nobody_knows_are_left_out() -> None:
    """As those of a worker of another version: their help and type are not known here."""
    strange = Family("ranvier_later_total", COUNTER, "Of a later version.")
    strange.add({}, 1)
    shown = read(of_fleet(families(), await fleet([*families(1), strange])))
    assert not any("later" in name for name, _ in shown)
