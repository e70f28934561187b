"""Limits how often identical messages are logged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MAX_REMEMBERED = 1000
"""Maximum number of different messages tracked; beyond that, the one with the oldest window is dropped."""


class Repeats:
    """Admits each message a few times per window, and counts the rest. Pure: it never reads a clock.

    Args:
        burst: The maximum number of times the same message is admitted in one window.
        seconds: The length of a window, from its first message on.
    """

    def __init__(self, burst: int, seconds: float) -> None:
        self.burst = burst
        self.seconds = seconds
        self._windows: OrderedDict[Hashable, list[float]] = OrderedDict()  # start of the window, count

    def admit(self, what: Hashable, now: float) -> int | None:
        """`None` if `what` is suppressed; else how often it was suppressed in the window before."""
        window = self._windows.get(what)
        if window is None or now - window[0] >= self.seconds:
            suppressed = 0 if window is None else max(0, int(window[1]) - self.burst)
            self._windows[what] = [now, 1]
            self._windows.move_to_end(what)
            if len(self._windows) > MAX_REMEMBERED:
                self._windows.popitem(last=False)
            return suppressed
        window[1] += 1
        return 0 if window[1] <= self.burst else None
