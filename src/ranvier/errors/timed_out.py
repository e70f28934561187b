"""Something took longer than it may."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class TimedOutError(RanvierError, TimeoutError):
    """Something took longer than it may."""

    kind = "timeout"
