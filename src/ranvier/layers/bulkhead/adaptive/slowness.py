"""Detects that a provider has become slower to begin its answers. Pure."""

from __future__ import annotations

from array import array

SHORT, LONG = 50, 1000
"""The number of first tokens in the short and in the long window."""

TIMES = 2.0
"""The provider is slow if p90 of the short window is at least this many times that of the long window."""


class Slowness:
    """Compares p90 of the latest times to the first token with p90 of many.

    The long window moves on with every short one, slow or not: if a provider stays slow, slow soon becomes
    usual.
    """

    __slots__ = ("_long", "_short", "_used")

    def __init__(self) -> None:
        self._long = array("f")
        self.restart()

    def restart(self) -> None:
        """Empty the short window: the limit was cut, and its answers say nothing about the new one."""
        self._short = array("f")
        self._used = False  # at one of them at least, as many calls were in flight as the limit allows

    def add(self, seconds: float, *, used: bool) -> bool:
        """Add a time; true if the short window is full and slow, and the limit may be the cause.

        Args:
            seconds: The time to a first token.
            used: True if as many calls were in flight as the limit allows.
        """
        self._short.append(seconds)
        self._used = self._used or used
        if len(self._short) < SHORT:
            return False
        slow = self._used and len(self._long) >= 2 * SHORT and _p90(self._short) > TIMES * _p90(self._long)
        self._long = (self._long + self._short)[-LONG:]
        self.restart()
        return slow


def _p90(times: array[float]) -> float:
    return sorted(times)[int(0.9 * len(times))]
