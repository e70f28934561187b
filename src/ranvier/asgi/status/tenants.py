"""Counts the calls and failures of each tenant, and lists the tenants that fail most.

`now` is always an argument. Memory is bounded for any number of tenants; an idle tenant takes none.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ranvier.asgi.status.names import Names
from ranvier.asgi.status.recent.portions import in_portions
from ranvier.asgi.status.stories import KEYLESS
from ranvier.errors.rejected import CredentialMissingError, NotAllowedError
from ranvier.events import CallRejected, Event, FallbackTaken

SLICE = 10
"""The length of one slice, in seconds."""

SLICES = 7
"""Slices that are kept: the last minute, and the current, incomplete slice."""

MAX_TENANTS = 1000
"""Maximum number of tenants counted in one slice; as many again with failures, fallbacks or rejections."""

MAX_LISTED = 50
"""Maximum number of tenants listed: those with the most failed calls first, then the busiest."""

FIELDS = ("calls", "failed", "fallbacks", "rejections", "missing_keys")
Counted = tuple[str, list[int]]
"""A tenant with its counts, in the order of `FIELDS`."""

CALLS, FAILED, FALLBACKS, REJECTIONS, MISSING_KEYS = range(len(FIELDS))


@dataclass(slots=True)
class Slice:
    """The counts of `SLICE` seconds by tenant; `uncounted` is the number of calls beyond the limit."""

    number: int
    tenants: dict[str, list[int]] = field(default_factory=dict)
    uncounted: int = 0


class Tenants:
    """The counts of the last minute by tenant."""

    def __init__(self) -> None:
        self._slices: deque[Slice] = deque(maxlen=SLICES)

    def call_ended(self, tenant: str, sort: str, now: float) -> None:
        """Count a call that has ended, by the sort of its story."""
        field = {"failed": FAILED, KEYLESS: MISSING_KEYS}.get(sort)
        counts = self._counts(tenant, now, troubled=field is not None)
        if counts is not None:
            counts[CALLS] += 1
            if field is not None:
                counts[field] += 1

    def happened(self, event: Event, now: float) -> None:
        """Count a fallback or a rejection; other events are ignored."""
        if isinstance(event, FallbackTaken):
            if event.kind == NotAllowedError.kind:
                return  # its rejection is counted
            field = MISSING_KEYS if event.kind == CredentialMissingError.kind else FALLBACKS
        elif isinstance(event, CallRejected):
            field = REJECTIONS
        else:
            return
        counts = self._counts(event.tenant, now, troubled=True)
        if counts is not None:
            counts[field] += 1

    def _counts(self, tenant: str, now: float, *, troubled: bool) -> list[int] | None:
        """The counts of a tenant in the current slice; `None` if it has too many tenants."""
        number = int(now // SLICE)
        if not self._slices or self._slices[-1].number < number:
            self._slices.append(Slice(number))
        latest = self._slices[-1]
        counts = latest.tenants.get(tenant)
        if counts is None:
            if len(latest.tenants) >= (2 * MAX_TENANTS if troubled else MAX_TENANTS):
                latest.uncounted += 1
                return None
            counts = latest.tenants[tenant] = [0] * len(FIELDS)
        return counts

    async def facts(self, now: float, names: Names, search: str = "") -> dict[str, Any]:
        """The counts of the last minute, of tenants whose names contain `search`, the most troubled first."""
        recent = [time_slice for time_slice in self._slices if time_slice.number > int(now // SLICE) - SLICES]
        merged = await _merged(recent)
        matching = failing = 0
        best: list[Counted] = []
        async for portion in in_portions(merged.items()):
            found = [each for each in portion if _matches(each[0], search, names)]
            best = heapq.nsmallest(MAX_LISTED, [*best, *found], key=_rank)
            matching += len(found)
            failing += sum(counts[FAILED] > 0 for _, counts in portion)
        return {
            "total": len(merged),
            "failing": failing,
            "matching": matching,
            "uncounted": sum(time_slice.uncounted for time_slice in recent),
            "limit": MAX_LISTED,
            "rows": [
                {"tenant": names.tenant(tenant), **dict(zip(FIELDS, counts, strict=True))}
                for tenant, counts in best
            ],
        }


async def _merged(slices: Iterable[Slice]) -> dict[str, list[int]]:
    """The sums of the counts by tenant."""
    merged: dict[str, list[int]] = {}
    for each in slices:
        async for portion in in_portions(list(each.tenants.items())):  # calls go on, and are counted
            for tenant, counts in portion:
                known = merged.get(tenant)
                merged[tenant] = counts if known is None else [*map(int.__add__, known, counts)]
    return merged


def _rank(each: Counted) -> tuple[object, ...]:
    tenant, counts = each
    return -counts[FAILED], -counts[REJECTIONS] - counts[FALLBACKS], -counts[CALLS], tenant


def _matches(tenant: str, search: str, names: Names) -> bool:
    """True if `search` is the tenant's whole name, or is part of the text shown for it."""
    return not search or tenant == search or search.casefold() in names.tenant(tenant).casefold()
