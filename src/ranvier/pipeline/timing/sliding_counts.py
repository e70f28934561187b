"""Counts events within a sliding window. Pure: the caller passes the time."""

from __future__ import annotations

import math

BUCKETS = 10
"""Parts of a window. Counts are dropped one part at a time, so an event counts up to a tenth longer."""


class SlidingCounts:
    """Counts a few kinds of events within the last `window` seconds, in constant memory.

    Attributes:
        totals: The counts within the window, as of the last `add` or `roll`.
    """

    __slots__ = ("_at", "_kinds", "_ring", "_since", "_until", "_width", "totals")

    def __init__(self, kinds: int, window: float) -> None:
        self._width = window / BUCKETS
        self._kinds = kinds
        self._ring = [0] * (kinds * (BUCKETS + 1))  # the complete parts, and the current one
        self._at = 0  # the index of the current part in the ring
        self._since = self._until = -math.inf  # the start and the end of the current part
        self.totals = [0] * kinds

    def add(self, kind: int, now: float) -> None:
        """Count one more of `kind`."""
        if not self._since <= now < self._until:
            self.roll(now)
        self._ring[self._at + kind] += 1
        self.totals[kind] += 1

    def roll(self, now: float) -> None:
        """Drop what happened before the window that ends `now`."""
        window = self._width * BUCKETS
        if self._since - window <= now < self._until:
            return  # a little early: another thread's clock
        if not self._until <= now < self._until + window:  # everything is too old, or the clock has changed
            self.clear()
            self._since, self._until = now, now + self._width
            return
        while now >= self._until:
            self._since, self._until = self._until, self._until + self._width
            self._at = (self._at + self._kinds) % len(self._ring)
            for kind in range(self._kinds):
                self.totals[kind] -= self._ring[self._at + kind]
                self._ring[self._at + kind] = 0

    def clear(self) -> None:
        """Forget everything."""
        self._ring = [0] * len(self._ring)
        self.totals = [0] * self._kinds
        self._since = self._until = -math.inf
