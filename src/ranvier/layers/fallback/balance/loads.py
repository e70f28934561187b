"""The targets of a balance: which of two is less loaded. Pure: the caller passes the time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low

from ranvier.layers.fallback.balance.load import Load
from ranvier.layers.fallback.first_tokens import SHORTEST

GAIN = 0.1
"""The share of a new sample in the average, at least."""

HALF_LIFE = 60.0
"""Seconds in which an average that is not sampled comes half as close to that of the others."""

FRESH = 1.0
"""Seconds for which an average counts as it is."""

CLEARLY = 1.25
"""How many times as large the score of the more loaded one is, at least: smaller differences are noise."""

MAX_PASSED = 30
"""How many calls in a row go elsewhere, at most, while a target has none: its average would grow stale."""


class Loads:
    """The loads of all targets of a balance.

    Args:
        names: The targets.
        weights: Their weights, in the same order.
        by: `load`, `least_busy` or `latency`.

    Attributes:
        loads: In the same order.
    """

    def __init__(self, names: Sequence[str], weights: Sequence[float], by: str) -> None:
        usual = sum(weights) / len(weights)
        self.loads = tuple(Load(name, weight / usual) for name, weight in zip(names, weights, strict=True))
        self._even = len(set(weights)) == 1
        self._counts_calls = by != "latency"
        self._counts_seconds = by != "least_busy"
        self._sampled_at = -math.inf  # any of them
        self._chosen = 0
        self._turn = 0.0

    # --- choosing --------------------------------------------------------------------------------

    def drawn(self, loads: Iterable[Load]) -> list[Load]:
        """The loads in random order, those that are overdue first; a heavier one is more often early."""
        order = list(loads)
        if self._even:
            random.shuffle(order)
        else:
            order.sort(key=lambda each: -math.log(1.0 - random.random()) / each.weight)
        order.sort(key=self.overdue, reverse=True)
        return order

    def lighter(self, first: Load, second: Load) -> Load:
        """The less loaded of two that were drawn in this order; if neither clearly is, they take turns."""
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
        """A call had its first content after `seconds`, or a failure counts as so long."""
        seconds, before = min(seconds, load.longest), self.average(load)
        if load.average is None or before is None:
            load.average = seconds
        else:
            load.average = before + max(GAIN, 1.0 - self._freshness(load)) * (seconds - before)
        load.sampled_at = self._sampled_at = now

    def waited(self, load: Load, seconds: float, now: float) -> None:
        """A call had no content for `seconds`, and then was not waited for: it would have taken longer."""
        average = self.average(load)
        if average is not None and seconds > average:
            self.sample(load, seconds, now)

    def average(self, load: Load) -> float | None:
        """The average, as far as it has not faded towards the median of the others.

        It fades while the others are sampled and it is not. `None` if there are no samples at all.
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
        """1 for an average that is sampled as often as the others, and less the older it is."""
        return math.exp2((load.sampled_at - self._sampled_at) / HALF_LIFE)

    def take_over(self, before: Mapping[str, Load]) -> None:
        """Go on with what was known about the targets with the same names. Nobody has saved up a turn."""
        for load in self.loads:
            if load.name in before:
                load.take_over(before[load.name])
                self._sampled_at = max(self._sampled_at, load.sampled_at)

    def shift(self, seconds: float) -> None:
        """Go on with another event loop, whose clock is `seconds` ahead."""
        self._sampled_at += seconds
        for load in self.loads:
            load.shift(seconds)
