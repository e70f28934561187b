"""Tells what is new from what is said over and over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MAX_REMEMBERED = 1000
"""Different things that are remembered; of more, those that were not said for longest are forgotten."""


class Repeats:
    """Lets each thing be said a few times in a while, and counts the rest. It knows no clock.

    Args:
        burst: How often the same may be said in one while.
        seconds: How long that is, from the first time on.
    """

    def __init__(self, burst: int, seconds: float) -> None:
        self.burst = burst
        self.seconds = seconds
        self._said: OrderedDict[Hashable, list[float]] = OrderedDict()  # since when, how often

    def admit(self, what: Hashable, now: float) -> int | None:
        """`None` where it was said often enough; else how often it was not said in the while before."""
        said = self._said.get(what)
        if said is None or now - said[0] >= self.seconds:
            unsaid = 0 if said is None else max(0, int(said[1]) - self.burst)
            self._said[what] = [now, 1]
            self._said.move_to_end(what)
            if len(self._said) > MAX_REMEMBERED:
                self._said.popitem(last=False)
            return unsaid
        said[1] += 1
        return 0 if said[1] <= self.burst else None
