"""All the timers of a pipeline, on one timer of its event loop."""

from __future__ import annotations

import asyncio
from contextvars import Context
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

from ranvier.clock import Clock

MAX_EMPTY_SECONDS = 4096
"""Seconds with nothing left in them that may be remembered before they are swept away."""


class Ringing(Protocol):
    """What waits for its moment.

    Attributes:
        rings: When; never is infinity.
        among: Those that wait for the same second, it among them.
    """

    rings: float
    among: dict[Ringing, None]

    def ring(self, now: float) -> None:
        """The moment has come."""

    def discard(self) -> None:
        """It shall not ring."""


_NOBODY: dict[Ringing, None] = {}


class TimerWheel:
    """Rings watches when it is time.

    Almost every timer is given back before it rings, and a loop's own costs more than a layer does. So
    those that ring in a later second wait together, and only when their second has begun are they put
    in order; the loop is asked to wake us for the earliest of all. One that is given back is dropped
    where it waits, and the loop wakes us for nothing once in a while.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._later: dict[int, dict[Ringing, None]] = {}  # by the second, in the order of their coming
        self._seconds: list[int] = []  # a heap of its keys
        self._begun = -1  # seconds up to this one are in order
        self._soon: list[tuple[float, int, Ringing]] = []  # a heap: their watches, with when each rings
        self._number = count()  # of several at one moment the one that came first rings first
        self._sweep_at = MAX_EMPTY_SECONDS
        self._handle: asyncio.TimerHandle | None = None
        self._wakes = inf  # when the loop will wake us

    def set(self, watch: Ringing, when: float) -> None:
        """Ring `watch` at `when`, which is not never, and no more at the moment that was set before."""
        if watch.rings != inf:
            watch.discard()
        watch.rings = when
        second = int(when)
        if second <= self._begun:
            heappush(self._soon, (when, next(self._number), watch))
            watch.among = _NOBODY  # should it be discarded, that is found out at its moment
        else:
            waiting = self._later.get(second)
            if waiting is None:
                waiting = self._begin(second)
            waiting[watch] = None
            watch.among = waiting
            when = second
        if when < self._wakes:
            self._wake_at(when)

    def close(self) -> None:
        """Give the timer of the loop back."""
        if self._handle is not None and not self._loop.is_closed():
            self._handle.cancel()

    def __len__(self) -> int:
        soon = sum(1 for when, _, watch in self._soon if watch.rings == when)
        return soon + sum(map(len, self._later.values()))

    def _begin(self, second: int) -> dict[Ringing, None]:
        if len(self._later) >= self._sweep_at:
            self._later = {second: waiting for second, waiting in self._later.items() if waiting}
            self._seconds = list(self._later)
            heapify(self._seconds)
            self._sweep_at = MAX_EMPTY_SECONDS + 2 * len(self._later)
        heappush(self._seconds, second)
        waiting = self._later[second] = {}
        return waiting

    def _wake_at(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        # Empty, or else everything that it rings for would run in the context of whoever set it.
        self._handle = self._loop.call_at(when, self._wake, context=Context())
        self._wakes = when

    def _wake(self) -> None:
        now = self._clock()
        self._handle, self._wakes = None, inf
        self._begun = int(now)
        while self._seconds and self._seconds[0] <= self._begun:
            waiting = self._later.pop(heappop(self._seconds))
            for watch in waiting:
                heappush(self._soon, (watch.rings, next(self._number), watch))
            waiting.clear()  # its watches hold it: no cycles
        try:
            while self._soon and self._soon[0][0] <= now:
                when, _, watch = heappop(self._soon)
                if watch.rings == when:
                    watch.ring(now)
        finally:  # one that raises must not keep the others from ringing
            following = min(
                self._soon[0][0] if self._soon else inf, self._seconds[0] if self._seconds else inf
            )
            if following < self._wakes:
                self._wake_at(following)
