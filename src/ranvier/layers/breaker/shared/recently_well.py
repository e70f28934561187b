"""The tenants whose last outcome at a target was content, a short time ago."""

from __future__ import annotations

import math

SECONDS = 10.0
"""For so long after its content a tenant is not rejected by the shared circuit."""

MAX_TENANTS = 16_384
"""Tenants to keep; above that, the older half is dropped early."""


class RecentlyWell:
    """When each tenant had content last, unless a failure followed: kept for 10 to 20 seconds."""

    __slots__ = ("_now", "_past", "_turns_at")

    def __init__(self) -> None:
        self._now: dict[int, float] = {}
        self._past: dict[int, float] = {}
        self._turns_at = -math.inf

    def content(self, voter: int, now: float) -> None:
        """Content for `voter`."""
        if now >= self._turns_at or len(self._now) >= MAX_TENANTS:
            self._past = self._now if now < self._turns_at + SECONDS else {}
            self._now, self._turns_at = {}, now + SECONDS
        self._now[voter] = now

    def failed(self, voter: int) -> None:
        """A failure or a silence of `voter`."""
        self._now.pop(voter, None)
        self._past.pop(voter, None)

    def exempts(self, voter: int, now: float) -> bool:
        """True if the last outcome of `voter` was content, at most 10 seconds before `now`."""
        at = self._now.get(voter)
        if at is None:
            at = self._past.get(voter, -math.inf)
        return now - at <= SECONDS

    def clear(self) -> None:
        """Forget all."""
        self._now, self._past, self._turns_at = {}, {}, -math.inf
