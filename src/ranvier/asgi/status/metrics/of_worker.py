"""The metrics of this process for Prometheus.

Labels are providers, outcomes and kinds of errors. Only `troubled` has a tenant as a label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from ranvier import clock
from ranvier.asgi.status.circuits import Overview
from ranvier.asgi.status.metrics.families import COUNTER, GAUGE, HISTOGRAM, Family
from ranvier.asgi.status.report import Report
from ranvier.asgi.status.stats import TargetStats
from ranvier.asgi.status.windows import Histogram
from ranvier.events import COUNTERS

STATES = ("closed", "open", "half_open", "isolated")

ENDPOINT = re.compile("@[^/ ]*")
"""The name of a tenant's own endpoint in that of a server or a target; no label may name a tenant."""

OUTCOMES = {
    "calls": ("ranvier_calls_total", "Calls that have ended, by the provider of the last attempt."),
    "attempts": ("ranvier_attempts_total", "Attempts that have ended."),
}
"""Counters by outcome: metric name and help text, by the name of the count in `Stats`. The counters of
events are in `ranvier.events.COUNTERS`."""


def families(report: Report, overview: Overview) -> list[Family]:
    """All metrics: counters and histograms, then gauges."""
    return [
        *_counters(report.stats.providers),
        *_histograms(report),
        *_gauges(report, overview),
        *_places(report),
        *_spending(report),
        *_balances(report),
        *_limits(report),
    ]


def _counters(providers: Mapping[str, TargetStats]) -> Iterator[Family]:
    for count, (name, meaning) in OUTCOMES.items():
        yield _counter(Family(name, COUNTER, meaning), "outcome", count, providers)
    for event, counter in COUNTERS.items():
        family = Family(counter.prometheus_name, COUNTER, counter.description)
        yield _counter(family, counter.label, event, providers)


def _counter(family: Family, label: str, name: str, providers: Mapping[str, TargetStats]) -> Family:
    for provider, numbers in providers.items():
        for (counted, kind), counts in numbers.counts.items():
            if counted == name:
                family.add({"provider": provider, label: kind}, counts.total)
    return family


def _histograms(report: Report) -> Iterator[Family]:
    calls = Family(
        "ranvier_call_duration_seconds", HISTOGRAM, "Duration of calls, including all attempts and waits."
    )
    for succeeded, histogram in report.stats.calls.durations.items():
        _histogram(calls, {"outcome": _outcome(succeeded)}, histogram)
    attempts = Family("ranvier_attempt_duration_seconds", HISTOGRAM, "Duration of attempts.")
    first = Family("ranvier_first_token_seconds", HISTOGRAM, "Time to first token of streamed attempts.")
    for provider, numbers in report.stats.providers.items():
        for succeeded, histogram in numbers.durations.items():
            _histogram(attempts, {"provider": provider, "outcome": _outcome(succeeded)}, histogram)
        _histogram(first, {"provider": provider}, numbers.first_tokens)
    yield from (calls, attempts, first)


def _gauges(report: Report, overview: Overview) -> Iterator[Family]:
    attempts = Family("ranvier_attempts_in_flight", GAUGE, "Attempts in flight.")
    for provider, numbers in report.stats.providers.items():
        attempts.add({"provider": provider}, numbers.running)
    calls, streams = report.in_flight
    in_flight = Family("ranvier_in_flight", GAUGE, "Calls and handed-out streams in flight.")
    in_flight.add({"kind": "call"}, calls)
    in_flight.add({"kind": "stream"}, streams)
    circuits = Family("ranvier_circuits", GAUGE, "Circuits by state; each tenant has one per provider.")
    for provider in dict.fromkeys([*report.providers, *overview.states]):
        for state in STATES:
            number = overview.states[provider][state] if provider in overview.states else 0
            circuits.add({"provider": provider, "state": state}, number)
    yield from (attempts, in_flight, circuits)


def _places(report: Report) -> Iterator[Family]:
    meanings = {
        "in_flight": "Calls with a place in a bulkhead.",
        "waiting": "Calls that wait for a place.",
        "limit": "Places, of an adaptive limit as many as were found.",
    }
    places = report.places()
    for field, meaning in meanings.items():
        family = Family(f"ranvier_bulkhead_{field}", GAUGE, meaning)
        sums: Counter[str] = Counter()
        for bulkhead in places:
            sums[ENDPOINT.sub("", bulkhead["name"])] += bulkhead[field]
        for name, number in sums.items():
            family.add({"places": name}, number)
        yield family


def _spending(report: Report) -> Iterator[Family]:
    meanings = {
        "settled": "What tenants have spent in the current window.",
        "reserved": "What attempts in flight may cost at most.",
    }
    limits = report.spending(clock.now())
    for field, meaning in meanings.items():
        family = Family(f"ranvier_spend_limit_{field}", GAUGE, meaning)
        for limit in limits:
            family.add({"unit": limit["unit"], "window": f"{limit['window']:g}"}, limit[field])
        yield family


def _balances(report: Report) -> Iterator[Family]:
    meanings = {
        "in_flight": "Calls in flight at a target of a balance.",
        "first_token": "Average time to first token there, as far as known, in seconds.",
        "share": "The share of its usual calls that it may have: 0 while it is down, 1 after its slow start.",
    }
    targets = report.balances()
    for field, meaning in meanings.items():
        unit = "_seconds" if field == "first_token" else ""
        family = Family(f"ranvier_balance_{field}{unit}", GAUGE, meaning)
        for target in targets:
            if target[field] is not None:
                family.add({"target": target["target"]}, target[field])
        yield family


def _limits(report: Report) -> Iterator[Family]:
    meanings = {
        "left": "What is left of a limit that a provider reports.",
        "waiting": "Calls that wait for it.",
    }
    limits = report.limits()
    for field, meaning in meanings.items():
        family = Family(f"ranvier_limit_{field}", GAUGE, meaning)
        for limit in limits:
            labels = {name: limit[name] for name in ("provider", "model", "key", "limit")}
            family.add(labels, limit[field])
        yield family


def troubled(overview: Overview) -> Family:
    """One sample for each circuit that is not closed, among those that the overview lists."""
    family = Family(
        "ranvier_circuit_not_closed", GAUGE, "1 for each circuit that is open, half-open or isolated."
    )
    for row in overview.rows:
        if row["state"] != "closed":
            family.add({each: row[each] for each in ("tenant", "provider", "state")}, 1)
    family.samples = list(dict.fromkeys(family.samples))  # a key may have further parts, which are no labels
    return family


def _outcome(succeeded: bool) -> str:
    return "succeeded" if succeeded else "failed"


def _histogram(family: Family, labels: Mapping[str, str], histogram: Histogram) -> None:
    reached = 0
    for bound, reached in histogram.cumulated():
        family.add({**labels, "le": bound}, reached, "_bucket")
    family.add(labels, histogram.seconds, "_sum")
    family.add(labels, reached, "_count")
