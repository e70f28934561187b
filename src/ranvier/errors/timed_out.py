"""The base class of timeouts."""

from __future__ import annotations

from ranvier.errors.root import RanvierError


class TimedOutError(RanvierError, TimeoutError):
    """A call or an attempt took longer than its limit."""

    kind = "timeout"
