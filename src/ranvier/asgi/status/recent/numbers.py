"""The recent counts of calls, or of attempts at one provider; workers' counts can be added up. Pure."""

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
"""The length of the series in seconds; they have one value per second."""

ALL = ""
"""Stands for a provider's name where calls at all providers are counted together."""

COUNTERS = ("outcomes", "happened", "circuits")
LISTS = {"succeeded": SERIES, "failed": SERIES, "seconds": len(STEPS) + 1, "first_token": len(STEPS) + 1}
"""The fields of `Recent` that hold numbers by name, and those that hold a list, with its length.

Workers of other versions read these fields: if a meaning or length changes, rename the field.
"""


@dataclass(slots=True)
class Recent:
    """Recent counts of calls, or of the attempts at one provider.

    Attributes:
        rate: Calls or attempts per second.
        outcomes: The number of each outcome in the window.
        happened: Counts of other events, and numbers in flight, by their field in `status.json`.
        circuits: The number of circuits in each state.
        succeeded, failed: The successes and failures in each of the last `SERIES` seconds; empty if none.
        seconds, first_token: Latency histograms with the buckets of `STEPS`; empty if none.
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
        """Add the counts of `other` to these."""
        self.rate += other.rate
        for name in COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name in LISTS:
            setattr(self, name, _sum(getattr(self, name), getattr(other, name)))


Recents: TypeAlias = dict[str, Recent]
"""Recent counts by provider, and those of all calls by `ALL`."""


def add_all(total: Recents, more: Mapping[str, Recent], most: int) -> None:
    """Add `more` to `total`; once it has `most` names, further names are counted as `OTHERS`."""
    for name, recent in more.items():
        known = name if name in total or len(total) < most else OTHERS
        total.setdefault(known, Recent()).add(recent)


def _sum(first: Sequence[int], second: Sequence[int]) -> Sequence[int]:
    return list(map(add, first, second)) if first and second else first or second
