"""The state machine of one gate. Pure: it never waits and never reads a clock.

    closed --- its time is over ---> half-open: one call may pass, as a probe
    half-open --- a call that passed was accepted ---> half-open: twice as many may pass
    half-open --- a call was accepted and nobody waits ---> open: it can be forgotten
    any --- the provider says no ---> closed

So a provider that still says no hears it from one call, and one that begins to say no again from at
most twice as many as it has just let in. Refusals come fast: a call that has not been refused for
`PATIENCE` seconds counts as accepted, though its answer may take a minute. One that ends for
reasons of its own (cancelled, broken off) gives its place to the next that waits.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict
from collections.abc import Hashable
from enum import StrEnum
from typing import Generic, TypeVar

Who = TypeVar("Who", bound=Hashable)
"""What stands for a call."""

PATIENCE = 1.0
"""Seconds after which a call that passed, and was not refused, counts as accepted."""

SLACK = 64
"""Moments of waiting calls that are gone, and of which a gate may still hold as many."""


class Reason(StrEnum):
    """What the provider said; the kind of its error."""

    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    REFUSED = "auth"
    QUOTA = "quota_exhausted"

    @property
    def passes(self) -> bool:
        """True where it passes with time, so that a call may wait for it."""
        return self in (Reason.RATE_LIMIT, Reason.OVERLOADED)


class Gate(Generic[Who]):
    """One gate: until when it is closed, who waits before it, and who has just passed it.

    What a change means for those who wait, `advance` tells.

    Attributes:
        reason: What the provider said last.
        since: When it said so.
        until: The end of the time for which it said so.
    """

    __slots__ = (
        "_moments",
        "_numbers",
        "_passed",
        "_places",
        "_queue",
        "_round_ends",
        "_width",
        "reason",
        "since",
        "until",
    )

    def __init__(self) -> None:
        self.reason = Reason.RATE_LIMIT
        self.since = self.until = -math.inf
        self._queue: OrderedDict[Who, float] = OrderedDict()  # who waits, and until when at most
        self._moments: list[tuple[float, int, Who]] = []  # a heap of the same; some may be gone
        self._numbers = itertools.count()
        self._passed: set[Who] = set()  # of the present round, and not yet heard of
        self._begin_round(1)

    def _begin_round(self, width: int) -> None:
        """Let `width` calls pass; 1 after the gate was closed, more once a call was accepted."""
        self._width = self._places = width
        self._passed.clear()
        self._round_ends = math.inf  # when its calls count as accepted; known once one has passed

    # --- what is seen ----------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    @property
    def open(self) -> bool:
        """True once a call was accepted and nobody waits: the gate is not needed any more."""
        return self._width > 1 and not self._queue

    @property
    def idle(self) -> bool:
        """True while nobody waits and nobody is under way as a probe."""
        return not self._queue and not self._passed

    def opens_in(self, now: float) -> float:
        """Seconds until a newcomer may pass, as far as that is known; 0 is now."""
        if now < self.until:
            return self.until - now
        return 0.0 if self._places and not self._queue else max(min(self._round_ends - now, PATIENCE), 0.0)

    # --- what happens ----------------------------------------------------------------------------

    def close(self, reason: Reason, until: float, now: float) -> None:
        """The provider has said no.

        Of several times the longest counts, and of several reasons one that does not pass.
        """
        if now >= self.until or until >= self.until or not reason.passes:
            self.reason = reason
        self.since = now
        self.until = max(until, self.until)
        self._begin_round(1)

    def reopen(self, now: float) -> None:
        """Forget what the provider said: who waits may pass, by and by."""
        self.until = min(self.until, now)
        self._begin_round(2)

    def start_anew(self, shift: float) -> None:
        """Go on where the clock is `shift` seconds ahead of before, and whoever waited or passed is gone."""
        self.since += shift
        self.until += shift
        self._queue.clear()
        self._moments.clear()
        self._begin_round(self._width)

    def meet(self, who: Who, now: float) -> bool:
        """Let `who` pass, if it may at once."""
        if now < self.until or not self._places or self._queue:
            return False
        self._let_pass(who, now)
        return True

    def wait(self, who: Who, due: float) -> None:
        """Let `who` wait, until `due` at most."""
        self._queue[who] = due
        heapq.heappush(self._moments, (due, next(self._numbers), who))

    def accepted(self, who: Who) -> None:
        """`who` has passed, and the provider did not say no."""
        if who in self._passed:
            self._begin_round(2 * self._width)

    def leave(self, who: Who) -> None:
        """`who` goes, from the queue or with nothing learnt: its place is the next one's."""
        if who in self._passed:
            self._passed.discard(who)
            self._places += 1
            if not self._passed:
                self._round_ends = math.inf  # the next has its own second
        elif self._queue.pop(who, None) is not None and len(self._moments) > 2 * len(self._queue) + SLACK:
            self._moments = [(due, next(self._numbers), each) for each, due in self._queue.items()]
            heapq.heapify(self._moments)

    # --- what follows ----------------------------------------------------------------------------

    def advance(self, now: float) -> list[tuple[Who, bool]]:
        """Those whose waiting is over by now, in order, each with whether it may pass."""
        if now >= self._round_ends:
            self._begin_round(2 * self._width)
        told: list[tuple[Who, bool]] = []
        while self._moments and self._moments[0][0] <= now:
            due, _, who = heapq.heappop(self._moments)
            if self._queue.get(who) == due:
                del self._queue[who]
                told.append((who, False))
        while self._queue and now >= self.until and self._places:
            who, _ = self._queue.popitem(last=False)
            self._let_pass(who, now)
            told.append((who, True))
        if self._width == 1 and not self.reason.passes:
            told.extend((who, False) for who in self._queue)
            self._queue.clear()
        return told

    def next_at(self, now: float) -> float | None:
        """When `advance` will have something to tell, if nothing happens before; `None` is never."""
        while self._moments and self._queue.get(self._moments[0][2]) != self._moments[0][0]:
            heapq.heappop(self._moments)
        if not self._queue:
            return None
        return min(self._moments[0][0], self.until if now < self.until else self._round_ends)

    def _let_pass(self, who: Who, now: float) -> None:
        self._places -= 1
        self._passed.add(who)
        self._round_ends = min(self._round_ends, now + PATIENCE)
