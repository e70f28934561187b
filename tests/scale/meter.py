"""Counts what goes to a store and comes from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Meter:
    """What all workers have said and heard so far.

    Attributes:
        batches: Round trips that were answered.
        commands: How many of each kind; `TenantCount` are the entries of the counts.
        pushes: Changes that arrived, at all workers together.
        connected: Workers that have a session.
    """

    batches: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    pushes: int = 0
    connected: int = 0

    def copy(self) -> Meter:
        """What it is now."""
        return Meter(self.batches, Counter(self.commands), self.pushes, self.connected)


@dataclass(frozen=True)
class Phase:
    """What happened in some seconds.

    Attributes:
        name: Of the phase.
        seconds: How long it took.
        batches, pushes: A second.
        kinds: Commands a second of each kind, the most frequent first.
    """

    name: str
    seconds: float
    batches: float
    pushes: float
    kinds: dict[str, float]

    @property
    def commands(self) -> float:
        """Commands a second."""
        return sum(rate for kind, rate in self.kinds.items() if kind != "TenantCount")


def between(name: str, seconds: float, first: Meter, last: Meter) -> Phase:
    """What happened from one reading to the other."""
    said = last.commands - first.commands
    return Phase(
        name=name,
        seconds=seconds,
        batches=(last.batches - first.batches) / seconds,
        pushes=(last.pushes - first.pushes) / seconds,
        kinds={kind: times / seconds for kind, times in said.most_common()},
    )
