"""The state machine of one gate. Pure: it never waits and never reads a clock.

    closed --- its time is over ---> half-open: admits one call, as a probe
    half-open --- an admitted call was accepted ---> half-open: admits twice as many
    half-open --- a call was accepted and none waits ---> open: the gate can be dropped
    any --- the provider limits or rejects the key ---> closed

So a provider that still rejects the key gets one call, and one that begins to reject it again gets at
most twice as many as it has just accepted. Rejections come fast: a call that has not been rejected for
`PATIENCE` seconds counts as accepted, though its response may take a minute. A call that ends for
another reason (cancelled, broken connection) gives its place to the next that waits.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict
from collections.abc import Hashable
from enum import StrEnum
from typing import Generic, TypeVar

from ranvier.pipeline.waiting.drain import Drain

Who = TypeVar("Who", bound=Hashable)
"""Identifies a call."""

PATIENCE = 1.0
"""Seconds after which an admitted call that was not rejected counts as accepted."""

SLACK = 64
"""Stale times of calls that no longer wait, which a gate may hold in addition to twice its queue."""


class Reason(StrEnum):
    """Why a gate is closed: the kind of the provider's error."""

    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    REJECTED = "auth"
    QUOTA = "quota_exhausted"

    @property
    def passes(self) -> bool:
        """True if the cause passes with time, so that a call may wait for it."""
        return self in (Reason.RATE_LIMIT, Reason.OVERLOADED)


class Gate(Generic[Who]):
    """One gate: until when it is closed, which calls wait at it, and which it has just admitted.

    After any change, `advance` returns the waiting calls that are now admitted or rejected.

    Attributes:
        reason: Why it was closed last.
        since: When it was closed last.
        until: When its closed time ends.
    """

    __slots__ = (
        "_drain",
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
        self._queue: OrderedDict[Who, float] = OrderedDict()  # waiting calls, and how long each may wait
        self._moments: list[tuple[float, int, Who]] = []  # a heap of the same; some may be stale
        self._numbers = itertools.count()
        self._drain = Drain()
        self._passed: set[Who] = set()  # admitted in this round, without a result yet
        self._begin_round(1)

    def _begin_round(self, width: int) -> None:
        """Admit `width` calls: 1 after the gate was closed, more once a call was accepted."""
        self._width = self._places = width
        self._passed.clear()
        self._round_ends = math.inf  # when its calls count as accepted; known once one is admitted

    # --- reading ---------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    @property
    def open(self) -> bool:
        """True once a call was accepted and none waits: the gate is not needed any more."""
        return self._width > 1 and not self._queue

    @property
    def idle(self) -> bool:
        """True while no call waits and no probe is in flight."""
        return not self._queue and not self._passed

    def opens_in(self, now: float) -> float:
        """Seconds until the gate would admit a new call, as far as known; 0 means now."""
        if now < self.until:
            return self.until - now
        return 0.0 if self._places and not self._queue else max(min(self._round_ends - now, PATIENCE), 0.0)

    def admits_in(self, now: float) -> float:
        """Seconds until a call that begins to wait now would be admitted, as far as known.

        The place in the queue counts once it is known how fast the queue moves.
        """
        return max(self.opens_in(now), self._drain.seconds_for(self.waiting, now))

    # --- changes ---------------------------------------------------------------------------------

    def close(self, reason: Reason, until: float, now: float) -> None:
        """Close the gate until `until`, because the provider limited or rejected the key.

        Of several times the longest counts; a reason that does not pass replaces one that does.
        """
        if now >= self.until or until >= self.until or not reason.passes:
            self.reason = reason
        self.since = now
        self.until = max(until, self.until)
        self._begin_round(1)

    def reopen(self, now: float) -> None:
        """End the closed time now, and admit the waiting calls round by round."""
        self.until = min(self.until, now)
        self._begin_round(2)

    def start_anew(self, shift: float) -> None:
        """Move to a clock that is `shift` seconds ahead of the old one; drop waiting and admitted calls."""
        self.since += shift
        self.until += shift
        self._queue.clear()
        self._moments.clear()
        self._drain = Drain()
        self._begin_round(self._width)

    def try_pass(self, who: Who, now: float) -> bool:
        """Admit `who` if it need not wait."""
        if now < self.until or not self._places or self._queue:
            return False
        self._admit(who, now)
        return True

    def wait(self, who: Who, due: float) -> None:
        """Queue `who`, until `due` at most."""
        self._queue[who] = due
        heapq.heappush(self._moments, (due, next(self._numbers), who))

    def accepted(self, who: Who) -> None:
        """The provider did not reject `who`: begin a round twice as wide."""
        if who in self._passed:
            self._begin_round(2 * self._width)

    def leave(self, who: Who) -> None:
        """Remove `who`, waiting or admitted, without a result: its place goes to the next call."""
        if who in self._passed:
            self._passed.discard(who)
            self._places += 1
            if not self._passed:
                self._round_ends = math.inf  # the next call starts a new `PATIENCE`
        elif self._queue.pop(who, None) is not None and len(self._moments) > 2 * len(self._queue) + SLACK:
            self._moments = [(due, next(self._numbers), each) for each, due in self._queue.items()]
            heapq.heapify(self._moments)

    def dismiss(self) -> list[Who]:
        """Remove the waiting calls, and return them."""
        waiting = list(self._queue)
        self._queue.clear()
        return waiting

    # --- results ---------------------------------------------------------------------------------

    def advance(self, now: float) -> list[tuple[Who, bool]]:
        """The calls whose wait is over by now, in order, each with whether it is admitted."""
        if now >= self._round_ends:
            self._begin_round(2 * self._width)
        results: list[tuple[Who, bool]] = []
        while self._moments and self._moments[0][0] <= now:
            due, _, who = heapq.heappop(self._moments)
            if self._queue.get(who) == due:
                del self._queue[who]
                results.append((who, False))
        while self._queue and now >= self.until and self._places:
            who, _ = self._queue.popitem(last=False)
            self._admit(who, now)
            results.append((who, True))
        if self._width == 1 and not self.reason.passes:
            results.extend((who, False) for who in self._queue)
            self._queue.clear()
        return results

    def next_at(self, now: float) -> float | None:
        """When `advance` next has a result, if nothing changes before; `None` means never."""
        while self._moments and self._queue.get(self._moments[0][2]) != self._moments[0][0]:
            heapq.heappop(self._moments)
        if not self._queue:
            return None
        return min(self._moments[0][0], self.until if now < self.until else self._round_ends)

    def _admit(self, who: Who, now: float) -> None:
        self._drain.admit(now)
        self._places -= 1
        self._passed.add(who)
        self._round_ends = min(self._round_ends, now + PATIENCE)
