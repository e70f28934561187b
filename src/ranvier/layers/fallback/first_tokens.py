"""The recent times to the first content at one target, as a histogram. Pure: the caller passes the time."""

from __future__ import annotations

from itertools import accumulate
from math import log
from operator import add

SHORTEST = 0.001
LONGEST = 3600.0
GROWTH = 1.04
"""Each bucket is 4 % longer than the one before: a quantile is off by 2 % at most."""

MIN_SAMPLES = 20
"""The minimum number of samples for a quantile."""

WINDOW = 30.0
"""Seconds after which a window ends, unless it has fewer than `MIN_SAMPLES`."""

MAX_WINDOW = 600.0
"""Seconds after which a window ends in any case."""

_SCALE = 1.0 / log(GROWTH)
_BUCKETS = int(log(LONGEST / SHORTEST) * _SCALE) + 2


class FirstTokens:
    """Samples in two windows: the one that is being filled, and the one before it."""

    __slots__ = ("_begun", "_count", "_current", "_previous", "_previous_count")

    def __init__(self) -> None:
        self._current = [0] * _BUCKETS
        self._previous = [0] * _BUCKETS
        self._count = self._previous_count = 0
        self._begun = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Add a sample of `seconds`."""
        age = now - self._begun
        if age >= WINDOW and (self._count >= MIN_SAMPLES or age >= MAX_WINDOW):
            self._rotate(now)
        bucket = 0 if seconds <= SHORTEST else int(log(seconds / SHORTEST) * _SCALE) + 1
        self._current[bucket if bucket < _BUCKETS else _BUCKETS - 1] += 1
        self._count += 1

    def quantile(self, share: float, now: float) -> float | None:
        """The seconds within which `share` of the samples lie; `None` while there are too few."""
        if now - self._begun >= MAX_WINDOW:
            self._rotate(now)
        total = self._count + self._previous_count
        if total < MIN_SAMPLES:
            return None
        sums = accumulate(map(add, self._current, self._previous))
        bucket = next(number for number, below in enumerate(sums) if below >= share * total)
        return float(SHORTEST * GROWTH**bucket)

    def shift(self, seconds: float) -> None:
        """Move to a clock that is `seconds` ahead."""
        self._begun += seconds

    def _rotate(self, now: float) -> None:
        """Start a new window; drop windows that ended long ago."""
        stale = now - self._begun >= 2 * MAX_WINDOW
        self._previous = [0] * _BUCKETS if stale else self._current
        self._previous_count = 0 if stale else self._count
        self._current = [0] * _BUCKETS
        self._count, self._begun = 0, now
