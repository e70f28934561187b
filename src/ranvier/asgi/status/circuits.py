"""An overview of a breaker's circuits that does not block the event loop: troubled circuits come first.

Reading a hundred thousand circuits takes a quarter of a second, so they are read in portions, and calls
continue in between. The result is cached for at least `FRESH` seconds, or `SHARE` times the reading time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from ranvier import clock
from ranvier.asgi.status.names import Names
from ranvier.asgi.status.recent.portions import PORTION
from ranvier.asgi.status.stats import MAX_PROVIDERS, OTHERS
from ranvier.pipeline.credentials.identity import provider_in
from ranvier.tenancy import digest_of

MAX_ROWS = 500
"""The maximum number of circuits to list."""

FRESH = 0.5
"""The minimum time to cache an overview, in seconds."""

SHARE = 20
"""Reading circuits takes at most one part in `SHARE` of the process's time."""

MAX_OVERVIEWS = 8
"""Maximum number of overviews that are cached, and of different searches that wait at a time."""

RANKS = {"open": 0, "isolated": 1, "half_open": 2, "closed": 4}
FAILING = 3
"""The rank of a circuit that is closed and counts failures."""


class TooBusyError(Exception):
    """Too many different searches are waiting."""


@dataclass(slots=True)
class Overview:
    """The result of reading the circuits.

    Attributes:
        total: The number of circuits.
        matching: The number of circuits that match the search.
        states: The number of circuits in each state, by provider.
        probes_due: The number of open circuits that would admit the next call as a probe, by provider.
        rows: The circuits that match, the most troubled first; at most `MAX_ROWS`.
        good_until: When the overview expires, on the loop's clock.
    """

    total: int = 0
    matching: int = 0
    states: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    probes_due: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    good_until: float = 0.0

    def count(self, provider: str, circuit: Any) -> None:
        """Count one circuit of `provider`, or of `OTHERS`."""
        if provider not in self.states and len(self.states) >= MAX_PROVIDERS:
            provider = OTHERS
        self.states[provider][str(circuit.state)] += 1
        if circuit.state == "open" and circuit.retry_after == 0:
            self.probes_due[provider] += 1

    @property
    def by_state(self) -> Counter[str]:
        """The number of circuits in each state, over all providers."""
        return sum(self.states.values(), Counter())


EMPTY = Overview()
"""The overview before the circuits are read for the first time."""


class CircuitViewer:
    """Reads the circuits of one pipeline, and counts them by `providers`."""

    def __init__(self, circuits: Any, names: Names, providers: Iterable[str]) -> None:
        self._circuits = circuits
        self._names = names
        self._providers = frozenset(providers)
        self._overviews: OrderedDict[str, Overview] = OrderedDict()
        self._counting = asyncio.Lock()
        self._waiting: Counter[str] = Counter()  # how many wait, by search
        self._refreshing: asyncio.Task[None] | None = None

    async def overview(self, search: str = "") -> Overview:
        """The circuits whose tenant or provider contains `search`, and the counts of all circuits.

        Raises:
            TooBusyError: too many different searches are waiting.
        """
        if search and search not in self._waiting and len(self._waiting) >= MAX_OVERVIEWS:
            raise TooBusyError
        self._waiting[search] += 1
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
            self._waiting[search] -= 1
            if not self._waiting[search]:
                del self._waiting[search]

    def latest(self) -> Overview:
        """The cached overview of all circuits; if it has expired, it is also renewed in the background."""
        overview = self._overviews.get("", EMPTY)
        if clock.now() >= overview.good_until and self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
        return overview

    async def _refresh(self) -> None:
        try:
            await self.overview()
        except RuntimeError:
            pass  # because: the page may be served on another loop
        finally:
            self._refreshing = None

    def forget(self) -> None:
        """Expire all overviews, because a command has changed a circuit."""
        for overview in self._overviews.values():
            overview.good_until = 0.0

    async def find(self, tenant: str, provider: str, more: tuple[str, ...]) -> Hashable | None:
        """The key of a circuit, by its real names or by the names on the page; `None` if there is none.

        A circuit with a custom key (not tenant and provider) is found by the text shown as its provider.
        """
        key = (tenant, provider, *more) if tenant else provider
        if self._circuits.state(key) is not None:
            return key
        shown = (tenant, provider, list(more))
        for index, (other, _) in enumerate(self._circuits):
            if index % PORTION == 0:
                await asyncio.sleep(0)
            if self._names.circuit(other) == shown:
                match: Hashable = other
                return match
        return None

    async def _count(self, search: str) -> Overview:
        overview, took = Overview(), 0.0
        best: list[tuple[Any, ...]] = []
        circuits, started_at = iter(self._circuits), clock.now()
        while portion := list(islice(circuits, PORTION)):
            best = heapq.nsmallest(MAX_ROWS, chain(best, self._matching(portion, search, overview)))
            took += clock.now() - started_at
            await asyncio.sleep(0)
            started_at = clock.now()
        overview.rows = [
            _row(tenant, provider, more, circuit) for _, _, tenant, provider, more, _, circuit in best
        ]
        overview.good_until = clock.now() + max(FRESH, SHARE * took)
        return overview

    def _matching(self, portion: Sequence[Any], search: str, overview: Overview) -> Iterator[tuple[Any, ...]]:
        """Count a portion, and yield the circuits that match; the tuples sort by trouble, worst first."""
        needle = search.casefold()
        digest = digest_of(search) if search and self._names.hashed else None
        for key, circuit in portion:
            tenant, provider, more = self._names.circuit(key)
            overview.total += 1
            name = provider_in(provider)  # a custom key may name a tenant, which no metric may
            overview.count(name if name in self._providers else OTHERS, circuit)
            if needle and needle not in f"{tenant}\n{provider}".casefold() and tenant != digest:
                continue
            overview.matching += 1
            rank = RANKS[circuit.state] if circuit.failures == 0 or circuit.state != "closed" else FAILING
            yield rank, -circuit.failures, tenant, provider, more, overview.total, circuit


def _row(tenant: str, provider: str, more: list[str], circuit: Any) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "provider": provider,
        "more": more,
        "state": str(circuit.state),
        "failures": circuit.failures,
        "in_flight": circuit.in_flight,
        "opens": circuit.total_opens,
        "retry_after": circuit.retry_after,
    }
