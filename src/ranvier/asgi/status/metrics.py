"""The report as metrics for Prometheus, in text format 0.0.4.

Labels are providers, outcomes and kinds of errors; never a tenant, unless `tenant_metrics` is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ranvier import clock
from ranvier.asgi.status.circuits import Overview
from ranvier.asgi.status.report import Report
from ranvier.asgi.status.stats import TargetStats
from ranvier.asgi.status.windows import Histogram
from ranvier.events import COUNTERS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

STATES = ("closed", "open", "half_open", "isolated")

OUTCOMES = {
    "calls": ("ranvier_calls_total", "Calls that have ended, by the provider of the last attempt."),
    "attempts": ("ranvier_attempts_total", "Attempts that have ended."),
}
"""The counters by outcome, by the name of their count in `Stats`: name and help text. The others are
`ranvier.events.COUNTERS`."""


def exposition(report: Report, overview: Overview, *, by_tenant: bool) -> bytes:
    """The metrics as text."""
    lines = [
        *_counters(report.stats.providers),
        *_histograms(report),
        *_gauges(report, overview),
        *_places(report),
        *_spending(report),
        *_balances(report),
        *_limits(report),
        *(_troubled(overview) if by_tenant else ()),
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _counters(providers: Mapping[str, TargetStats]) -> Iterator[str]:
    for what, (name, meaning) in OUTCOMES.items():
        yield from _counter(name, meaning, "outcome", what, providers)
    for event, counter in COUNTERS.items():
        yield from _counter(counter.prometheus_name, counter.description, counter.label, event, providers)


def _counter(
    name: str, meaning: str, label: str, what: str, providers: Mapping[str, TargetStats]
) -> Iterator[str]:
    yield from _head(name, "counter", meaning)
    for provider, numbers in providers.items():
        for (each, kind), counts in numbers.counts.items():
            if each == what:
                yield _sample(name, {"provider": provider, label: kind}, counts.total)


def _histograms(report: Report) -> Iterator[str]:
    name = "ranvier_call_duration_seconds"
    yield from _head(name, "histogram", "Duration of calls, including all attempts and waits.")
    for succeeded, histogram in report.stats.calls.durations.items():
        yield from _histogram(name, {"outcome": _outcome(succeeded)}, histogram)
    name = "ranvier_attempt_duration_seconds"
    yield from _head(name, "histogram", "Duration of attempts.")
    for provider, numbers in report.stats.providers.items():
        for succeeded, histogram in numbers.durations.items():
            yield from _histogram(name, {"provider": provider, "outcome": _outcome(succeeded)}, histogram)
    name = "ranvier_first_token_seconds"
    yield from _head(name, "histogram", "Time to first token of streamed attempts.")
    for provider, numbers in report.stats.providers.items():
        yield from _histogram(name, {"provider": provider}, numbers.first_tokens)


def _gauges(report: Report, overview: Overview) -> Iterator[str]:
    yield from _head("ranvier_attempts_in_flight", "gauge", "Attempts in flight.")
    for provider, numbers in report.stats.providers.items():
        yield _sample("ranvier_attempts_in_flight", {"provider": provider}, numbers.running)
    calls, streams = report.in_flight
    yield from _head("ranvier_in_flight", "gauge", "Calls and handed-out streams in flight.")
    yield _sample("ranvier_in_flight", {"kind": "call"}, calls)
    yield _sample("ranvier_in_flight", {"kind": "stream"}, streams)
    yield from _head("ranvier_circuits", "gauge", "Circuits by state; each tenant has one per provider.")
    for provider in dict.fromkeys([*report.providers, *overview.states]):
        for state in STATES:
            number = overview.states[provider][state] if provider in overview.states else 0
            yield _sample("ranvier_circuits", {"provider": provider, "state": state}, number)


def _places(report: Report) -> Iterator[str]:
    meanings = {
        "in_flight": "Calls with a place in a bulkhead.",
        "waiting": "Calls that wait for a place.",
        "limit": "Places, of an adaptive limit as many as were found.",
    }
    places = report.places()
    for what, meaning in meanings.items():
        yield from _head(f"ranvier_bulkhead_{what}", "gauge", meaning)
        for each in places:
            yield _sample(f"ranvier_bulkhead_{what}", {"places": each["name"]}, each[what])


def _spending(report: Report) -> Iterator[str]:
    meanings = {
        "settled": "What tenants have spent in the current window.",
        "reserved": "What attempts in flight may cost at most.",
    }
    limits = report.spending(clock.now())
    for what, meaning in meanings.items():
        yield from _head(f"ranvier_spend_limit_{what}", "gauge", meaning)
        for each in limits:
            labels = {"unit": each["unit"], "window": f"{each['window']:g}"}
            yield _sample(f"ranvier_spend_limit_{what}", labels, each[what])


def _balances(report: Report) -> Iterator[str]:
    meanings = {
        "in_flight": "Calls in flight at a target of a balance.",
        "first_token": "Average time to first token there, as far as known, in seconds.",
        "share": "The share of its usual calls that it may have: 0 while it is down, 1 after its slow start.",
    }
    targets = report.balances()
    for what, meaning in meanings.items():
        name = f"ranvier_balance_{what}{'_seconds' if what == 'first_token' else ''}"
        yield from _head(name, "gauge", meaning)
        for each in targets:
            if each[what] is not None:
                yield _sample(name, {"target": each["target"]}, each[what])


def _limits(report: Report) -> Iterator[str]:
    meanings = {
        "left": "What is left of a limit that a provider reports.",
        "waiting": "Calls that wait for it.",
    }
    limits = report.limits()
    for what, meaning in meanings.items():
        yield from _head(f"ranvier_limit_{what}", "gauge", meaning)
        for each in limits:
            labels = {name: each[name] for name in ("provider", "model", "key", "limit")}
            yield _sample(f"ranvier_limit_{what}", labels, each[what])


def _troubled(overview: Overview) -> Iterator[str]:
    """One sample for each circuit that is not closed, among those that the overview lists."""
    name = "ranvier_circuit_not_closed"
    yield from _head(name, "gauge", "1 for each circuit that is open, half-open or isolated.")
    seen = set()
    for row in overview.rows:
        labels = {each: row[each] for each in ("tenant", "provider", "state")}
        if row["state"] != "closed" and (line := _sample(name, labels, 1)) not in seen:
            seen.add(line)
            yield line


# --- the format ----------------------------------------------------------------------------------


def _outcome(succeeded: bool) -> str:
    return "succeeded" if succeeded else "failed"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, labels: Mapping[str, str], histogram: Histogram) -> Iterator[str]:
    reached = 0
    for bound, reached in histogram.cumulated():
        yield _sample(f"{name}_bucket", {**labels, "le": bound}, reached)
    yield _sample(f"{name}_sum", labels, histogram.seconds)
    yield _sample(f"{name}_count", labels, reached)


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    return f"{name}{{{','.join(_pairs(labels.items()))}}} {value}"


def _pairs(labels: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, value in labels:
        escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        yield f'{name}="{escaped}"'
