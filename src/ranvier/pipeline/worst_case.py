"""The worst case of one call: the most upstream attempts, and the most seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most upstream attempts, and the most seconds; infinity means no limit.

    Attributes:
        attempts: The attempts.
        seconds: The seconds, without `waits`.
        waits: Seconds of waits at a target that do not depend on the number of attempts there.
    """

    attempts: int = 0
    seconds: float = 0.0
    waits: float = 0.0

    def __add__(self, other: WorstCase) -> WorstCase:
        """The sum of both cases."""
        return WorstCase(
            self.attempts + other.attempts, self.seconds + other.seconds, self.waits + other.waits
        )

    def times(self, often: int, pause: float = 0.0) -> WorstCase:
        """This case, `often` times in a row, with `pause` seconds in between."""
        pauses = (often - 1) * pause if often > 1 else 0.0
        return WorstCase(self.attempts * often, self.seconds * often + pauses, self.waits)

    def later(self, seconds: float) -> WorstCase:
        """This case after a wait of `seconds`."""
        return WorstCase(self.attempts, self.seconds + seconds, self.waits)

    def waiting(self, seconds: float) -> WorstCase:
        """This case with waits at the target of `seconds` in total."""
        return WorstCase(self.attempts, self.seconds, self.waits + seconds)

    def whole(self) -> WorstCase:
        """This case with its waits added to its seconds."""
        return WorstCase(self.attempts, self.seconds + self.waits)

    def within(self, seconds: float | None) -> WorstCase:
        """This case, cut off after `seconds`; `None` means never."""
        return self if seconds is None else WorstCase(self.attempts, min(self.whole().seconds, seconds))
