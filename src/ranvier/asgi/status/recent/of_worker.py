"""The recent counts of this worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ranvier.asgi.status.circuits import Overview
from ranvier.asgi.status.recent.numbers import ALL, SERIES, WINDOW, Recent, Recents
from ranvier.asgi.status.stats import Stats, TargetStats
from ranvier.events import (
    CallRejected,
    CredentialRejected,
    Event,
    FallbackTaken,
    HedgeSent,
    HedgeWithheld,
    RetryScheduled,
    RetryWithheld,
    StreamInterrupted,
    Throttled,
)

SHOWN_EVENTS: dict[str, type[Event]] = {
    "retries": RetryScheduled,
    "retries_withheld": RetryWithheld,
    "hedges": HedgeSent,
    "hedges_withheld": HedgeWithheld,
    "fallbacks": FallbackTaken,
    "rejections": CallRejected,
    "throttled": Throttled,
    "refused": CredentialRejected,
    "interrupted": StreamInterrupted,
}
"""The events that are counted for each provider, by their field in `status.json`."""


def of_worker(
    stats: Stats, providers: Iterable[str], overview: Overview, in_flight: tuple[int, int], now: float
) -> Recents:
    """The recent counts of all calls and of each provider; `in_flight` counts calls and streams."""
    calls = _counted(stats.calls, "calls", stats.started_at, now)
    rescued = sum(stats.calls.kinds("rescued", now, WINDOW).values())
    calls.happened.update(running=in_flight[0], streams=in_flight[1], rescued=rescued)
    recents = {ALL: calls}
    for name in providers:
        numbers = stats.provider(name)
        recents[name] = each = _counted(numbers, "attempts", stats.started_at, now)
        each.circuits.update(overview.states.get(name, {}))
        each.happened.update(running=numbers.running, probes_due=overview.probes_due[name])
        for field, event in SHOWN_EVENTS.items():
            each.happened[field] = sum(numbers.kinds(event.name, now, WINDOW).values())
    return recents


def _counted(numbers: TargetStats, name: str, since: float, now: float) -> Recent:
    """The recent counts in `numbers` named `name`, which began `since` then."""
    kinds = numbers.kinds(name, now, WINDOW)
    series = numbers.series(name, now, SERIES)
    return Recent(
        rate=sum(kinds.values()) / min(max(now - since, 1.0), WINDOW),
        outcomes=Counter(kinds),
        succeeded=series["succeeded"],
        failed=series["failed"],
        seconds=numbers.latency.counts(now),
        first_token=numbers.first_token.counts(now),
    )
