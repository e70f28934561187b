"""The metrics of all workers that share a store: counters summed, gauges by worker.

Each worker sends its counters to the store as whole numbers (seconds as microseconds), and the store adds
them up. So every worker returns the same counters, and they do not fall when a worker ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ranvier.asgi.status.metrics.families import COUNTER, GAUGE, HISTOGRAM, Family, Sample, labelled
from ranvier.store.commands.workers import Fleet

MICRO = 1_000_000
"""The store holds whole numbers: fractional values are sent in millionths."""

SUM = "_seconds_sum{"
"""Marks the series of a histogram's sum, whose value is in seconds."""

WORKERS = Family("ranvier_workers", GAUGE, "Workers that share the store and live.")
REACHABLE = Family("ranvier_store_reachable", GAUGE, "1 if the worker that answers can reach the store.")


def heartbeat_sums(families: Iterable[Family]) -> dict[str, int]:
    """The values of counters and histograms for the heartbeat, by series; seconds in millionths."""
    return {
        series: round(value * MICRO) if SUM in series else int(value)
        for family in families
        if family.kind != GAUGE
        for series, value in family.samples
    }


def heartbeat_gauges(families: Iterable[Family]) -> dict[str, int]:
    """The values of gauges for the heartbeat, by series, in millionths."""
    return {
        series: round(value * MICRO)
        for family in families
        if family.kind == GAUGE
        for series, value in family.samples
    }


def of_fleet(own: Iterable[Family], fleet: Fleet | None) -> list[Family]:
    """The metrics of all workers, in the same families as this worker's `own`.

    If the store does not answer (`fleet` is `None`), only this worker's gauges are returned. Its counters
    alone would be lower than the sums of the previous scrape.
    """
    known = {family.name: Family(family.name, family.kind, family.meaning) for family in own}
    reachable = Family(REACHABLE.name, GAUGE, REACHABLE.meaning)
    reachable.add({}, int(fleet is not None))
    if fleet is None:
        return [*(family for family in own if family.kind == GAUGE), reachable]
    workers = Family(WORKERS.name, GAUGE, WORKERS.meaning)
    workers.add({}, fleet.live)
    _add_sums(known, fleet.sums)
    for each in fleet.workers:
        _add_gauges(known, each.gauges, each.worker[:8])
    return [*known.values(), workers, reachable]


def _add_sums(known: Mapping[str, Family], sums: Mapping[str, int]) -> None:
    for series, value in sorted(sums.items(), key=_order):
        family = known.get(_name(series, known))
        if family is not None:
            family.samples.append(Sample(series, value / MICRO if SUM in series else value))


def _add_gauges(known: Mapping[str, Family], gauges: Mapping[str, int], worker: str) -> None:
    """The gauges of one worker, with its id as one more label."""
    label = labelled({"worker": worker})[:-1]
    for series, value in sorted(gauges.items()):
        name, _, labels = series.partition("{")
        if name in known:
            rest = "}" if labels == "}" else f",{labels}"
            known[name].samples.append(Sample(f"{name}{label}{rest}", value / MICRO))


def _order(sample: tuple[str, int]) -> tuple[str, float, str]:
    """The sort key of a series: histogram buckets by their bounds, other series by name."""
    series = sample[0]
    before, _, bound = series.partition('le="')
    return before, float(bound.partition('"')[0]) if bound else 0.0, series


def _name(series: str, known: Mapping[str, Family]) -> str:
    """The name of the family to which a series belongs."""
    name = series.partition("{")[0]
    for suffix in ("_bucket", "_sum", "_count"):
        whole = name.removesuffix(suffix)
        if whole != name and whole in known and known[whole].kind == HISTOGRAM:
            return whole
    return name if name in known and known[name].kind == COUNTER else ""
