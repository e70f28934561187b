"""Learns how a limit refills, from the use and from the reported times until it is full again.

A bucket refills continuously: the more is used, the later it is full. A window is full again at a fixed time,
however much is used. Until that is known, a limit counts as a bucket.
"""

from __future__ import annotations

import math

MINUTE = 60.0

USUAL = (1.0, MINUTE, 3600.0, 86_400.0)
"""Usual times to fill an empty bucket, in seconds: preferred to a measured time close to them."""

SURE = 4
"""Maximum number of votes: this many contrary votes change the classification of a limit."""


class Refill:
    """The refill of one limit.

    Attributes:
        rate: The amount that comes back per second, if it is a bucket.
        ends: When it is full again, if it is a window.
    """

    __slots__ = ("_anchor", "_guessed", "_high", "_length", "_low", "_renewed", "_votes", "ends", "rate")

    def __init__(self) -> None:
        self.rate = 0.0
        self.ends = math.inf
        self._length = 0.0  # of a window: the longest time to its end that was reported
        self._renewed = -math.inf  # when the window before has ended
        self._guessed = True  # no report has told the end of this window
        self._votes = 0
        self._low, self._high = 0.0, math.inf  # seconds in which an empty bucket is filled
        self._anchor: tuple[float, float, float] | None = None  # an earlier report: sent, used, its end

    @property
    def bucket(self) -> bool:
        """True if the limit refills continuously."""
        return self._votes >= 0

    def refilled(self, level: float, limit: float, since: float, now: float) -> float:
        """The level now, if it was `level` at `since`."""
        if self.bucket:
            return min(limit, level + self.rate * (now - since))
        if now < self.ends:
            return level
        length = self._length or MINUTE
        self._renewed = self.ends + (now - self.ends) // length * length
        self.ends, self._guessed = self._renewed + length, True
        return limit

    def seconds_for(self, lacking: float, limit: float, now: float) -> float:
        """Seconds until `lacking` more has come back."""
        if self.bucket:
            return lacking / self.rate
        return self.ends - now + max(math.ceil(lacking / limit) - 1, 0) * (self._length or MINUTE)

    def is_past(self, sent: float) -> bool:
        """True for a report on a request of an earlier window."""
        return not self.bucket and sent < self._renewed

    # --- learning --------------------------------------------------------------------------------

    def learn(self, limit: float, used: float, reset: float | None, sent: float, now: float) -> None:
        """Learn from an answer to a request that was sent at `sent`: full again in `reset` seconds."""
        self.rate = self.rate or limit / MINUTE
        if reset is None:
            self._votes, self.rate = 0, limit / MINUTE
            return
        step = 1.0 if reset.is_integer() else 0.001  # the precision of `reset`
        self._vote(used, reset, step, sent)
        self._measure(limit, used, reset, step)
        self._end(reset, step, sent, now)

    def _vote(self, used: float, reset: float, step: float, sent: float) -> None:
        """Vote after more was used since an earlier report: a bucket is then full later, a window is not."""
        if self._anchor is not None and sent < self._anchor[2]:
            before, used_before, end_before = self._anchor
            passed = sent - before
            if passed < max(4 * step, (end_before - before) / 8):
                return
            if used >= used_before:
                later = sent + reset - end_before
                was = self.bucket
                self._votes = max(-SURE, min(SURE, self._votes + (1 if later > passed / 2 else -1)))
                if self.bucket and not was:
                    self._low, self._high = 0.0, math.inf
        self._anchor = (sent, used, sent + reset)

    def _measure(self, limit: float, used: float, reset: float, step: float) -> None:
        """Narrow the bounds of the time to fill an empty bucket; `used` may be rounded up by 1."""
        if used < 1:
            return
        low = limit * max(reset - step, 0.0) / used
        high = limit * (reset + step) / (used - 1) if used > 1 else math.inf
        self._low, self._high = max(self._low, low), min(self._high, high)
        if self._low > self._high:
            self._low, self._high = low, high
        fits = [each for each in USUAL if self._low <= each <= self._high]
        if self._low == 0 and MINUTE in fits:
            self.rate = limit / MINUTE
        else:
            middle = self._low if self._high == math.inf else (self._low + self._high) / 2
            self.rate = limit / (fits[0] if fits else middle)

    def _end(self, reset: float, step: float, sent: float, now: float) -> None:
        """Note when the window ends, rather too late than too early: all waiting calls are sent then."""
        end = now + reset + step
        self._length = max(self._length, reset)
        begun = self._guessed and sent >= self._renewed
        if begun or end < self.ends or end > self.ends + max(2.0, self._length / 4):
            self.ends, self._guessed = end, False
