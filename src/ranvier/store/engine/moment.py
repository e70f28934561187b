"""A moment on the clock of the store."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """A time in microseconds; generations use those, everything else milliseconds.

    Attributes:
        version: The version of the last change in the store; no generation exceeds it.
    """

    us: int
    version: int

    @property
    def ms(self) -> int:
        """The moment in milliseconds."""
        return self.us // 1000

    def generation(self, stored: int = 0) -> int:
        """The generation after `stored`; it grows even if `stored` was lost or the clock was set back."""
        return max(stored + 1, self.version + 1, self.us)
