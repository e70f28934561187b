"""What is left of one limit of a key. Pure: `now` is an argument.

A provider says what remained when it counted a request. It does not know what was sent after that. So an
answer is compared with what was believed to be left when its request was sent, and the difference corrects
what is left now. If the limit was full in between, only as much is added as it could hold. An answer to an
older request than one that has been compared changes nothing.
"""

from __future__ import annotations

import math

from ranvier.facts.rate_limits import RateLimit
from ranvier.layers.pacing.refill import Refill

MARGIN, MOST_OF_LIMIT = 2.5, 1 / 3
"""How many standard deviations of the errors of estimates are kept free, and what part of a limit at most."""

FOR_OTHERS = 1 / 2
"""What part of a limit is kept free at most for calls that other workers send at the same time."""

MOST = 1e15
"""A larger number is ignored, as is one below 0."""

MAX_PEAKS = 256
"""Peaks that are remembered. Beyond that the two oldest are merged, and too little may be added."""

MAX_RETURNED = 256
"""Returned amounts that are remembered; without one, less is believed to be left until the next answer."""


class Allowance:
    """One limit: of requests, or of tokens.

    Args:
        at_end: Calls are counted when their answers end, and not when they are sent.

    Attributes:
        limit: How much may be used until it is full again; `None` until it is known.
        level: What the provider has left, as far as known.
        in_flight: What the calls in flight will use, if they are counted at the end.
        workers: How many workers of the service use the key; each leaves room for the others.
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
        self._at = 0.0  # when `level` was right
        self._shift = 0.0  # all corrections so far
        self._peaks: list[tuple[int, float]] = []  # newer requests, and what was left before each
        self._returned: list[tuple[int, float]] = []  # to requests newer than `_counted`
        self._counted = 0  # the newest request that the provider is known to have counted
        self._errors = 0.0  # the mean square of the errors of the estimates

    # --- reading ---------------------------------------------------------------------------------

    def left(self, now: float) -> float:
        """What is left for further calls."""
        if self.limit is not None:
            self.level = self._refill.refilled(self.level, self.limit, self._at, now)
            self._at = now
        return self.level - self.in_flight

    def lacks(self, cost: float, uncertain: int, now: float) -> float:
        """How much is lacking for a call; 0 or less if it may be sent.

        Args:
            cost: What it is expected to use.
            uncertain: How many calls have been sent whose real usage is not known.
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
        """How long it takes until so much more is left."""
        if lacking <= 0 or self.limit is None:
            return 0.0
        return self._refill.seconds_for(lacking, self.limit, now)

    def uncertain(self, newest: int, in_flight: int) -> int:
        """How many calls, up to request `newest`, the provider may have counted otherwise than we did."""
        return in_flight if self.at_end else newest - self._counted

    # --- changes ---------------------------------------------------------------------------------

    def take(self, cost: float, number: int, now: float) -> float:
        """Request `number` is sent. Returns what to pass as `believed` when it is answered."""
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
        self, said: RateLimit, number: int, believed: float, sent: float, now: float, *, counted: bool
    ) -> None:
        """The provider has answered request `number`, sent at `sent`.

        Args:
            said: What it says about this limit.
            number: The number of the request.
            believed: What `take` returned for it.
            sent: When it was sent.
            now: The time.
            counted: False if it was rejected because of a limit.
        """
        remaining, reset = _amount(said.remaining), _amount(said.reset)
        if remaining is None or number < self._counted:
            return
        limit = _amount(said.limit) or max(self.limit or 0.0, remaining, 1.0)
        remaining = min(remaining, limit)
        self.left(now)
        if self.limit is None:
            self._at = now  # less may be left than there is: what came back since `sent` is not known
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
        """Remember what is left before request `number` is sent. Lower peaks before it do not matter."""
        peaks, peak = self._peaks, self.level - self._shift
        while peaks and peaks[-1][1] <= peak:
            peaks.pop()
        peaks.append((number, peak))
        if len(peaks) > MAX_PEAKS:
            peaks[:2] = [(peaks[1][0], max(peaks[0][1], peaks[1][1]))]

    def _room(self, limit: float) -> float:
        """How much can be added without exceeding the limit at any time since the answered request."""
        highest = max((peak for _, peak in self._peaks), default=-math.inf)
        return max(limit - highest - self._shift, 0.0)

    def _return(self, number: int, amount: float) -> None:
        """Correct what was believed to be left since request `number` was sent, and not before."""
        self._correct(amount)
        self._peaks = [(each, peak - amount * (each <= number)) for each, peak in self._peaks]
        if amount and len(self._returned) < MAX_RETURNED:
            self._returned.append((number, amount))

    def _correct(self, amount: float) -> None:
        self.level += amount
        self._shift += amount


def _amount(value: object) -> float | None:
    """A number that makes sense: providers of your own may report anything."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= MOST else None  # type: ignore[arg-type, operator]
