"""Tracks what is left of one limit of a key. Pure: `now` is an argument.

A provider reports what remained when it counted a request, without the requests sent after that. So the
report is compared with our estimate at the time the request was sent, and the difference corrects the current
estimate. If the limit was full in between, at most its capacity is added. Reports on requests older than the
last compared one are ignored.
"""

from __future__ import annotations

import math

from ranvier.facts.rate_limits import RateLimit
from ranvier.layers.pacing.refill import Refill

MARGIN, MOST_OF_LIMIT = 2.5, 1 / 3
"""The safety margin: standard deviations of the estimates' errors, and its maximum as a part of the limit."""

FOR_OTHERS = 1 / 2
"""The maximum part of a limit that is kept free for concurrent calls of other workers."""

MOST = 1e15
"""Reported numbers above this, or below 0, are ignored."""

MAX_PEAKS = 256
"""Maximum number of peaks; beyond that, the two oldest are merged, and too little may be added."""

MAX_RETURNED = 256
"""Maximum number of returned amounts; without one, the estimate is too low until the next answer."""


class Allowance:
    """One limit: of requests, or of tokens.

    Args:
        at_end: True if the provider counts a call at the end of its answer, not when it arrives.

    Attributes:
        limit: The capacity of the limit; `None` until it is known.
        level: The estimate of what the provider has left.
        in_flight: The expected use of calls in flight, if they are counted at the end.
        workers: The number of workers that use the key; each leaves room for the others.
    """

    __slots__ = (
        "_at",
        "_counted",
        "_errors",
        "_peaks",
        "_refill",
        "_returned",
        "_shift",
        "at_end",
        "in_flight",
        "level",
        "limit",
        "workers",
    )

    def __init__(self, *, at_end: bool = False) -> None:
        self.at_end = at_end
        self.limit: float | None = None
        self.level = self.in_flight = 0.0
        self.workers = 1
        self._refill = Refill()
        self._at = 0.0  # the time of `level`
        self._shift = 0.0  # the sum of all corrections
        self._peaks: list[tuple[int, float]] = []  # newer requests, and what was left before each
        self._returned: list[tuple[int, float]] = []  # amounts returned by requests newer than `_counted`
        self._counted = 0  # the newest request that the provider is known to have counted
        self._errors = 0.0  # the mean square of the errors of the estimates

    # --- reading ---------------------------------------------------------------------------------

    def left(self, now: float) -> float:
        """The amount left for further calls."""
        if self.limit is not None:
            self.level = self._refill.refilled(self.level, self.limit, self._at, now)
            self._at = now
        return self.level - self.in_flight

    def lacks(self, cost: float, uncertain: int, now: float) -> float:
        """The amount lacking for a call; 0 or less if it may be sent.

        Args:
            cost: The expected use of the call.
            uncertain: The number of sent calls whose real use is not known.
            now: The time.
        """
        if self.limit is None:
            return 0.0
        if self._errors:
            margin = MARGIN * math.sqrt(self._errors * (uncertain + 1))
            cost += min(margin, MOST_OF_LIMIT * self.limit)
        cost += min((self.workers - 1) * cost, FOR_OTHERS * self.limit)
        return min(cost, self.limit) - self.left(now)  # a call larger than the limit needs all of it

    def seconds_for(self, lacking: float, now: float) -> float:
        """Seconds until `lacking` more is left."""
        if lacking <= 0 or self.limit is None:
            return 0.0
        return self._refill.seconds_for(lacking, self.limit, now)

    def uncertain(self, newest: int, in_flight: int) -> int:
        """The number of calls up to request `newest` that the provider may count differently than we do."""
        return in_flight if self.at_end else newest - self._counted

    # --- changes ---------------------------------------------------------------------------------

    def take(self, cost: float, number: int, now: float) -> float:
        """Count request `number`, which is sent now. Returns the value for `believed` when it is answered."""
        self.left(now)
        if self.limit is not None:
            self._rise(number)
        if self.at_end:
            self.in_flight += cost
        else:
            self.level -= cost
        return self.level - self._shift

    def give_back(self, number: int, cost: float) -> None:
        """Request `number` was not sent, or was not counted."""
        if self.at_end:
            self.in_flight -= cost
        else:
            self._return(number, cost)

    def settle(self, number: int, cost: float, used: float | None) -> None:
        """Request `number` has ended, and has used that much; `None` if that is not known."""
        if used is not None:
            if self.limit is not None:
                used = min(used, max(self.limit, cost))  # an absurd number must not stop the key
            self._errors += ((used - cost) ** 2 - self._errors) / 16
        if self.at_end:
            self.in_flight -= cost
            self.level -= cost if used is None else used
        elif used is not None and number > self._counted:
            self._return(number, cost - used)

    def report(
        self, reported: RateLimit, number: int, believed: float, sent: float, now: float, *, counted: bool
    ) -> None:
        """The provider has answered request `number`, sent at `sent`.

        Args:
            reported: The reported state of this limit.
            number: The number of the request.
            believed: What `take` returned for it.
            sent: When it was sent.
            now: The time.
            counted: False if it was rejected because of a limit.
        """
        remaining, reset = _amount(reported.remaining), _amount(reported.reset)
        if remaining is None or number < self._counted:
            return
        limit = max(_amount(reported.limit) or max(self.limit or 0.0, remaining), 1.0)
        remaining = min(remaining, limit)
        self.left(now)
        if self.limit is None:
            self._at = now  # the estimate may be too low: what came back since `sent` is not known
        self._counted = number
        past = self._refill.is_past(sent)
        if not past or reset is None:
            self._refill.learn(limit, limit - remaining, reset, sent, now)
        believed += self._shift - sum(amount for each, amount in self._returned if each > number)
        self._returned = [each for each in self._returned if each[0] > number]
        self._peaks = [each for each in self._peaks if each[0] > number]
        # What remains is rounded down. A rejection shows that it is no more than that.
        wrong = not remaining <= believed < remaining + (1.0 if counted else 1e-9)
        if wrong and not past:
            self._correct(min(remaining - believed, self._room(limit)))
        self.limit = limit
        self.level = min(self.level, limit)

    def _rise(self, number: int) -> None:
        """Remember what is left before request `number` is sent; it replaces lower peaks before it."""
        peaks, peak = self._peaks, self.level - self._shift
        while peaks and peaks[-1][1] <= peak:
            peaks.pop()
        peaks.append((number, peak))
        if len(peaks) > MAX_PEAKS:
            peaks[:2] = [(peaks[1][0], max(peaks[0][1], peaks[1][1]))]

    def _room(self, limit: float) -> float:
        """The maximum amount to add without exceeding the limit at any time since the answered request."""
        highest = max((peak for _, peak in self._peaks), default=-math.inf)
        return max(limit - highest - self._shift, 0.0)

    def _return(self, number: int, amount: float) -> None:
        """Correct the estimate from the time when request `number` was sent."""
        self._correct(amount)
        self._peaks = [(each, peak - amount * (each <= number)) for each, peak in self._peaks]
        if amount and len(self._returned) < MAX_RETURNED:
            self._returned.append((number, amount))

    def _correct(self, amount: float) -> None:
        self.level += amount
        self._shift += amount


def _amount(value: object) -> float | None:
    """`value` if it is a valid amount, otherwise `None`: custom providers may report anything."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= MOST else None  # type: ignore[arg-type, operator]
