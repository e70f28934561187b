"""The state machine of one gate. Pure: it never waits and never reads a clock.

    closed --- its time is over ---> half-open: admits one call, as a probe
    half-open --- an admitted call was accepted ---> half-open: admits twice as many
    half-open --- a call was accepted and none waits ---> open: the gate can be dropped
    any --- the provider limits or rejects the key ---> closed

So a provider that still rejects the key gets one call, and a provider that rejects it again gets at most
twice as many calls as it has just accepted. Rejections are fast: a call that has not been rejected for
`PATIENCE` seconds counts as accepted, even if its response takes a minute. A call that ends for another
reason (cancelled, broken connection) gives its place to the next waiting call.

The gate decides how many calls pass, and a fair queue decides which ones: its places are those of the current
round.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Generic

from ranvier.pipeline.queueing.fair_queue import FairQueue
from ranvier.pipeline.queueing.tenants import Entry, ItemT
from ranvier.pipeline.waiting.drain import Drain

PATIENCE = 1.0
"""Seconds after which an admitted call that was not rejected counts as accepted."""


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


class Gate(Generic[ItemT]):
    """One gate: until when it is closed, which calls wait at it, and which it has just admitted.

    After any change, `advance` returns the waiting calls that are now admitted.

    Args:
        capacity: The maximum number of waiting calls.
        ageing: Seconds of waiting after which a call counts as one priority more urgent.

    Attributes:
        queue: The waiting calls, and the calls admitted in this round that have no result yet.
        reason: Why it was last closed.
        since: When it was last closed.
        until: When its closed time ends.
    """

    __slots__ = ("_drain", "_passed", "_round_ends", "_width", "queue", "reason", "since", "until")

    def __init__(self, capacity: int = 10_000, ageing: float = math.inf) -> None:
        self.reason = Reason.RATE_LIMIT
        self.since = self.until = -math.inf
        self.queue: FairQueue[ItemT] = FairQueue(0, None, capacity, ageing)
        self._drain = Drain()
        self._passed: set[Entry[ItemT]] = set()  # admitted in this round, without a result yet
        self._begin_round(1, self.since)

    def _begin_round(self, width: int, now: float) -> None:
        """Admit `width` calls: 1 after the gate was closed, more once a call was accepted."""
        self._width = width
        for entry in self._passed:
            self.queue.leave(entry, now)
        self._passed.clear()
        self._round_ends = math.inf  # when its calls count as accepted; set when one is admitted

    # --- reading ---------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """The number of waiting calls."""
        return self.queue.waiting

    @property
    def open(self) -> bool:
        """True once a call was accepted and none waits: the gate is not needed any more."""
        return self._width > 1 and not self.queue.waiting

    @property
    def idle(self) -> bool:
        """True while no call waits and no probe is in flight."""
        return self.queue.idle

    def opens_in(self, now: float) -> float:
        """Seconds until the gate would admit a new call, as far as known; 0 means now."""
        if now < self.until:
            return self.until - now
        if len(self._passed) < self._width and not self.queue.waiting:
            return 0.0
        return max(min(self._round_ends - now, PATIENCE), 0.0)

    def admits_in(self, tenant: str, weight: float, now: float) -> float:
        """Seconds until a call of `tenant` that begins to wait now would be admitted, as far as known.

        Its position in the queue is taken into account once the speed of the queue is known.
        """
        in_queue = self._drain.seconds_for(1, now) * self.queue.ahead_of(tenant, weight)
        return max(self.opens_in(now), in_queue)

    # --- changes ---------------------------------------------------------------------------------

    def close(self, reason: Reason, until: float, now: float) -> list[Entry[ItemT]]:
        """Close the gate until `until`, because the provider limited or rejected the key.

        The longest of several times applies; a permanent reason replaces a temporary one. No call waits for a
        permanent reason: the waiting calls are then removed and returned.
        """
        if now >= self.until or until >= self.until or not reason.passes:
            self.reason = reason
        self.since = now
        self.until = max(until, self.until)
        self._begin_round(1, now)
        return [] if self.reason.passes else self.queue.clear(now)

    def reopen(self, now: float) -> None:
        """End the closed time now, and admit the waiting calls round by round."""
        self.until = min(self.until, now)
        self._begin_round(2, now)

    def start_anew(self, shift: float) -> None:
        """Move to a clock that is `shift` seconds ahead of the old one; drop waiting and admitted calls."""
        self.since += shift
        self.until += shift
        self.queue.clear(self.since)
        self._drain = Drain()
        self._begin_round(self._width, self.since)

    def try_pass(self, item: ItemT, tenant: str, now: float) -> Entry[ItemT] | None:
        """Admit a new call of `tenant` if it need not wait."""
        self._set_places(now)
        entry = self.queue.try_pass(item, tenant)
        if entry is not None:
            self._admit(entry, now)
        return entry

    def accepted(self, entry: Entry[ItemT], now: float) -> None:
        """The provider did not reject a call: begin a round twice as wide."""
        if entry in self._passed:
            self._begin_round(2 * self._width, now)

    def leave(self, entry: Entry[ItemT], now: float, *, sent: bool = False) -> None:
        """Remove a call, waiting or admitted, without a result: its place goes to the next call.

        Its tenant is charged for it only if it was `sent`.
        """
        self.queue.leave(entry, now, None if sent else 0.0)
        self._passed.discard(entry)
        if not self._passed:
            self._round_ends = math.inf  # the next call starts a new `PATIENCE`

    # --- results ---------------------------------------------------------------------------------

    def advance(self, now: float) -> list[Entry[ItemT]]:
        """Admit waiting calls, and return them in order."""
        if now >= self._round_ends:
            self._begin_round(2 * self._width, now)
        self._set_places(now)
        admitted = self.queue.advance(now)
        for entry in admitted:
            self._admit(entry, now)
        return admitted

    def next_at(self, now: float) -> float | None:
        """When `advance` would next admit a call, if nothing changes before; `None` means never."""
        if not self.queue.waiting:
            return None
        return self.until if now < self.until else self._round_ends

    def _set_places(self, now: float) -> None:
        self.queue.limit = self._width if now >= self.until else 0

    def _admit(self, entry: Entry[ItemT], now: float) -> None:
        self._drain.admit(now)
        self._passed.add(entry)
        self._round_ends = min(self._round_ends, now + PATIENCE)
