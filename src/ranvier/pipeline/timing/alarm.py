"""The timer of an attempt, as its route sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """The part of a `WaitTimer` that a route uses; each method is documented there."""

    alarm_at: float

    @property
    def waiting(self) -> bool:
        """True while a task is waiting."""

    def ring(self, when: float, alarm: Callable[[float], None]) -> None:
        """Call `alarm` with the time at `when`."""

    def mute(self) -> None:
        """Cancel the alarm."""

    def interrupt(self, reason: str) -> None:
        """End the wait for `reason`."""
