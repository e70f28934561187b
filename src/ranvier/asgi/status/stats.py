"""Counts a pipeline's events for operators: by provider, recent and in total, bounded in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ranvier import clock
from ranvier.asgi.status.stories import Stories
from ranvier.asgi.status.windows import Counts, Histogram, Latencies
from ranvier.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallRejected,
    CircuitChanged,
    CredentialLookupFailed,
    CredentialRejected,
    Event,
    FallbackTaken,
    RegistryFull,
    RetryScheduled,
    StreamInterrupted,
    Throttled,
)

MAX_PROVIDERS = 100
"""Providers that are counted separately; all later ones are counted as `OTHERS`."""

MAX_KINDS = 100
"""Kinds that are counted separately at one provider."""

OTHERS = "others"

MAX_CHANGES = 50
"""Unusual events that are kept."""

ENDED_WELL = ("succeeded", "abandoned")
"""The outcomes that are no failure; all others are the kind of an error."""

TIMED = ("succeeded", "timeout")
"""The outcomes whose duration shows how fast a provider is. Without timeouts a silent provider would look
fast; an error after two milliseconds shows nothing."""


class TargetStats:
    """Counts and latencies of one provider.

    Attributes:
        counts: How often each thing happened, by its name and kind: `("attempts", "overloaded")`.
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

    def count(self, what: str, kind: str, now: float) -> None:
        """Count one more."""
        key = (what, kind)
        if key not in self.counts and len(self.counts) >= MAX_KINDS:
            key = (what, OTHERS)
        self.counts.setdefault(key, Counts()).add(now)

    def kinds(self, what: str, now: float, seconds: int) -> dict[str, int]:
        """The counts of the last seconds, by kind."""
        recent = {kind: counts.within(now, seconds) for kind, counts in self._of(what)}
        return {kind: number for kind, number in recent.items() if number}

    def series(self, what: str, now: float, seconds: int) -> dict[str, list[int]]:
        """The successes and failures in each of the last whole seconds."""
        series = {"succeeded": [0] * seconds, "failed": [0] * seconds}
        for kind, counts in self._of(what):
            if kind != "abandoned":
                line = series["succeeded" if kind in ENDED_WELL else "failed"]
                for index, number in enumerate(counts.last(now - 1.0, seconds)):
                    line[index] += number
        return series

    def _of(self, what: str) -> Iterator[tuple[str, Counts]]:
        return ((kind, counts) for (each, kind), counts in self.counts.items() if each == what)


@dataclass(frozen=True, slots=True)
class Change:
    """An unusual event: when it happened on the loop's clock, where, and what in a few words."""

    when: float
    tenant: str
    provider: str
    words: str


class Stats:
    """A listener of one pipeline.

    Attributes:
        started_at: When it began to listen, on the loop's clock.
        providers: Counts and latencies by provider; `""` is for calls that were not sent anywhere.
        calls: Counts and latencies of calls at all providers together.
        changes: Unusual events, the latest last.
        stories: The stories of calls.
    """

    def __init__(self, slow: float) -> None:
        self.started_at = clock.now()
        self.providers: dict[str, TargetStats] = {}
        self.calls = TargetStats()
        self.changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self.stories = Stories(slow)

    def __call__(self, event: Event) -> None:
        """Count `event`."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, clock.now())

    def provider(self, provider: str) -> TargetStats:
        """The counts of `provider`, created if new."""
        numbers = self.providers.get(provider)
        if numbers is None:
            if len(self.providers) >= MAX_PROVIDERS:
                provider = OTHERS
            numbers = self.providers.setdefault(provider, TargetStats())
        return numbers

    # --- attempts and calls ----------------------------------------------------------------------

    def _attempt_started(self, event: AttemptStarted, now: float) -> None:
        self.provider(event.provider).running += 1

    def _attempt_ended(self, event: AttemptEnded, now: float) -> None:
        numbers, attempt = self.provider(event.provider), event.attempt
        if numbers.running:  # it may have started before we listened
            numbers.running -= 1
        numbers.count("attempts", attempt.outcome, now)
        if attempt.outcome != "abandoned":
            numbers.durations[attempt.outcome == "succeeded"].add(attempt.seconds)
        if attempt.outcome in TIMED:
            numbers.latency.add(now, attempt.seconds)
        if attempt.first_token is not None:
            numbers.first_token.add(now, attempt.first_token)
            numbers.first_tokens.add(attempt.first_token)

    def _call_ended(self, event: CallEnded, now: float) -> None:
        for numbers in (self.calls, self.provider(event.provider)):
            numbers.count("calls", event.outcome, now)
        if event.outcome != "abandoned":
            self.calls.latency.add(now, event.seconds)
            self.calls.durations[event.outcome == "succeeded"].add(event.seconds)
        if self.stories.keep(event, now) == "rescued":
            self.calls.count("rescued", "succeeded", now)

    # --- other events ----------------------------------------------------------------------------

    def _retry(self, event: RetryScheduled, now: float) -> None:
        self.provider(event.provider).count("retries", event.kind, now)

    def _fallback(self, event: FallbackTaken, now: float) -> None:
        self.provider(event.provider).count("fallbacks", event.kind, now)

    def _rejected(self, event: CallRejected, now: float) -> None:
        self.provider(event.provider).count("rejections", event.kind, now)

    def _throttled(self, event: Throttled, now: float) -> None:
        self.provider(event.provider).count("throttled", event.kind, now)
        self._note(event, now, f"key {event.key} is throttled for {event.seconds:.3g} s: {event.kind}")

    def _credential_rejected(self, event: CredentialRejected, now: float) -> None:
        self.provider(event.provider).count("refused", event.kind, now)
        self._note(event, now, f"key {event.key} was rejected: {event.kind}")

    def _lookup_failed(self, event: CredentialLookupFailed, now: float) -> None:
        self.provider(event.provider).count("lookups_failed", event.cause, now)
        self._note(event, now, f"the credentials resolver failed: {event.cause}")

    def _interrupted(self, event: StreamInterrupted, now: float) -> None:
        self.provider(event.provider).count("interrupted", event.kind, now)
        self._note(event, now, f"a stream broke: {event.kind}")

    def _circuit(self, event: CircuitChanged, now: float) -> None:
        self.provider(event.provider).count("circuits", event.after, now)
        self._note(event, now, f"circuit {event.before} \u2192 {event.after}".replace("_", "-"))

    def _full(self, event: RegistryFull, now: float) -> None:
        self.provider(event.provider).count("untracked", "registry_full", now)
        self._note(event, now, f"all {event.max_circuits} circuits are in use: a call was sent without one")

    def _note(self, event: Event, now: float, words: str) -> None:
        """Keep a change; if it repeats the latest one, only update the time of that one."""
        change = Change(now, event.tenant, event.provider, words)
        latest = self.changes[-1] if self.changes else None
        if latest and (latest.tenant, latest.provider, latest.words) == (event.tenant, event.provider, words):
            self.changes.pop()
        self.changes.append(change)


_HANDLERS: dict[type[Event], Callable[[Stats, Any, float], None]] = {
    AttemptStarted: Stats._attempt_started,
    AttemptEnded: Stats._attempt_ended,
    CallEnded: Stats._call_ended,
    RetryScheduled: Stats._retry,
    FallbackTaken: Stats._fallback,
    CallRejected: Stats._rejected,
    Throttled: Stats._throttled,
    CredentialRejected: Stats._credential_rejected,
    CredentialLookupFailed: Stats._lookup_failed,
    StreamInterrupted: Stats._interrupted,
    CircuitChanged: Stats._circuit,
    RegistryFull: Stats._full,
}
"""The handler of each event."""
