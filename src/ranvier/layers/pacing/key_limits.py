"""All limits of one key for one model. Pure: `now` is an argument."""

from __future__ import annotations

import math
from typing import NamedTuple

from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers.pacing.allowance import Allowance

ASK_AGAIN = 60.0
"""Seconds after the last report after which an idle key is tried, even if nothing seems left."""


class Costs(NamedTuple):
    """The expected or real use of a call."""

    requests: float = 1.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    tokens: float = 0.0


class Reservation:
    """The reservation of one call in flight.

    Attributes:
        costs: Its expected use.
        number: Its number among the calls with this key.
        sent: The time when it was sent.
        believed: The estimate of what was left of each limit at that time.
    """

    __slots__ = ("believed", "costs", "number", "sent")

    def __init__(self, costs: Costs, number: int, sent: float, believed: tuple[float, ...]) -> None:
        self.costs = costs
        self.number = number
        self.sent = sent
        self.believed = believed


class KeyLimits:
    """Decides whether a call fits within all limits of its key.

    Attributes:
        allowances: The limits, in the order of `Costs`.
        in_flight: The number of calls with a reservation.
        known: True once the provider has reported a limit.
    """

    __slots__ = ("_number", "_reported_at", "allowances", "in_flight", "known")

    def __init__(self) -> None:
        # Answers are counted as they are produced; all else when a request arrives.
        self.allowances = (Allowance(), Allowance(), Allowance(at_end=True), Allowance())
        self.in_flight = 0
        self.known = False
        self._number = 0
        self._reported_at = 0.0  # the time of the last report of a limit

    def fits(self, costs: Costs, now: float) -> bool:
        """True if a call may be sent now."""
        return not self.known or self._asks_in(now) <= 0 or not self.lacking(costs, now)

    def divide(self, workers: int) -> None:
        """Leave room for the calls of other workers with this key."""
        for each in self.allowances:
            each.workers = workers

    def _asks_in(self, now: float) -> float:
        """Seconds until a call is sent although it does not fit, because the last report may be outdated."""
        return math.inf if self.in_flight else self._reported_at + ASK_AGAIN - now

    def seconds_for(self, costs: Costs, calls: float, now: float) -> float:
        """Seconds until `calls` calls like this one could be sent."""
        if not self.known:
            return 0.0
        longest = 0.0
        for each, cost in zip(self.allowances, costs, strict=True):
            lacking = each.lacks(cost, each.uncertain(self._number, self.in_flight), now)
            if calls > 1 and each.limit is not None:
                lacking += (calls - 1) * cost
            longest = max(longest, each.seconds_for(lacking, now))
        return longest if calls > 1 else min(longest, max(self._asks_in(now), 0.0))

    def lacking(self, costs: Costs, now: float) -> tuple[str, ...]:
        """The names of the limits that do not admit a call now."""
        return tuple(
            what
            for what, each, cost in zip(Costs._fields, self.allowances, costs, strict=True)
            if each.limit is not None
            and each.lacks(cost, each.uncertain(self._number, self.in_flight), now) > 0
        )

    def take(self, costs: Costs, now: float) -> Reservation:
        """A call is sent."""
        self._number += 1
        self.in_flight += 1
        if self.known:  # no call uses more than a whole limit, whatever was learned
            costs = Costs(*map(_at_most, costs, self.allowances))
        pairs = zip(self.allowances, costs, strict=True)
        believed = tuple([each.take(cost, self._number, now) for each, cost in pairs])
        return Reservation(costs, self._number, now, believed)

    def give_back(self, reservation: Reservation) -> None:
        """Release the reservation of a call that was not sent, or was rejected because of a limit."""
        self.in_flight -= 1
        for each, cost in zip(self.allowances, reservation.costs, strict=True):
            each.give_back(reservation.number, cost)

    def settle(self, reservation: Reservation, used: Costs | None) -> None:
        """Settle the reservation of a call that has ended; `used` is `None` if its use is not known."""
        self.in_flight -= 1
        for number, each in enumerate(self.allowances):
            real = None if used is None else used[number]
            each.settle(reservation.number, reservation.costs[number], real)

    def report(
        self, limits: RateLimits, reservation: Reservation, now: float, *, counted: bool = True
    ) -> None:
        """The provider has answered a call, or has rejected it because of a limit."""
        reported = (limits.requests, limits.input_tokens, limits.output_tokens, limits.tokens)
        for each, one, believed in zip(self.allowances, reported, reservation.believed, strict=True):
            if isinstance(one, RateLimit):
                each.report(one, reservation.number, believed, reservation.sent, now, counted=counted)
                self.known, self._reported_at = True, now


def _at_most(cost: float, allowance: Allowance) -> float:
    return cost if allowance.limit is None or cost < allowance.limit else allowance.limit
