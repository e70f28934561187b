"""Tracks the tenants whose last outcome at a target was content, a short time ago."""

from __future__ import annotations

import math

SECONDS = 10.0
"""Seconds after its content for which a tenant is not rejected by the shared circuit."""

MAX_TENANTS = 16_384
"""Maximum number of tenants; beyond that, the older half is dropped early."""


class RecentSuccesses:
    """The time of each tenant's last content, unless a failure followed; kept for 10 to 20 seconds.

    Attributes:
        now: The current half of the window: times by voter. The caller adds to it until `turns_at`.
    """

    __slots__ = ("_past", "now", "turns_at")

    def __init__(self) -> None:
        self.now: dict[int, float] = {}
        self._past: dict[int, float] = {}
        self.turns_at = -math.inf

    def turn(self, voter: int, now: float) -> None:
        """Start a new half with the content of `voter`; drop the half before the last one."""
        self._past = self.now if now < self.turns_at + SECONDS else {}
        self.now, self.turns_at = {voter: now}, now + SECONDS

    def failed(self, voter: int) -> None:
        """Note a failure or a silence of `voter`."""
        self.now.pop(voter, None)
        self._past.pop(voter, None)

    def exempts(self, voter: int, now: float) -> bool:
        """True if the last outcome of `voter` was content, at most 10 seconds before `now`."""
        at = self.now.get(voter)
        if at is None:
            at = self._past.get(voter, -math.inf)
        return now - at <= SECONDS

    def clear(self) -> None:
        """Forget all."""
        self.now, self._past, self.turns_at = {}, {}, -math.inf
