"""How busy a target of a balance is, and whether it has just come back. Pure: the caller passes the time."""

from __future__ import annotations

from math import inf

from ranvier.layers.fallback.balance.hashing import number_of
from ranvier.layers.fallback.pace import USUAL_FIRST_TOKEN

DOWN = 5.0
"""Seconds for which a target has to reject calls before its return is a slow start."""

SLOW_START = 20.0
"""Seconds after its return until a target has its full share again."""

MAX_TENANTS = 1024
"""Rejected tenants that are known; above that, the slow start is for all."""


class InFlight:
    """The calls at one target on one event loop."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Load:
    """The calls at one target, and how soon it answers.

    Attributes:
        name: `"provider/model"`.
        weight: Its weight, relative to the average weight of the balance.
        number: A stable hash of its name.
        longest: What a failure counts as, in seconds: the target's `first_token`.
        average: The average time to the first content; `None` before the first sample.
        sampled_at: When the last sample came.
        chosen_at: How many calls had been balanced when it was chosen last.
        turn: Of two that are equally loaded, the one with the smaller number is chosen.
        in_flight: The calls there: an object of their own, so that those of a closed loop end elsewhere.
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
        self._rejects_since: float | None = None  # without content since then
        self._rejected_at = -inf
        self._rejected: set[int] = set()  # hashes of the tenants
        self._back_at = -inf

    def rejects(self, tenant: str, now: float) -> None:
        """The target rejects a call: its circuit is open, or a gate is closed. One that is busy is well."""
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
        """The first content of a call has arrived: a target that was down is back, and nothing is known."""
        if self.is_down:
            self._back_at = now
            self.average = None
        self._rejects_since = None

    @property
    def is_down(self) -> bool:
        """True while it has rejected calls for a while, and none has had content since."""
        return self._rejects_since is not None and self._rejected_at - self._rejects_since >= DOWN

    def share(self, now: float) -> float:
        """The share of its usual calls that it may have now: 0 if it is down, 1 after its slow start."""
        if self.is_down:
            return 0.0
        since = now - self._back_at
        return 1.0 if since >= SLOW_START else since / SLOW_START

    def concerns(self, tenant: str) -> bool:
        """True if `tenant` has been rejected: for others, with other keys and circuits, it is not down."""
        return len(self._rejected) >= MAX_TENANTS or hash(tenant) in self._rejected

    def take_over(self, before: Load) -> None:
        """Go on as `before`; the calls in flight are counted by both."""
        self.average, self.sampled_at, self.in_flight = before.average, before.sampled_at, before.in_flight
        self._rejects_since, self._rejected_at = before._rejects_since, before._rejected_at
        self._rejected, self._back_at = before._rejected, before._back_at

    def shift(self, seconds: float) -> None:
        """Go on with another event loop, whose clock is `seconds` ahead: nothing is in flight any more."""
        self.in_flight = InFlight()
        self.sampled_at += seconds
        self._back_at += seconds
        self._rejected_at += seconds
        if self._rejects_since is not None:
            self._rejects_since += seconds
