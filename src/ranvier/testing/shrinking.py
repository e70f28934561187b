"""Shrinks a fault schedule that makes a scenario fail to the shortest and simplest one that still does.

It runs nothing itself: the caller passes a function that tries a schedule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ranvier.testing.faults import Fault

Schedule = tuple[Fault, ...]

Fails = Callable[[Schedule], Schedule | None]
"""Tries a schedule: returns the faults that happened where it still fails, otherwise `None`."""


def shrunk(faults: Schedule, fails: Fails, tries: int) -> Schedule:
    """Return the simplest schedule that still fails, as far as it is found within `tries` tries.

    It first omits whole stretches, then single faults, then reduces the sizes that are left. It restarts
    from each simpler schedule that still fails, so the same failure always shrinks the same way.
    """
    tried: set[Schedule] = {faults}
    while True:
        for candidate in _simpler(faults):
            if candidate in tried:
                continue
            if len(tried) > tries:
                return faults
            tried.add(candidate)
            reached = fails(candidate)
            if reached is not None:
                faults = reached
                break
        else:
            return faults


def _simpler(faults: Schedule) -> Iterator[Schedule]:
    length = len(faults)
    while length:
        for begin in range(0, len(faults), length):
            yield faults[:begin] + faults[begin + length :]
        length //= 2
    for position, fault in enumerate(faults):
        for size in _smaller(fault.size):
            yield (*faults[:position], dataclasses.replace(fault, size=size), *faults[position + 1 :])


def _smaller(size: float) -> Iterator[float]:
    """Smaller and rounder numbers, the roundest first."""
    for candidate in (0.0, 1.0, float(int(size)), round(size / 2, 2), size - 1):
        if 0 <= candidate < size:
            yield candidate
