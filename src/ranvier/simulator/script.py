"""Decides what happens to a request: pure, with the time as an argument."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable

from ranvier.simulator.dialogue import Ask
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.rules import Rule

_MOST_KEYS = 100_000


class Script:
    """Rules in their order, each with what it has seen; the first that hits a request decides.

    Args:
        rules: What is there from the beginning.
        seed: Of the draws for `Rule.probability`.
        now: When the beginning is.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, seed: int = 0, now: float = 0.0) -> None:
        self._draws = random.Random(seed)
        self._standing: list[_Standing] = []
        for rule in rules:
            self.add(rule, now)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, the first to be asked first."""
        return tuple(standing.rule for standing in self._standing)

    def add(self, rule: Rule, now: float) -> None:
        """Ask `rule` after all the others, with its time beginning `now`."""
        self._standing.append(_Standing(rule, now))

    def clear(self, provider: str | None = None) -> None:
        """Forget the rules that are about `provider` alone, or all."""
        kept = () if provider is None else self._standing
        self._standing = [standing for standing in kept if standing.rule.provider != provider]

    def fault_for(self, ask: Ask, now: float) -> Fault | None:
        """What happens to `ask`; `None` is nothing: it gets a good answer."""
        for standing in self._standing:
            fault = standing.hit(ask, now, self._draws)
            if fault is not None:
                return fault
        return None


class _Standing:
    """A rule that stands, and what it has counted."""

    __slots__ = ("_added", "_hits", "_rates", "_seen", "rule")

    def __init__(self, rule: Rule, now: float) -> None:
        self.rule = rule
        self._added = now
        self._seen = 0
        self._hits = 0
        self._rates = None if rule.above is None else _Rates(rule.above)

    def hit(self, ask: Ask, now: float, draws: random.Random) -> Fault | None:
        rule = self.rule
        if not rule.fits(ask) or not rule.is_on(now - self._added):
            return None
        self._seen += 1
        if self._seen % rule.every or (rule.first is not None and self._hits >= rule.first):
            return None
        wait = self._rates.take(f"{ask.provider} {ask.key}", now) if self._rates else 0.0
        if self._rates and not wait:
            return None
        if rule.probability < 1 and draws.random() >= rule.probability:
            return None
        self._hits += 1
        return rule.fault.limited(wait) if wait else rule.fault


class _Rates:
    """A bucket of tokens for each key: one flows in every 1/`rate` seconds, up to one second's worth."""

    __slots__ = ("_buckets", "_capacity", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one token: 0 where there is one, else the seconds until there will be."""
        tokens, when = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - when) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MOST_KEYS:
            # The key that has been away the longest has most likely a full bucket again.
            self._buckets.popitem(last=False)
        return wait
