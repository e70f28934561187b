"""What a run of a scenario has measured, and whether it is within its bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

LATE = 15.0
"""A call that waits so many seconds for its first content has waited too long."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One call, as its caller saw it.

    Attributes:
        tenant: Who called.
        began: When it began.
        first: Seconds until its first content, or until it failed.
        target: The target that answered; `None` if it failed.
        error: The kind of its error; `None` if it was answered to the end.
        prompt: What it asked.
    """

    tenant: str
    began: float
    first: float
    target: str | None
    error: str | None
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure that has a bound: at most `bound`, or at least where `least` is true."""

    what: str
    value: float
    bound: float
    least: bool = False

    @property
    def passed(self) -> bool:
        """Whether it is within its bound."""
        return self.value >= self.bound if self.least else self.value <= self.bound

    @property
    def distance(self) -> float:
        """The larger, the worse; comparable between runs of the same scenario only."""
        return self.bound - self.value if self.least else self.value - self.bound


@dataclass(slots=True)
class Figures:
    """One run, or the worst of several.

    Attributes:
        offered: The calls.
        requests: The requests that each target received.
        success: The share of calls that were answered to the end.
        mean, p50, p99: Seconds until the first content, or until the call failed.
        late: The share of calls for which that took at least 15 s.
        checks: What is bounded.
    """

    offered: int
    requests: dict[str, int]
    success: float
    mean: float
    p50: float
    p99: float
    late: float
    checks: list[Check] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything is within its bounds."""
        return all(check.passed for check in self.checks)


def measured(calls: Iterable[Heard], requests: dict[str, int]) -> Figures:
    """The figures of these calls."""
    heard = list(calls)
    waits = sorted(each.first for each in heard)
    number = len(waits)
    return Figures(
        number,
        requests,
        success=sum(each.error is None for each in heard) / number,
        mean=sum(waits) / number,
        p50=waits[number // 2],
        p99=waits[min(number - 1, int(number * 0.99))],
        late=sum(wait >= LATE for wait in waits) / number,
    )


def worst(runs: list[Figures]) -> Figures:
    """The run that is furthest from its bounds, with the worst value of every check."""
    checks = [
        max(same, key=lambda check: check.distance)
        for same in zip(*(run.checks for run in runs), strict=True)
    ]
    shown = max(runs, key=lambda run: [not run.passed, *(check.distance for check in run.checks)])
    return Figures(
        **{name: getattr(shown, name) for name in Figures.__slots__ if name != "checks"}, checks=checks
    )
