"""What this worker has counted lately."""

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
"""The events that are shown for each provider, by the field of `status.json`."""


def of_worker(
    stats: Stats, providers: Iterable[str], overview: Overview, under_way: tuple[int, int], now: float
) -> Recents:
    """The numbers of calls, of which so many and so many streams are in flight, and of each provider."""
    calls = _counted(stats.calls, "calls", stats.started_at, now)
    rescued = sum(stats.calls.kinds("rescued", now, WINDOW).values())
    calls.happened.update(running=under_way[0], streams=under_way[1], rescued=rescued)
    found = {ALL: calls}
    for name in providers:
        numbers = stats.provider(name)
        found[name] = each = _counted(numbers, "attempts", stats.started_at, now)
        each.circuits.update(overview.states.get(name, {}))
        each.happened.update(running=numbers.running, probes_due=overview.probes_due[name])
        for what, event in SHOWN_EVENTS.items():
            each.happened[what] = sum(numbers.kinds(event.name, now, WINDOW).values())
    return found


def _counted(numbers: TargetStats, what: str, since: float, now: float) -> Recent:
    """What ended in the last minute, of those that were counted `since` then."""
    kinds = numbers.kinds(what, now, WINDOW)
    series = numbers.series(what, now, SERIES)
    return Recent(
        rate=sum(kinds.values()) / min(max(now - since, 1.0), WINDOW),
        outcomes=Counter(kinds),
        succeeded=series["succeeded"],
        failed=series["failed"],
        seconds=numbers.latency.counts(now),
        first_token=numbers.first_token.counts(now),
    )
