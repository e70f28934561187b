"""The worst case of one call: the most upstream attempts, and the most seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most upstream attempts, and the most seconds; infinity means no limit."""

    attempts: int = 0
    seconds: float = 0.0

    def __add__(self, other: WorstCase) -> WorstCase:
        """Both, one after the other."""
        return WorstCase(self.attempts + other.attempts, self.seconds + other.seconds)

    def times(self, often: int, pause: float = 0.0) -> WorstCase:
        """This case `often` times, with `pause` seconds between them."""
        pauses = (often - 1) * pause if often > 1 else 0.0
        return WorstCase(self.attempts * often, self.seconds * often + pauses)

    def later(self, seconds: float) -> WorstCase:
        """This case after a wait of `seconds`."""
        return WorstCase(self.attempts, self.seconds + seconds)

    def within(self, seconds: float | None) -> WorstCase:
        """This case, cut off after `seconds`; `None` means never."""
        return self if seconds is None else WorstCase(self.attempts, min(self.seconds, seconds))
