"""Makes a list of faults that breaks something as short and as plain as it can be.

Pure: it is told which lists still break it, and runs nothing itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ranvier.testing.faults import Fault

Schedule = tuple[Fault, ...]

Fails = Callable[[Schedule], Schedule | None]
"""Given a schedule, says whether it still fails: with the faults that were reached, or `None`."""


def shrunk(faults: Schedule, fails: Fails, tries: int) -> Schedule:
    """A schedule that still fails and of which, within so many tries, nothing could be spared.

    First whole stretches are left out, then single faults, then what is left is made smaller. The
    first that still fails is kept and all begins anew, so that the same failure always shrinks the same way.
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
    """Rounder and smaller numbers, the plainest first."""
    for candidate in (0.0, 1.0, float(int(size)), round(size / 2, 2), size - 1):
        if 0 <= candidate < size:
            yield candidate
