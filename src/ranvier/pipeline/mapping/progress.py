"""The progress of a run over many prompts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress at one moment.

    Attributes:
        total: The number of prompts; `None` while unknown.
        answered, failed: The number of prompts that this run has answered, and that failed.
        skipped: The number of prompts whose answers were in the file already.
        in_flight: The number of calls in flight.
        seconds: Seconds since the start.
        cost: The cost of the run so far, by the prices of the pipeline; `None` if it has none.
    """

    total: int | None = None
    answered: int = 0
    failed: int = 0
    skipped: int = 0
    in_flight: int = 0
    seconds: float = 0.0
    cost: float | None = None

    @property
    def done(self) -> int:
        """The number of prompts that were answered, failed or skipped."""
        return self.answered + self.failed + self.skipped

    @property
    def rate(self) -> float:
        """Answered and failed prompts per second."""
        return (self.answered + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end at this rate; `None` while unknown."""
        if self.total is None or not self.rate:
            return None
        return max(self.total - self.done, 0) / self.rate

    def __str__(self) -> str:
        parts = [f"{self.rate:.1f}/s"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.skipped:
            parts.append(f"{self.skipped} answered before")
        if self.cost is not None:
            parts.append(f"cost {self.cost:.4f}")
        if (left := self.seconds_left) is not None:
            parts.append(f"{int(left) // 60}:{int(left) % 60:02} left")
        return ", ".join(parts)
