"""One key for one model: its limits, and the calls that wait for them in fair order."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from ranvier.layers.pacing.key_limits import Costs, KeyLimits, Reservation
from ranvier.pipeline.queueing.fair_queue import FairQueue
from ranvier.pipeline.queueing.tenants import Entry
from ranvier.pipeline.queueing.waiter import FULL, Waiter

if TYPE_CHECKING:
    import asyncio

    from ranvier.layers.pacing.estimates import Estimates
    from ranvier.pipeline.call import Call

SOONEST, LATEST = 0.001, 5.0
"""The shortest and the longest time between two checks of the limits, in seconds, while calls wait."""


class Turn:
    """A call that waits, or has waited.

    Attributes:
        waiter: Ends its wait.
        costs: Its expected use.
        reservation: Its reservation, once it is its turn.
    """

    __slots__ = ("costs", "reservation", "waiter")

    def __init__(self, waiter: Waiter, costs: Costs) -> None:
        self.waiter = waiter
        self.costs = costs
        self.reservation: Reservation | None = None


class PacedKey:
    """The limits of one key for one model.

    Attributes:
        limits: The limits.
        estimates: Estimates the use of calls to that model.
        queue: The waiting calls. It admits one at a time, when the limits do.
        quiet_until: The time until which no further event says that a limit is used up.
    """

    __slots__ = ("_timer", "_timer_at", "estimates", "limits", "queue", "quiet_until")

    def __init__(self, estimates: Estimates, capacity: int, ageing: float) -> None:
        self.limits = KeyLimits()
        self.estimates = estimates
        self.queue: FairQueue[Turn] = FairQueue(0, None, capacity, ageing)
        self.quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # --- reading ---------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """True if no call waits or is in flight."""
        return not self.queue.waiting and not self.limits.in_flight

    def admits(self, costs: Costs, now: float) -> bool:
        """True if a new call would be sent now."""
        return not self.queue.waiting and self.limits.fits(costs, now)

    def seconds_for(self, costs: Costs, tenant: str, weight: float, now: float) -> float:
        """The expected wait of a new call of `tenant` in seconds, as far as known."""
        ahead = self.queue.ahead_of(tenant, weight) if self.queue.waiting else 0
        return self.limits.seconds_for(costs, 1 + ahead, now)

    # --- changes ---------------------------------------------------------------------------------

    def enqueue(
        self, turn: Turn, call: Call, now: float, *, weight: float, priority: int, first: bool
    ) -> Entry[Turn]:
        """Queue a call; if the queue is full, end the wait of one."""
        cost = 1.0 + turn.costs.tokens
        entry, removed = self.queue.wait(
            turn, call.tenant, now, weight=weight, priority=priority, cost=cost, first=first
        )
        if removed is not None:
            removed.item.waiter.end(FULL)
        self.advance(call)
        return entry

    def leave(self, entry: Entry[Turn], call: Call, used: Costs | None) -> None:
        """A call stops waiting, or a call that has waited has ended."""
        cost = None if used is None else 1.0 + used.tokens
        self.queue.leave(entry, call.pipeline.clock(), cost)

    def advance(self, call: Call) -> None:
        """End the waits of calls whose turn it is; sets a timer to check again while calls wait."""
        if not self.queue.waiting:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        now = call.pipeline.clock()
        while (head := self.queue.first(now)) is not None:
            if not self.limits.fits(head.item.costs, now):
                self._ask_again(call, now, self.limits.seconds_for(head.item.costs, 1, now))
                return
            self.queue.limit = self.queue.in_flight + 1
            for entry in self.queue.advance(now):
                reservation = self.limits.take(entry.item.costs, now)
                if entry.item.waiter.admit():
                    entry.item.reservation = reservation  # one that is cancelled gives it back by itself
                else:
                    self.limits.give_back(reservation)
                    self.queue.leave(entry, now, 0.0)

    def _ask_again(self, call: Call, now: float, after: float) -> None:
        when = now + min(max(after, SOONEST), LATEST)
        if self._timer is not None:
            if now < self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = call.pipeline.loop.call_at(when, self._due, call, context=Context())

    def _due(self, call: Call) -> None:
        self._timer = None
        self.advance(call)
