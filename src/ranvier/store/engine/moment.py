"""A moment on the clock of the store."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """One moment, in microseconds for generations and in milliseconds for everything else."""

    us: int
    ms: int

    def generation(self, stored: int) -> int:
        """The generation after `stored`: it grows even if that is lost, or the clock is set back."""
        return max(stored + 1, self.us)


def moment(us: int) -> Moment:
    """The moment of so many microseconds."""
    return Moment(us, us // 1000)
