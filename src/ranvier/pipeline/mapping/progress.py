"""How far a run over many prompts has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of one moment.

    Attributes:
        total: The number of prompts; `None` while unknown.
        answered, failed: Prompts of this run that have ended.
        skipped: Prompts that the file of answers had already.
        in_flight: Prompts that are asked at the moment.
        seconds: Since the start.
        cost: What the run has cost, by the prices of the pipeline; `None` if it has none.
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
        """Prompts that are over: answered, failed or skipped."""
        return self.answered + self.failed + self.skipped

    @property
    def rate(self) -> float:
        """Prompts that this run has ended, per second."""
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
