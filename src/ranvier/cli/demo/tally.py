"""Counts the calls of the demo twice: by the record of each call, and by the simulator's log.

The two are written at different ends of a socket, so if they agree, no request was lost, repeated or
invented.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ranvier.events import CircuitChanged, Event, FallbackTaken, HedgeSent, RetryScheduled
from ranvier.facts.attempt import Attempt
from ranvier.simulator.exchange import Exchange

_NUMBER = re.compile(r"call (\d+):")


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended: its tenant, duration, attempts, and the kind of its error."""

    number: int
    tenant: str
    seconds: float
    attempts: tuple[Attempt, ...]
    failed: str | None


class Tally:
    """Counts calls as they end, and events as they are emitted."""

    def __init__(self) -> None:
        self.calls: list[Ended] = []
        self.retries: Counter[str] = Counter()  # by provider
        self.fallbacks: Counter[str] = Counter()  # by the provider that failed
        self.hedges = 0
        self.openings: Counter[str] = Counter()  # opened circuits, by provider
        self.affected: defaultdict[str, set[str]] = defaultdict(set)  # tenants, by what affected them
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """The number of the next call, which its prompt contains."""
        return next(self._numbers)

    def ended(
        self,
        number: int,
        tenant: str,
        seconds: float,
        attempts: tuple[Attempt, ...],
        *,
        failed: str | None = None,
    ) -> None:
        """Count a call."""
        self.calls.append(Ended(number, tenant, seconds, attempts, failed))
        for attempt in attempts:
            if attempt.outcome != "succeeded":
                self.affected[f"{attempt.provider} {attempt.outcome}"].add(tenant)

    def record(self, event: Event) -> None:
        """Count an event; a listener."""
        if isinstance(event, RetryScheduled):
            self.retries[event.provider] += 1
        elif isinstance(event, FallbackTaken):
            self.fallbacks[event.provider] += 1
        elif isinstance(event, HedgeSent):
            self.hedges += 1
        elif isinstance(event, CircuitChanged) and event.after == "open":
            self.openings[event.provider] += 1
            self.affected[f"{event.provider} circuit open"].add(event.tenant)

    def skipped(self, primary: str) -> int:
        """Calls that skipped the first provider because its circuit was open."""
        return sum(1 for call in self.calls if call.attempts and call.attempts[0].provider != primary)

    @property
    def longest(self) -> float:
        """The latency of the slowest call in seconds."""
        return max((call.seconds for call in self.calls), default=0.0)

    def percentile(self, percent: int) -> float:
        """The latency percentile in seconds."""
        seconds = sorted(call.seconds for call in self.calls)
        if len(seconds) < 2:
            return seconds[0] if seconds else 0.0
        return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of the demo.

    Attributes:
        calls: The number of calls.
        rescued: Calls that succeeded although their first request failed, by the simulator's log.
        failed: Calls that failed.
        unserved: Tenants with a good key that had a failed call.
        differences: Where the records differ from the simulator's log.
    """

    calls: int
    rescued: int
    failed: int
    unserved: tuple[str, ...]
    differences: tuple[str, ...]

    def __add__(self, other: Verdict) -> Verdict:
        """The verdict on both acts together."""
        return Verdict(
            calls=self.calls + other.calls,
            rescued=self.rescued + other.rescued,
            failed=self.failed + other.failed,
            unserved=tuple(sorted({*self.unserved, *other.unserved})),
            differences=self.differences + other.differences,
        )

    @property
    def good(self) -> bool:
        """True if every tenant with a good key was served, and records and log agree."""
        return not self.unserved and not self.differences

    def __str__(self) -> str:
        return (
            f"calls {self.calls}, rescued {self.rescued}, failed {self.failed}, "
            f"healthy tenants unserved {len(self.unserved)}"
        )


Differences = Callable[[Ended, list[Exchange]], Iterable[str]]
"""Finds where the record of a call differs from its requests in the simulator's log."""


def judge(
    calls: Iterable[Ended],
    log: Iterable[Exchange],
    unlucky: str | None,
    differences: Differences | None = None,
) -> Verdict:
    """Compare the records of the calls with the simulator's log, each call by `differences`."""
    compare = differences or _differences
    seen: defaultdict[int, list[Exchange]] = defaultdict(list)
    for exchange in log:
        seen[_number_of(exchange)].append(exchange)
    calls = list(calls)
    failed = [call for call in calls if call.failed is not None]
    rescued = [call for call in calls if call.failed is None and not all(_answers(seen[call.number][:1]))]
    found = [line for call in calls for line in compare(call, seen.pop(call.number, []))]
    found += [f"call {number}: it is in the simulator's log, but has no record" for number in seen]
    return Verdict(
        calls=len(calls),
        rescued=len(rescued),
        failed=len(failed),
        unserved=tuple(sorted({call.tenant for call in failed if call.tenant != unlucky})),
        differences=tuple(found),
    )


def _answers(exchanges: Iterable[Exchange]) -> list[bool]:
    return [exchange.answered for exchange in exchanges]


def _differences(call: Ended, exchanges: list[Exchange]) -> Iterator[str]:
    recorded = [(attempt.provider, attempt.outcome == "succeeded") for attempt in call.attempts]
    logged = [(exchange.provider, exchange.answered) for exchange in exchanges]
    if recorded != logged:
        yield f"call {call.number}: the record has {recorded}, the simulator's log {logged}"
    elif (call.failed is None) != any(_answers(exchanges)):
        yield f"call {call.number}: failed={call.failed}, but the simulator's log has {logged}"


def _number_of(exchange: Exchange) -> int:
    """The number in the prompt of a request."""
    content = exchange.body["messages"][-1]["content"]
    found = _NUMBER.search(content if isinstance(content, str) else content[0]["text"])
    return int(found[1]) if found else 0
