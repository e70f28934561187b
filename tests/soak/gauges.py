"""What the soak reads: memory, sockets, tasks, the lag of the loop, and whatever complains aloud."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import statistics
import sys
import time
import warnings
from array import array
from dataclasses import dataclass
from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = 0.02
"""Seconds between two looks at the lag of the loop."""

FINEST = 0.0002
"""Seconds of lag in the lowest bucket; each of the others is a tenth longer than the one before."""

BUCKETS = 120

M_MMAP_THRESHOLD = -3
"""glibc's name for the size from which a piece of memory has pages of its own."""


def keep_heap_whole() -> None:
    """Give large buffers pages of their own, as glibc does until the first of them is freed.

    asyncio asks for 256 KiB at each read and gives most of it back at once. From the second on, glibc takes
    them from the heap; the gaps are never filled as well as they were cut, and memory grows by about a MiB
    a minute while what is in use stays the same. uvloop reads into one buffer, and needs none of this.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 128 * 1024)


def resident(process: int | str = "self") -> int:
    """The bytes of a process that are in memory; by default of this one."""
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * PAGE


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            continue  # because: the listing itself was one of them
    return count


class Complaints:
    """Warnings, log records, errors that nobody caught: everything said aloud, up to a bound."""

    MOST = 50

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on, for good: the process ends with the soak."""
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", "a stream of", ResourceWarning)  # some are meant
        warnings.showwarning = lambda message, kind, *where, **more: self._note(f"{kind.__name__}: {message}")
        sys.unraisablehook = lambda told: self._note(f"unraisable in {told.object!r}: {told.exc_value!r}")
        loop.set_exception_handler(lambda loop, context: self._note(_of_loop(context)))
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self._note(f"{record.name}: {record.getMessage()}")  # type: ignore[method-assign]
        logging.getLogger().addHandler(handler)

    def _note(self, told: str) -> None:
        if len(self.heard) < self.MOST:
            self.heard.append(told)


def _of_loop(context: dict[str, Any]) -> str:
    return f"{context['message']}: {context.get('exception')!r} {context.get('task') or ''}"


class Lag:
    """How late the loop is with what is due, in buckets, so that its record does not grow."""

    def __init__(self) -> None:
        self._counts = array("q", bytes(8 * BUCKETS))
        self.worst = 0.0

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            late = max(0.0, time.monotonic() - due)
            self.worst = max(self.worst, late)
            self._counts[_bucket(late)] += 1

    def quantile(self, part: float) -> float:
        """The lag that so large a part of the looks did not exceed."""
        rest = sum(self._counts) * part
        for number, count in enumerate(self._counts):
            rest -= count
            if rest <= 0:
                return FINEST * 1.1**number
        return self.worst


def _bucket(late: float) -> int:
    number, limit = 0, FINEST
    while late > limit and number < BUCKETS - 1:
        number, limit = number + 1, limit * 1.1
    return number


class Memory:
    """Samples of resident memory, one a second, in an array that is all there from the beginning."""

    def __init__(self, seconds: float) -> None:
        self._samples = array("q", bytes(8 * (int(seconds) + 10)))
        self._taken = 0

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            self._samples[self._taken] = resident()
            self._taken += 1
            await asyncio.sleep(1.0)

    def median(self, begin: float, end: float) -> float:
        """The median of the samples between two parts of the whole time, in MiB."""
        part = self._samples[int(self._taken * begin) : int(self._taken * end)]
        return statistics.median(part) / 2**20

    @property
    def peak(self) -> float:
        """The most, in MiB."""
        return max(self._samples[: self._taken]) / 2**20


@dataclass(frozen=True)
class Left:
    """What can be left behind.

    Attributes:
        sockets: Of this process.
        tasks: Of the loop, without the one that asks.
        timers: Of the loop that will yet ring.
    """

    sockets: int
    tasks: int
    timers: int


def left_open() -> Left:
    """What there is now."""
    loop = asyncio.get_running_loop()
    timers = sum(not timer.cancelled() for timer in loop._scheduled)  # type: ignore[attr-defined]
    return Left(sockets(), len(asyncio.all_tasks()) - 1, timers)


async def until_ended(before: Left, *, turns: int = 100) -> Left:
    """What there is once it is as before, or will not be."""
    for _ in range(turns):
        gc.collect()
        await asyncio.sleep(0.01)
        if left_open() == before:
            break
    return left_open()
