"""The circuits of a breaker, looked at without stopping anything: troubled ones first, and never all of them.

A hundred thousand circuits take a quarter of a second to look at. They are looked at in portions, between
which the calls go on; what was seen is shown to everybody who asks in the next moment; and the more it
takes, the longer that moment is.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from ranvier import clock
from ranvier.asgi.status.names import Names
from ranvier.tenancy import digest_of

MOST_ROWS = 500
"""Circuits that are told one by one, at most."""

MOST_PROVIDERS = 100
"""Providers whose circuits are counted apart; all others together."""

OTHERS = "others"

PORTION = 1000
"""Circuits looked at in one go: two milliseconds."""

FRESH = 0.5
"""Seconds for which a look is good, at least."""

SHARE = 20
"""Looking may take one part in so many of the time."""

MOST_LOOKS = 8
"""Searches whose findings are remembered; as many may wait for theirs."""

RANKS = {"open": 0, "isolated": 1, "half_open": 2, "closed": 4}
FAILING = 3
"""The rank of a circuit that is closed and counts failures."""


class TooBusyError(Exception):
    """More searches than can be served."""


@dataclass(slots=True)
class Look:
    """What was seen.

    Attributes:
        total: How many circuits there are.
        matching: How many of them were searched for.
        states: How many there are in each state, by provider.
        probes_due: Of the open ones, those that the next call may probe, by provider.
        rows: Those searched for, the most troubled first, `MOST_ROWS` at most.
        good_until: When to look again, on the loop's clock.
    """

    total: int = 0
    matching: int = 0
    states: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    probes_due: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    good_until: float = 0.0

    def count(self, provider: str, seen: Any) -> None:
        """One more is in that state."""
        if provider not in self.states and len(self.states) >= MOST_PROVIDERS:
            provider = OTHERS
        self.states[provider][str(seen.state)] += 1
        if seen.state == "open" and seen.retry_after == 0:
            self.probes_due[provider] += 1

    @property
    def by_state(self) -> Counter[str]:
        """How many are in each state, wherever."""
        return sum(self.states.values(), Counter())


class CircuitViewer:
    """Looks at the circuits of one pipeline."""

    def __init__(self, circuits: Any, names: Names) -> None:
        self._circuits = circuits
        self._names = names
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._looking = asyncio.Lock()
        self._waiting = 0

    async def look(self, search: str = "") -> Look:
        """The circuits whose tenant or provider contains `search`, and the numbers of all.

        Raises:
            TooBusyError: too many others wait for what they search.
        """
        if self._waiting >= MOST_LOOKS:
            raise TooBusyError
        self._waiting += 1
        try:
            async with self._looking:
                look = self._looks.get(search)
                if look is None or clock.now() >= look.good_until:
                    look = self._looks[search] = await self._look(search)
                self._looks.move_to_end(search)
                if len(self._looks) > MOST_LOOKS:
                    self._looks.popitem(last=False)
                return look
        finally:
            self._waiting -= 1

    def forget(self) -> None:
        """Something was changed: the next look is a new one."""
        self._looks.clear()

    async def find(self, tenant: str, provider: str, more: tuple[str, ...]) -> Hashable | None:
        """The key of a circuit by its names as they are, or as they are shown; `None` if there is none.

        One whose key is not made of a tenant and a provider is found by what is shown as its provider.
        """
        key = (tenant, provider, *more) if tenant else provider
        if self._circuits.state(key) is not None:
            return key
        shown = (tenant, provider, list(more))
        for place, (other, _) in enumerate(self._circuits):
            if place % PORTION == 0:
                await asyncio.sleep(0)
            if self._names.circuit(other) == shown:
                found: Hashable = other
                return found
        return None

    async def _look(self, search: str) -> Look:
        look, took = Look(), 0.0
        best: list[tuple[Any, ...]] = []
        walk, began = iter(self._circuits), clock.now()
        while portion := list(islice(walk, PORTION)):
            best = heapq.nsmallest(MOST_ROWS, chain(best, self._found(portion, search, look)))
            took += clock.now() - began
            await asyncio.sleep(0)
            began = clock.now()
        look.rows = [_row(tenant, provider, more, seen) for _, _, tenant, provider, more, _, seen in best]
        look.good_until = clock.now() + max(FRESH, SHARE * took)
        return look

    def _found(self, portion: Sequence[Any], search: str, look: Look) -> Iterator[tuple[Any, ...]]:
        """Of a portion, what is searched for, in an order that puts trouble first; all of it is counted."""
        needle = search.casefold()
        digest = digest_of(search) if search and self._names.hashed else None
        for key, seen in portion:
            tenant, provider, more = self._names.circuit(key)
            look.total += 1
            look.count(provider.partition("/")[0], seen)
            if needle and needle not in f"{tenant}\n{provider}".casefold() and tenant != digest:
                continue
            look.matching += 1
            rank = RANKS[seen.state] if seen.failures == 0 or seen.state != "closed" else FAILING
            yield rank, -seen.failures, tenant, provider, more, look.total, seen


def _row(tenant: str, provider: str, more: list[str], seen: Any) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "provider": provider,
        "more": more,
        "state": str(seen.state),
        "failures": seen.failures,
        "in_flight": seen.in_flight,
        "opens": seen.total_opens,
        "retry_after": seen.retry_after,
    }
