"""Learns how many concurrent calls a provider accepts. Pure: it never waits and never reads a clock.

Additive increase, multiplicative decrease. A rejection cuts the limit to three quarters, once per burst: only
rejections of requests that were sent after the last cut count. The rejected limit is remembered as the
ceiling, and each accepted answer lets the limit grow:

    without a ceiling, or away from it      by a quarter of a place: 25 % per round
    near the ceiling                        by 1/25 of a place
    in the step that reaches the ceiling    by 1/75, and in no less than a round

An answer counts only if exactly as many calls were in flight as the limit allows: an unused limit does not
grow, and neither does one that is still exceeded after a cut.
"""

from __future__ import annotations

import math

FAST, CALM, HELD = 4, 25, 75
"""Accepted answers per additional place: away from the ceiling, near it, and in the step that reaches it."""

NEAR = 0.1
"""The part of the ceiling that counts as near it, above and below; below it, at least `NEAR_LEAST` places."""

NEAR_LEAST = 2

MEMORY = 100.0
"""Service times for which the ceiling is remembered."""


class LimitFinder:
    """The limit of one key and model.

    Attributes:
        limit: The maximum number of calls in flight.
        least, most: The bounds of the limit.
        ceiling: The limit that was last rejected; `None` if there is none, or it has expired. While every
            request is rejected, at least half of the last limit at which requests were accepted.
    """

    __slots__ = (
        "_ceiling_at",
        "_cut_at",
        "_growth",
        "_proved",
        "_service",
        "_tried",
        "ceiling",
        "least",
        "limit",
        "most",
    )

    def __init__(self, initial: int, least: int, most: int) -> None:
        self.limit = initial
        self.least, self.most = least, most
        self.ceiling: int | None = None
        self._ceiling_at = self._cut_at = -math.inf
        self._growth = 0.0  # the growth since the last whole place, from 0 to 1
        self._service = 0.0  # the average duration of accepted answers; 0 if not known
        self._tried = initial  # the last limit at which requests were accepted, and then rejected
        self._proved = True  # true if a request that was sent after the last cut was accepted

    def accepted(self, started: float, now: float, *, used: bool) -> None:
        """Count the answer to a request sent at `started`; `used` is true if the limit was fully used."""
        seconds = now - started
        self._service += (seconds - self._service) / 8 if self._service else seconds
        self._proved = self._proved or started > self._cut_at
        if not used or self.limit >= self.most:
            return
        self._growth += 1 / self._answers_per_place(now)
        if self._growth > 1 - 1e-9:
            self._growth = 0.0
            self.limit += 1

    def refused(self, started: float, now: float) -> bool:
        """Count a rejection, or an overload, of a request sent at `started`; true if it cuts the limit."""
        if started <= self._cut_at:
            return False
        if self._proved:
            self._tried = self.limit
        self.ceiling, self._ceiling_at = max(self.limit, self._tried // 2), now
        self._cut_at, self._growth, self._proved = now, 0.0, False
        before = self.limit
        self.limit = max(self.least, self.limit * 3 // 4)
        return self.limit < before

    def counts(self, started: float) -> bool:
        """True for a request that was sent after the last cut."""
        return started > self._cut_at

    def scale(self, factor: float) -> None:
        """Multiply the learned numbers by `factor`, because the number of workers has changed."""
        self.limit, self._tried = round(self.limit * factor), round(self._tried * factor)
        if self.ceiling is not None:
            self.ceiling = max(round(self.ceiling * factor), 1)

    def bound(self, least: int, most: int) -> None:
        """Stay between these limits from now on."""
        self.least, self.most = least, most
        self.limit = min(max(self.limit, least), most)

    def shift(self, seconds: float) -> None:
        """Move to a clock that is `seconds` ahead."""
        self._ceiling_at += seconds
        self._cut_at += seconds

    def _answers_per_place(self, now: float) -> float:
        if self.ceiling is not None and now - self._ceiling_at > MEMORY * self._service:
            self.ceiling = None
        ceiling = self.ceiling
        if ceiling is None or self.limit > ceiling + NEAR * ceiling:
            return FAST
        if self.limit < ceiling - max(NEAR_LEAST, NEAR * ceiling):
            return FAST
        return max(HELD, self.limit) if self.limit == ceiling - 1 else CALM
