"""Counts what happens to each tenant, and lists those that fail most. Pure: `now` is an argument.

Memory is bounded however many tenants there are, and a tenant that makes no calls takes none.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ranvier.asgi.status.names import Names
from ranvier.asgi.status.stories import KEYLESS
from ranvier.errors.rejected import CredentialMissingError
from ranvier.events import CallRejected, Event, FallbackTaken

SLICE = 10
"""Seconds that are counted together."""

SLICES = 7
"""Slices that are kept: the last minute, and what has passed of a slice."""

MAX_TENANTS = 1000
"""Tenants that are counted in one slice; as many again if something other than a success happens to them."""

MAX_LISTED = 50
"""Tenants that are listed: those with the most failed calls first, then the busiest."""

FIELDS = ("calls", "failed", "fallbacks", "rejections", "missing_keys")
CALLS, FAILED, FALLBACKS, REJECTIONS, MISSING_KEYS = range(len(FIELDS))


@dataclass(slots=True)
class Slice:
    """The counts of some seconds by tenant, and how much was not counted for want of room."""

    number: int
    tenants: dict[str, list[int]] = field(default_factory=dict)
    uncounted: int = 0


class Tenants:
    """The counts of the last minute by tenant."""

    def __init__(self) -> None:
        self._slices: deque[Slice] = deque(maxlen=SLICES)

    def call_ended(self, tenant: str, sort: str, now: float) -> None:
        """Count a call, by the sort of its story."""
        what = {"failed": FAILED, KEYLESS: MISSING_KEYS}.get(sort)
        counts = self._counts(tenant, now, troubled=what is not None)
        if counts is not None:
            counts[CALLS] += 1
            if what is not None:
                counts[what] += 1

    def happened(self, event: Event, now: float) -> None:
        """Count a fallback or a rejection; nothing else."""
        if isinstance(event, FallbackTaken):
            what = MISSING_KEYS if event.kind == CredentialMissingError.kind else FALLBACKS
        elif isinstance(event, CallRejected):
            what = REJECTIONS
        else:
            return
        counts = self._counts(event.tenant, now, troubled=True)
        if counts is not None:
            counts[what] += 1

    def _counts(self, tenant: str, now: float, *, troubled: bool) -> list[int] | None:
        """The counts of a tenant in this slice; `None` if there are too many."""
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

    def facts(self, now: float, names: Names, search: str = "") -> dict[str, Any]:
        """The counts of the last minute: of those whose names contain `search`, the most troubled first."""
        recent = [each for each in self._slices if each.number > int(now // SLICE) - SLICES]
        merged: dict[str, list[int]] = {}
        for each in recent:
            for tenant, counts in each.tenants.items():
                known = merged.get(tenant)
                merged[tenant] = counts if known is None else [*map(int.__add__, known, counts)]
        found = [(tenant, counts) for tenant, counts in merged.items() if _matches(tenant, search, names)]
        return {
            "total": len(merged),
            "failing": sum(counts[FAILED] > 0 for counts in merged.values()),
            "matching": len(found),
            "uncounted": sum(each.uncounted for each in recent),
            "limit": MAX_LISTED,
            "rows": [
                {"tenant": names.tenant(tenant), **dict(zip(FIELDS, counts, strict=True))}
                for tenant, counts in heapq.nsmallest(MAX_LISTED, found, key=_rank)
            ],
        }


def _rank(each: tuple[str, list[int]]) -> tuple[object, ...]:
    tenant, counts = each
    return -counts[FAILED], -counts[REJECTIONS] - counts[FALLBACKS], -counts[CALLS], tenant


def _matches(tenant: str, search: str, names: Names) -> bool:
    """Whether `search` finds a tenant: hidden ones by their whole name, or by part of what is shown."""
    return not search or tenant == search or search.casefold() in names.tenant(tenant).casefold()
