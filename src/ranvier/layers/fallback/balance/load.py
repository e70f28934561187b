"""The load of a balance's target, and its slow start after an outage. Pure: the caller passes the time."""

from __future__ import annotations

from math import inf

from ranvier.layers.fallback.balance.hashing import number_of
from ranvier.layers.fallback.pace import USUAL_FIRST_TOKEN

DOWN = 5.0
"""Seconds of rejected calls after which a target counts as down, and returns by a slow start."""

SLOW_START = 20.0
"""Seconds after its return until a target has its full share again."""

MAX_TENANTS = 1024
"""Maximum number of rejected tenants that are tracked; beyond that, the slow start applies to all tenants."""


class InFlight:
    """The calls at one target on one event loop."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Load:
    """The calls in flight at one target, and its time to the first content.

    Attributes:
        name: `"provider/model"`.
        weight: Its weight, relative to the average weight of the balance.
        number: A stable hash of its name.
        longest: The seconds that a failure counts as: the target's `first_token`.
        average: The average time to the first content; `None` before the first sample.
        sampled_at: The time of the last sample.
        chosen_at: The number of balanced calls when it was last chosen.
        turn: Of two equally loaded targets, the one with the smaller turn is chosen.
        in_flight: The calls in flight; a separate object per event loop, so that calls of a closed loop are
            not counted on the next one.
    """

    __slots__ = (
        "_back_at",
        "_rejected",
        "_rejected_at",
        "_rejects_since",
        "average",
        "chosen_at",
        "in_flight",
        "longest",
        "name",
        "number",
        "sampled_at",
        "turn",
        "weight",
    )

    def __init__(self, name: str, weight: float = 1.0) -> None:
        self.name = name
        self.weight = weight
        self.number = number_of(name)
        self.longest = USUAL_FIRST_TOKEN
        self.average: float | None = None
        self.sampled_at = -inf
        self.chosen_at = 0
        self.turn = 0.0
        self.in_flight = InFlight()
        self._rejects_since: float | None = None  # the first rejection since the last content
        self._rejected_at = -inf
        self._rejected: set[int] = set()  # hashes of the rejected tenants
        self._back_at = -inf

    def rejects(self, tenant: str, now: float) -> None:
        """Note a rejection by an open circuit or a closed gate; being busy does not count."""
        if self.in_flight.number:
            return
        if self._rejects_since is None:
            self._rejects_since = now
            if now - self._back_at >= SLOW_START:
                self._rejected.clear()
        self._rejected_at = now
        if len(self._rejected) < MAX_TENANTS:
            self._rejected.add(hash(tenant))

    def answers(self, now: float) -> None:
        """Note the first content of a call: a target that was down is back, with unknown load."""
        if self.is_down:
            self._back_at = now
            self.average = None
        self._rejects_since = None

    @property
    def is_down(self) -> bool:
        """True while it has rejected calls for a while, and none has had content since."""
        return self._rejects_since is not None and self._rejected_at - self._rejects_since >= DOWN

    def share(self, now: float) -> float:
        """The share of its usual calls that it may get now: 0 while it is down, 1 after its slow start."""
        if self.is_down:
            return 0.0
        since = now - self._back_at
        return 1.0 if since >= SLOW_START else since / SLOW_START

    def concerns(self, tenant: str) -> bool:
        """True if `tenant` was rejected; for tenants with other keys and circuits, the target is not down."""
        return len(self._rejected) >= MAX_TENANTS or hash(tenant) in self._rejected

    def take_over(self, before: Load) -> None:
        """Take over the state of `before`, and share its count of calls in flight."""
        self.average, self.sampled_at, self.in_flight = before.average, before.sampled_at, before.in_flight
        self._rejects_since, self._rejected_at = before._rejects_since, before._rejected_at
        self._rejected, self._back_at = before._rejected, before._back_at

    def shift(self, seconds: float) -> None:
        """Move to another event loop, whose clock is `seconds` ahead, with no calls in flight."""
        self.in_flight = InFlight()
        self.sampled_at += seconds
        self._back_at += seconds
        self._rejected_at += seconds
        if self._rejects_since is not None:
            self._rejects_since += seconds
