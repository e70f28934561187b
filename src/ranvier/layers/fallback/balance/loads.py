"""Compares the loads of a balance's targets. Pure: the caller passes the time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low

from ranvier.layers.fallback.balance.load import Load
from ranvier.layers.fallback.first_tokens import SHORTEST

GAIN = 0.1
"""The minimum weight of a new sample in the average."""

HALF_LIFE = 60.0
"""Seconds in which an average without samples moves half the way towards the others."""

FRESH = 1.0
"""Seconds for which an average without samples counts in full."""

CLEARLY = 1.25
"""The minimum ratio of two scores that counts: smaller differences are noise."""

MAX_PASSED = 30
"""Maximum number of calls in a row that pass an idle target: otherwise its average would become stale."""


class Loads:
    """The loads of all targets of a balance.

    Args:
        names: The targets.
        weights: Their weights, in the same order.
        by: `load`, `least_busy` or `latency`.

    Attributes:
        loads: The loads, in the same order.
    """

    def __init__(self, names: Sequence[str], weights: Sequence[float], by: str) -> None:
        usual = sum(weights) / len(weights)
        self.loads = tuple(Load(name, weight / usual) for name, weight in zip(names, weights, strict=True))
        self._even = len(set(weights)) == 1
        self._counts_calls = by != "latency"
        self._counts_seconds = by != "least_busy"
        self._sampled_at = -math.inf  # the last sample of any target
        self._chosen = 0
        self._turn = 0.0

    # --- choosing --------------------------------------------------------------------------------

    def drawn(self, loads: Iterable[Load]) -> list[Load]:
        """The loads in random order: overdue ones first, and those with larger weights more often early."""
        order = list(loads)
        if self._even:
            random.shuffle(order)
        else:
            order.sort(key=lambda each: -math.log(1.0 - random.random()) / each.weight)
        order.sort(key=self.overdue, reverse=True)
        return order

    def lighter(self, first: Load, second: Load) -> Load:
        """The less loaded of two; if the difference is small, they take turns."""
        if self.overdue(first):
            return first
        scores = self.score(first), self.score(second)
        if max(scores) > CLEARLY * min(scores):
            return second if scores[1] < scores[0] else first
        return second if second.turn < first.turn else first

    def score(self, load: Load) -> float:
        """(in flight + 1) times the average time to the first content, or one of the two."""
        score = 1.0
        if self._counts_calls:
            score += load.in_flight.number / load.weight
        if self._counts_seconds:
            average = self.average(load)
            if average is not None:
                score *= max(average, SHORTEST)
        return score

    def overdue(self, load: Load) -> bool:
        """True if the target has not been chosen for so long that its average has to be refreshed."""
        passed = self._chosen - load.chosen_at
        return (
            passed >= MAX_PASSED
            and not load.in_flight.number
            and passed >= MAX_PASSED / 10 * len(self.loads) / load.weight
        )

    def chosen(self, load: Load) -> None:
        """A call is sent there."""
        self._chosen += 1
        load.chosen_at = self._chosen
        load.turn = self._turn = max(load.turn, self._turn)  # one that was away has saved up nothing
        load.turn += 1.0 / load.weight

    # --- how soon they answer --------------------------------------------------------------------

    def sample(self, load: Load, seconds: float, now: float) -> None:
        """Add a time to the first content; a failure is added as `longest`."""
        seconds, before = min(seconds, load.longest), self.average(load)
        if load.average is None or before is None:
            load.average = seconds
        else:
            load.average = before + max(GAIN, 1.0 - self._freshness(load)) * (seconds - before)
        load.sampled_at = self._sampled_at = now

    def waited(self, load: Load, seconds: float, now: float) -> None:
        """Add a call that was abandoned after `seconds` without content: its time would have been longer."""
        average = self.average(load)
        if average is not None and seconds > average:
            self.sample(load, seconds, now)

    def average(self, load: Load) -> float | None:
        """The average, mixed with the median of the others the longer it has no samples while they have.

        `None` if there are no samples at all.
        """
        own = load.average
        if own is not None and self._sampled_at - load.sampled_at < FRESH:
            return own
        others = [each.average for each in self.loads if each is not load and each.average is not None]
        if not others:
            return own
        usual = median_low(others)
        return usual if own is None else usual + (own - usual) * self._freshness(load)

    def _freshness(self, load: Load) -> float:
        """The weight of the average: 1 if it is sampled as recently as the others, less if it is older."""
        return math.exp2((load.sampled_at - self._sampled_at) / HALF_LIFE)

    def take_over(self, before: Mapping[str, Load]) -> None:
        """Take over the loads of targets with the same names; all turns start equal."""
        for load in self.loads:
            if load.name in before:
                load.take_over(before[load.name])
                self._sampled_at = max(self._sampled_at, load.sampled_at)

    def shift(self, seconds: float) -> None:
        """Move to another event loop, whose clock is `seconds` ahead."""
        self._sampled_at += seconds
        for load in self.loads:
            load.shift(seconds)
