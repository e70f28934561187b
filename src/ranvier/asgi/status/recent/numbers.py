"""What was counted lately, of calls or of attempts at one provider; it adds up over workers. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import add
from typing import TypeAlias

from ranvier.asgi.status.stats import OTHERS
from ranvier.asgi.status.windows import STEPS

WINDOW = 60
"""Seconds over which events are counted and rates are computed."""

SERIES = 120
"""Seconds that the series cover, with one value per second."""

ALL = ""
"""In the place of a provider's name: calls, at all of them together."""

COUNTERS = ("outcomes", "happened", "circuits")
LISTS = {"succeeded": SERIES, "failed": SERIES, "seconds": len(STEPS) + 1, "first_token": len(STEPS) + 1}
"""The fields of `Recent` with numbers by name, and those with a list of numbers, with its length.

Workers of other versions read them: give one with another meaning or length another name.
"""


@dataclass(slots=True)
class Recent:
    """What was counted lately.

    Attributes:
        rate: How many per second.
        outcomes: How many ended in each way.
        happened: How often anything else happened, or how many there are now, by the field of `status.json`.
        circuits: How many circuits are in each state.
        succeeded, failed: How many did so in each of the last seconds; empty if none.
        seconds, first_token: How many took how long, by the step of `STEPS`; empty if none.
    """

    rate: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    circuits: Counter[str] = field(default_factory=Counter)
    succeeded: Sequence[int] = ()
    failed: Sequence[int] = ()
    seconds: Sequence[int] = ()
    first_token: Sequence[int] = ()

    def add(self, other: Recent) -> None:
        """Count what `other` has counted, too."""
        self.rate += other.rate
        for name in COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name in LISTS:
            setattr(self, name, _sum(getattr(self, name), getattr(other, name)))


Recents: TypeAlias = dict[str, Recent]
"""By provider; and `ALL`."""


def add_all(total: Recents, more: Mapping[str, Recent], most: int) -> None:
    """Count `more`, too; what there is no room for, with `most` names, is counted as `OTHERS`."""
    for name, each in more.items():
        known = name if name in total or len(total) < most else OTHERS
        total.setdefault(known, Recent()).add(each)


def _sum(first: Sequence[int], second: Sequence[int]) -> Sequence[int]:
    return list(map(add, first, second)) if first and second else first or second
