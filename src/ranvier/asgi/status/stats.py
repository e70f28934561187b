"""Counts a pipeline's events for operators, by provider, recent and in total, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ranvier import clock
from ranvier.asgi.status.stories import NO_INCIDENTS, Stories
from ranvier.asgi.status.tenants import Tenants
from ranvier.asgi.status.windows import Counts, Histogram, Latencies
from ranvier.events import (
    COUNTERS,
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CircuitChanged,
    CredentialLookupFailed,
    CredentialRejected,
    Event,
    LimitUsedUp,
    RegistryFull,
    SharedCircuitChanged,
    StreamInterrupted,
    Throttled,
)
from ranvier.facts.attempt import HEDGE_LOST
from ranvier.pipeline.credentials.identity import provider_in

MAX_PROVIDERS = 100
"""Maximum number of providers that are counted separately; further ones are counted as `OTHERS`."""

MAX_KINDS = 100
"""Maximum number of (name, kind) pairs that are counted separately at one provider."""

OTHERS = "others"

MAX_CHANGES = 50
"""Maximum number of unusual events that are kept."""

NEITHER = ("abandoned", *NO_INCIDENTS, HEDGE_LOST)
"""The outcomes that are neither a success nor a failure: the caller cancelled, the tenant has no key, is not
allowed or has spent its limit, or another target answered first. Any outcome but these and `succeeded` is the
kind of an error."""

TIMED = ("succeeded", "timeout", HEDGE_LOST)
"""The outcomes whose durations count as latency. Without timeouts and lost hedges, a silent provider would
look fast; the duration of an error is no evidence of speed."""

UNUSUAL: dict[type[Event], Callable[[Any], str]] = {
    CircuitChanged: lambda event: f"circuit {event.before} \u2192 {event.after}".replace("_", "-"),
    SharedCircuitChanged: lambda event: _of_shared(event),
    Throttled: lambda event: f"key {event.key} is throttled for {event.seconds:.3g} s: {event.kind}",
    LimitUsedUp: lambda event: f"key {event.key} has no {event.limits} left for {event.seconds:.3g} s",
    CredentialRejected: lambda event: f"key {event.key} was rejected: {event.kind}",
    CredentialLookupFailed: lambda event: f"the credential lookup failed: {event.kind}",
    StreamInterrupted: lambda event: f"a stream broke: {event.kind}",
    RegistryFull: lambda event: f"all {event.max_circuits} circuits are in use: a call was sent without one",
}
"""The events that the page lists, in a few words."""


def _of_shared(event: SharedCircuitChanged) -> str:
    where = event.target + (" with tenants' keys" if event.tenants_keys else "")
    mode = "" if event.mode == "enforced" else f" ({event.mode})"
    change = f"{event.before} \u2192 {event.after}".replace("_", "-")
    return f"shared circuit of {where}{mode} {change}: {event.failing} of {event.active} tenants failing"


class TargetStats:
    """Counts and latencies of one provider.

    Attributes:
        counts: Counts by name and kind: `("attempts", "overloaded")`; those of events have the event's name:
            `("retry", "overloaded")`.
        running: Attempts in flight.
        latency, first_token: Recent durations of attempts, and of streamed ones until their first content.
        durations: Durations of all attempts, by whether they succeeded.
        first_tokens: Times to first content of all streamed attempts.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], Counts] = {}
        self.running = 0
        self.latency, self.first_token = Latencies(), Latencies()
        self.durations = {True: Histogram(), False: Histogram()}
        self.first_tokens = Histogram()

    def count(self, name: str, kind: str, now: float) -> None:
        """Count one more."""
        key = (name, kind)
        if key not in self.counts and len(self.counts) >= MAX_KINDS:
            key = (name, OTHERS)
        self.counts.setdefault(key, Counts()).add(now)

    def kinds(self, name: str, now: float, seconds: int) -> dict[str, int]:
        """The counts of the last seconds, by kind."""
        recent = {kind: counts.within(now, seconds) for kind, counts in self._of(name)}
        return {kind: number for kind, number in recent.items() if number}

    def series(self, name: str, now: float, seconds: int) -> dict[str, list[int]]:
        """The successes and failures in each of the last whole seconds."""
        series = {"succeeded": [0] * seconds, "failed": [0] * seconds}
        for kind, counts in self._of(name):
            if kind not in NEITHER:
                line = series["succeeded" if kind == "succeeded" else "failed"]
                for index, number in enumerate(counts.last(now - 1.0, seconds)):
                    line[index] += number
        return series

    def _of(self, name: str) -> Iterator[tuple[str, Counts]]:
        return ((kind, counts) for (counted, kind), counts in self.counts.items() if counted == name)


@dataclass(frozen=True, slots=True)
class Change:
    """An unusual event: its time on the loop's clock, its tenant, its provider, and its description."""

    when: float
    tenant: str
    provider: str
    words: str


class Stats:
    """Listens to the events of one pipeline, and counts them.

    Attributes:
        started_at: When the counting began, on the loop's clock.
        providers: Counts and latencies by provider; `""` is for calls that were not sent anywhere.
        calls: Counts and latencies of calls at all providers together.
        changes: Unusual events, the latest last.
        stories: The stories of recent calls.
        tenants: Recent counts by tenant.
    """

    def __init__(self, slow: float) -> None:
        self.started_at = clock.now()
        self.providers: dict[str, TargetStats] = {}
        self.calls = TargetStats()
        self.changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self.stories = Stories(slow)
        self.tenants = Tenants()

    def __call__(self, event: Event) -> None:
        """Count `event`."""
        now = clock.now()
        if isinstance(event, AttemptStarted):
            self.provider(event.provider).running += 1
        elif isinstance(event, AttemptEnded):
            self._attempt_ended(event, now)
        elif isinstance(event, CallEnded):
            self._call_ended(event, now)
        elif event.name in COUNTERS:
            self.provider(event.provider).count(event.name, COUNTERS[event.name].value(event), now)
            self.tenants.happened(event, now)
            if type(event) in UNUSUAL:
                self._note(event, UNUSUAL[type(event)](event), now)

    def provider(self, provider: str) -> TargetStats:
        """The counts of `provider`, created if new; those of a tenant's own endpoint are included."""
        numbers = self.providers.get(provider)
        if numbers is None:
            name = provider_in(provider)
            if name not in self.providers and len(self.providers) >= MAX_PROVIDERS:
                name = OTHERS
            numbers = self.providers.setdefault(name, TargetStats())
        return numbers

    def _attempt_ended(self, event: AttemptEnded, now: float) -> None:
        numbers, attempt = self.provider(event.provider), event.attempt
        if numbers.running:  # it may have started before we listened
            numbers.running -= 1
        numbers.count("attempts", attempt.outcome, now)
        if attempt.outcome not in NEITHER:
            numbers.durations[attempt.outcome == "succeeded"].add(attempt.seconds)
        if attempt.outcome in TIMED:
            numbers.latency.add(now, attempt.seconds)
        if attempt.first_token is not None:
            numbers.first_token.add(now, attempt.first_token)
            numbers.first_tokens.add(attempt.first_token)

    def _call_ended(self, event: CallEnded, now: float) -> None:
        for numbers in (self.calls, self.provider(event.provider)):
            numbers.count("calls", event.outcome, now)
        if event.outcome not in NEITHER:
            self.calls.latency.add(now, event.seconds)
            self.calls.durations[event.outcome == "succeeded"].add(event.seconds)
        sort = self.stories.keep(event, now)
        self.tenants.call_ended(event.tenant, sort, now)
        if sort == "rescued":
            self.calls.count("rescued", "succeeded", now)

    def _note(self, event: Event, words: str, now: float) -> None:
        """Keep an unusual event; one that repeats the latest only updates its time."""
        tenant = "" if isinstance(event, SharedCircuitChanged) else event.tenant  # it concerns all
        change = Change(now, tenant, event.provider, words)
        latest = self.changes[-1] if self.changes else None
        if latest and (latest.tenant, latest.provider, latest.words) == (tenant, event.provider, words):
            self.changes.pop()
        self.changes.append(change)
