"""The most that one call can take: upstream attempts, and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorstCase:
    """At most so many upstream attempts, and so many seconds; infinity is without limit."""

    attempts: int = 0
    seconds: float = 0.0

    def __add__(self, other: WorstCase) -> WorstCase:
        """One after the other."""
        return WorstCase(self.attempts + other.attempts, self.seconds + other.seconds)

    def times(self, often: int, pause: float = 0.0) -> WorstCase:
        """So often, with a pause of so many seconds in between."""
        pauses = (often - 1) * pause if often > 1 else 0.0
        return WorstCase(self.attempts * often, self.seconds * often + pauses)

    def later(self, seconds: float) -> WorstCase:
        """After a wait of so many seconds."""
        return WorstCase(self.attempts, self.seconds + seconds)

    def within(self, seconds: float | None) -> WorstCase:
        """Cut off after so many seconds; `None` is never."""
        return self if seconds is None else WorstCase(self.attempts, min(self.seconds, seconds))
