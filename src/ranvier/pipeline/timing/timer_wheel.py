"""Multiplexes all timers of a pipeline onto one timer of its event loop."""

from __future__ import annotations

import asyncio
from contextvars import Context
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

from ranvier.clock import Clock

MAX_EMPTY_SECONDS = 4096
"""Maximum number of empty buckets before they are removed."""

LATE_SECONDS = 0.1
"""If the wheel wakes later than this, the loop was blocked, or the process suspended."""

CATCH_UP_SECONDS = 0.01
"""After a blocked loop, seconds to read what has arrived before timers fire: an answer in time counts."""


class Timer(Protocol):
    """A timer.

    Attributes:
        fires_at: When it fires; infinity if it is not set.
        bucket: The bucket of timers that fire in the same second, including this one.
    """

    fires_at: float
    bucket: dict[Timer, None]

    def fire(self, now: float) -> None:
        """Called when the timer is due."""

    def discard(self) -> None:
        """Cancel the timer, which is set."""


_NO_BUCKET: dict[Timer, None] = {}


class TimerWheel:
    """Fires timers when they are due.

    Almost every timer is cancelled before it fires, and a timer of the loop costs more than a layer. So
    timers wait unsorted in one bucket per second, and are sorted only when their second has begun. The loop's
    timer is set for the earliest bucket; it may fire needlessly, as a cancelled timer only leaves its bucket.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._later: dict[int, dict[Timer, None]] = {}  # buckets by second, each in order of insertion
        self._seconds: list[int] = []  # a heap of its keys
        self._begun = -1  # buckets up to this second have been sorted
        self._soon: list[tuple[float, int, Timer]] = []  # a heap of their timers, by time
        self._number = count()  # of timers due at the same moment, the first one set fires first
        self._sweep_at = MAX_EMPTY_SECONDS
        self._handle: asyncio.TimerHandle | None = None
        self._wakes = inf  # when the loop will call `_wake`

    def set(self, timer: Timer, when: float) -> None:
        """Fire `timer` at `when`, which is finite, instead of the time set before."""
        if timer.fires_at != inf:
            timer.discard()
        timer.fires_at = when
        second = int(when)
        if second <= self._begun:
            heappush(self._soon, (when, next(self._number), timer))
            timer.bucket = _NO_BUCKET  # if it is cancelled, that is detected when it is due
            self._wake_by(when)
        else:
            waiting = self._later.get(second)
            if waiting is None:
                waiting = self._begin(second)
            waiting[timer] = None
            timer.bucket = waiting

    def close(self) -> None:
        """Cancel the timer of the loop."""
        if self._handle is not None and not self._loop.is_closed():
            self._handle.cancel()

    def __len__(self) -> int:
        soon = sum(1 for when, _, timer in self._soon if timer.fires_at == when)
        return soon + sum(map(len, self._later.values()))

    def _begin(self, second: int) -> dict[Timer, None]:
        if len(self._later) >= self._sweep_at:
            self._later = {second: waiting for second, waiting in self._later.items() if waiting}
            self._seconds = list(self._later)
            heapify(self._seconds)
            self._sweep_at = MAX_EMPTY_SECONDS + 2 * len(self._later)
        heappush(self._seconds, second)
        waiting = self._later[second] = {}
        self._wake_by(second)
        return waiting

    def _wake_by(self, when: float) -> None:
        if when >= self._wakes:
            return
        if self._handle is not None:
            self._handle.cancel()
        # An empty context: otherwise all timers would run in the context of the task that set this one.
        self._handle = self._loop.call_at(when, self._wake, context=Context())
        self._wakes = when

    def _wake(self) -> None:
        now = self._clock()
        if now - self._wakes < LATE_SECONDS:
            self._fire()
            return
        self._wakes = now + CATCH_UP_SECONDS
        self._handle = self._loop.call_at(self._wakes, self._fire, context=Context())

    def _fire(self) -> None:
        now = self._clock()
        self._handle, self._wakes = None, inf
        self._begun = int(now)
        while self._seconds and self._seconds[0] <= self._begun:
            waiting = self._later.pop(heappop(self._seconds))
            for timer in waiting:
                heappush(self._soon, (timer.fires_at, next(self._number), timer))
            waiting.clear()  # its timers refer to it: avoid reference cycles
        try:
            while self._soon and self._soon[0][0] <= now:
                when, _, timer = heappop(self._soon)
                if timer.fires_at == when:
                    timer.fire(now)
        finally:  # a timer that raises must not stop the others
            following = min(
                self._soon[0][0] if self._soon else inf, self._seconds[0] if self._seconds else inf
            )
            self._wake_by(following)
