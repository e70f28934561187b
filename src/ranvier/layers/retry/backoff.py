"""Computes the wait before a retry: exponential backoff with jitter.

After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): full jitter spreads callers
best, equal jitter keeps half of the wait, and without jitter callers retry in step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Jitter = Literal["full", "equal", "none"]
"""How much of a wait is random: all of it, half of it, none of it."""

MAX_LENGTH = 1e9
"""The longest backoff in seconds, so that all arithmetic on it stays finite."""


class Backoff:
    """Waits that grow by `multiplier` from `base` to at most `longest` seconds.

    `rng` returns numbers from 0 up to 1. The default generator of `random` is seeded anew in a
    forked process, so that two workers do not retry in step.
    """

    __slots__ = ("_base", "_jitter", "_longest", "_multiplier", "_rng")

    def __init__(
        self, base: float, longest: float, multiplier: float, jitter: Jitter, rng: Callable[[], float]
    ) -> None:
        self._longest = min(longest, MAX_LENGTH)
        self._base = min(base, self._longest)
        self._multiplier = multiplier
        self._jitter = jitter
        self._rng = rng

    def delay(self, retry: int, retry_after: float | None = None) -> float:
        """Seconds to wait before `retry` (counted from 1).

        `retry_after` is the wait that the provider asks for, if any. Jitter is only added to it: the wait is
        at least `retry_after`.
        """
        wait = self._spread(self._growth(retry - 1))
        if retry_after is None:
            return wait
        extra = 0.0 if self._jitter == "none" else self._rng() * self._base
        return max(wait, retry_after + extra)

    def _growth(self, steps: int) -> float:
        if self._base == 0:
            return 0.0  # at once, however often
        try:
            return min(self._base * self._multiplier**steps, self._longest)
        except OverflowError:
            return self._longest

    def _spread(self, wait: float) -> float:
        if self._jitter == "full":
            return wait * self._rng()
        if self._jitter == "equal":
            return wait * (0.5 + 0.5 * self._rng())
        return wait
