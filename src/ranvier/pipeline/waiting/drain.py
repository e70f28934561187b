"""Measures how fast a queue moves."""

from __future__ import annotations

import math

HALF = 5.0
"""Seconds of each of the two windows in which admitted calls are counted."""

LEAST = 3
"""The minimum number of admitted calls for a known rate."""


class Drain:
    """The recent rate of admissions of a queue; times in which no call could be admitted count too.

    The measurement starts with the first admission: the initial closed time is left out.
    """

    __slots__ = ("_before", "_began", "_count", "_since")

    def __init__(self) -> None:
        self._since = self._began = -math.inf  # when the earlier and when the current window began
        self._before = self._count = 0

    def admit(self, now: float) -> None:
        """A call was admitted."""
        if now >= self._began + 2 * HALF:
            self._since = self._began = now
            self._before = self._count = 0
        elif now >= self._began + HALF:
            self._since, self._began = self._began, now
            self._before, self._count = self._count, 0
        self._count += 1

    def seconds_for(self, calls: int, now: float) -> float:
        """Seconds to admit `calls` more; 0 if the rate is not known."""
        if now >= self._began + 2 * HALF:
            return 0.0
        over = now >= self._began + HALF  # the current window has ended, and counts as the earlier one
        since, admitted = (self._began, self._count) if over else (self._since, self._before + self._count)
        return calls * (now - since) / admitted if admitted >= LEAST and now - since >= 1.0 else 0.0
