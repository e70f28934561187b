"""What a pipeline's events tell, added up for operators: bounded, by provider, of late and ever."""

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
    CredentialRejected,
    Event,
    FallbackTaken,
    RegistryFull,
    RetryScheduled,
    StreamInterrupted,
    Throttled,
)

MAX_ACCOUNTS = 100
"""Providers that are told apart; all later ones are `OTHERS`."""

MAX_KINDS = 100
"""Kinds of things that are told apart at one provider."""

OTHERS = "others"

MAX_CHANGES = 50
"""Things out of the ordinary that are remembered."""

ENDED_WELL = ("succeeded", "abandoned")
"""The outcomes that are no failure; all others are the kind of an error."""

TOOK_ITS_TIME = ("succeeded", "timeout")
"""The outcomes whose time says how fast a provider is. Without the timeouts a silent one would look quick;
a refusal in two milliseconds says nothing."""


class TargetStats:
    """What has happened at one provider.

    Attributes:
        counts: How often, by what and by which kind: `("attempts", "overloaded")`.
        running: Attempts that are under way.
        latency, first_token: How long attempts took of late; to their first content, where they stream.
        durations: How long attempts ever took, by whether they succeeded.
        first_tokens: How long it ever took to the first content.
    """

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], Counts] = {}
        self.running = 0
        self.latency, self.first_token = Latencies(), Latencies()
        self.durations = {True: Histogram(), False: Histogram()}
        self.first_tokens = Histogram()

    def count(self, what: str, kind: str, now: float) -> None:
        """It has happened once more."""
        key = (what, kind)
        if key not in self.counts and len(self.counts) >= MAX_KINDS:
            key = (what, OTHERS)
        self.counts.setdefault(key, Counts()).add(now)

    def kinds(self, what: str, now: float, seconds: int) -> dict[str, int]:
        """How often in the last seconds, by kind."""
        recent = {kind: counts.within(now, seconds) for kind, counts in self._of(what)}
        return {kind: number for kind, number in recent.items() if number}

    def series(self, what: str, now: float, seconds: int) -> dict[str, list[int]]:
        """How often in each of the last whole seconds: what succeeded and what failed."""
        told = {"succeeded": [0] * seconds, "failed": [0] * seconds}
        for kind, counts in self._of(what):
            if kind != "abandoned":
                line = told["succeeded" if kind in ENDED_WELL else "failed"]
                for place, number in enumerate(counts.last(now - 1.0, seconds)):
                    line[place] += number
        return told

    def _of(self, what: str) -> Iterator[tuple[str, Counts]]:
        return ((kind, counts) for (each, kind), counts in self.counts.items() if each == what)


@dataclass(frozen=True, slots=True)
class Change:
    """Something out of the ordinary: when it was, on the loop's clock, where, and what in a few words."""

    when: float
    tenant: str
    provider: str
    words: str


class Stats:
    """A listener of one pipeline.

    Attributes:
        started_at: When it began to listen, on the loop's clock.
        accounts: What has happened, by provider; `""` is where nothing was sent.
        calls: What became of calls, wherever they went, and how long they took.
        changes: What was out of the ordinary, the latest last.
        stories: The stories of calls.
    """

    def __init__(self, slow: float) -> None:
        self.started_at = clock.now()
        self.accounts: dict[str, TargetStats] = {}
        self.calls = TargetStats()
        self.changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self.stories = Stories(slow)

    def __call__(self, event: Event) -> None:
        """Write `event` down."""
        write = _WRITERS.get(type(event))
        if write is not None:
            write(self, event, clock.now())

    def account(self, provider: str) -> TargetStats:
        """That of `provider`."""
        account = self.accounts.get(provider)
        if account is None:
            if len(self.accounts) >= MAX_ACCOUNTS:
                provider = OTHERS
            account = self.accounts.setdefault(provider, TargetStats())
        return account

    # --- attempts and calls ----------------------------------------------------------------------

    def _attempt_started(self, event: AttemptStarted, now: float) -> None:
        self.account(event.provider).running += 1

    def _attempt_ended(self, event: AttemptEnded, now: float) -> None:
        account, attempt = self.account(event.provider), event.attempt
        if account.running:  # it may have started before we listened
            account.running -= 1
        account.count("attempts", attempt.outcome, now)
        if attempt.outcome != "abandoned":
            account.durations[attempt.outcome == "succeeded"].add(attempt.seconds)
        if attempt.outcome in TOOK_ITS_TIME:
            account.latency.add(now, attempt.seconds)
        if attempt.first_token is not None:
            account.first_token.add(now, attempt.first_token)
            account.first_tokens.add(attempt.first_token)

    def _call_ended(self, event: CallEnded, now: float) -> None:
        for account in (self.calls, self.account(event.provider)):
            account.count("calls", event.outcome, now)
        if event.outcome != "abandoned":
            self.calls.latency.add(now, event.seconds)
            self.calls.durations[event.outcome == "succeeded"].add(event.seconds)
        if self.stories.keep(event, now) == "rescued":
            self.calls.count("rescued", "succeeded", now)

    # --- what else happens -----------------------------------------------------------------------

    def _retry(self, event: RetryScheduled, now: float) -> None:
        self.account(event.provider).count("retries", event.kind, now)

    def _fallback(self, event: FallbackTaken, now: float) -> None:
        self.account(event.provider).count("fallbacks", event.kind, now)

    def _rejected(self, event: CallRejected, now: float) -> None:
        self.account(event.provider).count("rejections", event.kind, now)

    def _throttled(self, event: Throttled, now: float) -> None:
        self.account(event.provider).count("throttled", event.kind, now)
        self._note(event, now, f"key {event.key} rests for {event.seconds:.3g} s: {event.kind}")

    def _credential_refused(self, event: CredentialRejected, now: float) -> None:
        self.account(event.provider).count("refused", event.kind, now)
        self._note(event, now, f"key {event.key} was refused: {event.kind}")

    def _interrupted(self, event: StreamInterrupted, now: float) -> None:
        self.account(event.provider).count("interrupted", event.kind, now)
        self._note(event, now, f"a stream broke: {event.kind}")

    def _circuit(self, event: CircuitChanged, now: float) -> None:
        self.account(event.provider).count("circuits", event.after, now)
        self._note(event, now, f"circuit {event.before} \u2192 {event.after}".replace("_", "-"))

    def _full(self, event: RegistryFull, now: float) -> None:
        self.account(event.provider).count("untracked", "registry_full", now)
        self._note(event, now, f"all {event.max_circuits} circuits are in use: a call passed without one")

    def _note(self, event: Event, now: float, words: str) -> None:
        """Remember it; the same thing again at once moves up the time of the one that is there."""
        change = Change(now, event.tenant, event.provider, words)
        latest = self.changes[-1] if self.changes else None
        if latest and (latest.tenant, latest.provider, latest.words) == (event.tenant, event.provider, words):
            self.changes.pop()
        self.changes.append(change)


_WRITERS: dict[type[Event], Callable[[Stats, Any, float], None]] = {
    AttemptStarted: Stats._attempt_started,
    AttemptEnded: Stats._attempt_ended,
    CallEnded: Stats._call_ended,
    RetryScheduled: Stats._retry,
    FallbackTaken: Stats._fallback,
    CallRejected: Stats._rejected,
    Throttled: Stats._throttled,
    CredentialRejected: Stats._credential_refused,
    StreamInterrupted: Stats._interrupted,
    CircuitChanged: Stats._circuit,
    RegistryFull: Stats._full,
}
"""What is done about each event."""
