"""An overview of a breaker's circuits that does not block the event loop: troubled circuits come first.

Reading a hundred thousand circuits takes a quarter of a second. They are read in portions, between which
calls go on. The result is cached for a short time, which is longer the longer reading took.
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

MAX_ROWS = 500
"""The maximum number of circuits to list."""

MAX_PROVIDERS = 100
"""Providers whose circuits are counted separately; all others are counted as `OTHERS`."""

OTHERS = "others"

PORTION = 1000
"""Circuits that are read in one go: two milliseconds."""

FRESH = 0.5
"""Seconds for which an overview is cached, at least."""

SHARE = 20
"""Reading circuits may take at most one part in `SHARE` of the time."""

MAX_OVERVIEWS = 8
"""Searches whose overviews are cached, and searches that may wait at a time."""

RANKS = {"open": 0, "isolated": 1, "half_open": 2, "closed": 4}
FAILING = 3
"""The rank of a circuit that is closed and counts failures."""


class TooBusyError(Exception):
    """Too many searches are waiting."""


@dataclass(slots=True)
class Overview:
    """The result of reading the circuits.

    Attributes:
        total: The number of circuits.
        matching: How many of them match the search.
        states: How many are in each state, by provider.
        probes_due: How many of the open ones would admit the next call as a probe, by provider.
        rows: Those that match, the most troubled first, `MAX_ROWS` at most.
        good_until: When to read them again, on the loop's clock.
    """

    total: int = 0
    matching: int = 0
    states: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    probes_due: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    good_until: float = 0.0

    def count(self, provider: str, seen: Any) -> None:
        """Count one circuit."""
        if provider not in self.states and len(self.states) >= MAX_PROVIDERS:
            provider = OTHERS
        self.states[provider][str(seen.state)] += 1
        if seen.state == "open" and seen.retry_after == 0:
            self.probes_due[provider] += 1

    @property
    def by_state(self) -> Counter[str]:
        """How many are in each state, at all providers."""
        return sum(self.states.values(), Counter())


EMPTY = Overview()
"""That of circuits which were not read yet."""


class CircuitViewer:
    """Reads the circuits of one pipeline."""

    def __init__(self, circuits: Any, names: Names) -> None:
        self._circuits = circuits
        self._names = names
        self._overviews: OrderedDict[str, Overview] = OrderedDict()
        self._counting = asyncio.Lock()
        self._waiting = 0
        self._refreshing: asyncio.Task[None] | None = None

    async def overview(self, search: str = "") -> Overview:
        """The circuits whose tenant or provider contains `search`, and the counts of all circuits.

        Raises:
            TooBusyError: too many searches are waiting.
        """
        if self._waiting >= MAX_OVERVIEWS:
            raise TooBusyError
        self._waiting += 1
        try:
            async with self._counting:
                overview = self._overviews.get(search)
                if overview is None or clock.now() >= overview.good_until:
                    overview = self._overviews[search] = await self._count(search)
                self._overviews.move_to_end(search)
                if len(self._overviews) > MAX_OVERVIEWS:
                    self._overviews.popitem(last=False)
                return overview
        finally:
            self._waiting -= 1

    def latest(self) -> Overview:
        """The last overview of all circuits, which may be old; it is read again in the background."""
        overview = self._overviews.get("", EMPTY)
        if clock.now() >= overview.good_until and self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
        return overview

    async def _refresh(self) -> None:
        try:
            await self.overview()
        except (TooBusyError, RuntimeError):
            pass  # because: searches come first, and the page may be served on another loop
        finally:
            self._refreshing = None

    def forget(self) -> None:
        """Read the circuits anew the next time, after a command has changed one."""
        for overview in self._overviews.values():
            overview.good_until = 0.0

    async def find(self, tenant: str, provider: str, more: tuple[str, ...]) -> Hashable | None:
        """The key of a circuit by its real names, or by the names as shown; `None` if there is none.

        A circuit whose key is not a tenant and a provider is found by what is shown as its provider.
        """
        key = (tenant, provider, *more) if tenant else provider
        if self._circuits.state(key) is not None:
            return key
        shown = (tenant, provider, list(more))
        for index, (other, _) in enumerate(self._circuits):
            if index % PORTION == 0:
                await asyncio.sleep(0)
            if self._names.circuit(other) == shown:
                found: Hashable = other
                return found
        return None

    async def _count(self, search: str) -> Overview:
        overview, took = Overview(), 0.0
        best: list[tuple[Any, ...]] = []
        circuits, started_at = iter(self._circuits), clock.now()
        while portion := list(islice(circuits, PORTION)):
            best = heapq.nsmallest(MAX_ROWS, chain(best, self._found(portion, search, overview)))
            took += clock.now() - started_at
            await asyncio.sleep(0)
            started_at = clock.now()
        overview.rows = [_row(tenant, provider, more, seen) for _, _, tenant, provider, more, _, seen in best]
        overview.good_until = clock.now() + max(FRESH, SHARE * took)
        return overview

    def _found(self, portion: Sequence[Any], search: str, overview: Overview) -> Iterator[tuple[Any, ...]]:
        """Count a portion, and yield the circuits that match, as tuples that sort troubled ones first."""
        needle = search.casefold()
        digest = digest_of(search) if search and self._names.hashed else None
        for key, seen in portion:
            tenant, provider, more = self._names.circuit(key)
            overview.total += 1
            overview.count(provider.partition("/")[0], seen)
            if needle and needle not in f"{tenant}\n{provider}".casefold() and tenant != digest:
                continue
            overview.matching += 1
            rank = RANKS[seen.state] if seen.failures == 0 or seen.state != "closed" else FAILING
            yield rank, -seen.failures, tenant, provider, more, overview.total, seen


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
