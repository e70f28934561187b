"""What happened in the demo, counted twice: by the record of each call, and by the simulator's log.

The two are kept by different programs on different ends of a socket, so where they agree, nothing
was lost, repeated or made up.
"""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ranvier.events import CircuitChanged, Event, FallbackTaken, RetryScheduled
from ranvier.facts.attempt import Attempt
from ranvier.simulator.exchange import Exchange

_NUMBER = re.compile(r"call (\d+):")


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that has ended: whose, how long it took, what was tried, and the kind of its error."""

    number: int
    tenant: str
    seconds: float
    attempts: tuple[Attempt, ...]
    failed: str | None


class Tally:
    """Counts calls as they end, and events as they are heard."""

    def __init__(self) -> None:
        self.calls: list[Ended] = []
        self.retries: Counter[str] = Counter()  # by provider
        self.fallbacks: Counter[str] = Counter()  # by the provider that was left
        self.openings: Counter[str] = Counter()  # of circuits, by provider
        self.touched: defaultdict[str, set[str]] = defaultdict(set)  # tenants, by what they met
        self._numbers = itertools.count(1)

    def next_number(self) -> int:
        """A number for the next call; its prompt bears it."""
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
                self.touched[f"{attempt.provider} {attempt.outcome}"].add(tenant)

    def heard(self, event: Event) -> None:
        """Count an event; a listener."""
        if isinstance(event, RetryScheduled):
            self.retries[event.provider] += 1
        elif isinstance(event, FallbackTaken):
            self.fallbacks[event.provider] += 1
        elif isinstance(event, CircuitChanged) and event.after == "open":
            self.openings[event.provider] += 1
            self.touched[f"{event.provider} circuit open"].add(event.tenant)

    def spared(self, primary: str) -> int:
        """Calls that went straight to another provider, because the circuit of the first was open."""
        return sum(1 for call in self.calls if call.attempts and call.attempts[0].provider != primary)

    def percentile(self, percent: int) -> float:
        """So many percent of the calls took at most this many seconds."""
        seconds = sorted(call.seconds for call in self.calls)
        if len(seconds) < 2:
            return seconds[0] if seconds else 0.0
        return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it.

    Attributes:
        calls: How many calls there were.
        rescued: Answered, though by the simulator's log their first request failed.
        failed: Not answered.
        unserved: Tenants with a good key who had a call that was not answered.
        differences: Where the records and the simulator's log do not agree.
    """

    calls: int
    rescued: int
    failed: int
    unserved: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def good(self) -> bool:
        """True where everybody with a good key was served and the books balance."""
        return not self.unserved and not self.differences

    def __str__(self) -> str:
        return (
            f"calls {self.calls}, rescued {self.rescued}, failed {self.failed}, "
            f"healthy tenants unserved {len(self.unserved)}"
        )


def judge(calls: Iterable[Ended], log: Iterable[Exchange], unlucky: str) -> Verdict:
    """Hold the records of the calls against the simulator's log."""
    seen: defaultdict[int, list[Exchange]] = defaultdict(list)
    for exchange in log:
        seen[_number_of(exchange)].append(exchange)
    calls = list(calls)
    failed = [call for call in calls if call.failed is not None]
    rescued = [call for call in calls if call.failed is None and not all(_answers(seen[call.number][:1]))]
    differences = [line for call in calls for line in _differences(call, seen.pop(call.number))]
    differences += [f"call {number}: the simulator saw it, and no record tells of it" for number in seen]
    return Verdict(
        calls=len(calls),
        rescued=len(rescued),
        failed=len(failed),
        unserved=tuple(sorted({call.tenant for call in failed} - {unlucky})),
        differences=tuple(differences),
    )


def _answers(exchanges: Iterable[Exchange]) -> list[bool]:
    return [exchange.answered for exchange in exchanges]


def _differences(call: Ended, exchanges: list[Exchange]) -> Iterable[str]:
    told = [(attempt.provider, attempt.outcome == "succeeded") for attempt in call.attempts]
    saw = [(exchange.provider, exchange.answered) for exchange in exchanges]
    if told != saw:
        yield f"call {call.number}: the record says {told}, the simulator saw {saw}"
    elif (call.failed is None) != any(_answers(exchanges)):
        yield f"call {call.number}: failed={call.failed}, and the simulator saw {saw}"


def _number_of(exchange: Exchange) -> int:
    """The number in the prompt of a request."""
    content = exchange.body["messages"][-1]["content"]
    found = _NUMBER.search(content if isinstance(content, str) else content[0]["text"])
    return int(found[1]) if found else 0
