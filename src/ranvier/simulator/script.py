"""Selects the fault for a request. It reads no clock: the time is an argument."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable

from ranvier.simulator.dialogue import Ask
from ranvier.simulator.faults.fault import Fault
from ranvier.simulator.rules import Rule

_MAX_KEYS = 100_000


class Script:
    """Rules in order, each with its counters; the first rule that hits a request decides.

    Args:
        rules: The initial rules.
        seed: The seed of the random numbers for `Rule.probability`.
        now: The time at which the initial rules are added, in seconds.
    """

    def __init__(self, rules: Iterable[Rule] = (), *, seed: int = 0, now: float = 0.0) -> None:
        self._rng = random.Random(seed)
        self._active: list[_ActiveRule] = []
        for rule in rules:
            self.add(rule, now)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they are tried."""
        return tuple(active.rule for active in self._active)

    def add(self, rule: Rule, now: float) -> None:
        """Add `rule` after all others; its times count from `now`."""
        self._active.append(_ActiveRule(rule, now))

    def clear(self, provider: str | None = None) -> None:
        """Remove the rules for `provider` only, or all rules if it is `None`."""
        kept = () if provider is None else self._active
        self._active = [active for active in kept if active.rule.provider != provider]

    def fault_for(self, ask: Ask, now: float) -> Fault | None:
        """The fault for `ask`; `None` means a good answer."""
        for active in self._active:
            fault = active.hit(ask, now, self._rng)
            if fault is not None:
                return fault
        return None


class _ActiveRule:
    """A rule with its counters."""

    __slots__ = ("_added", "_hits", "_rates", "_seen", "rule")

    def __init__(self, rule: Rule, now: float) -> None:
        self.rule = rule
        self._added = now
        self._seen = 0
        self._hits = 0
        self._rates = None if rule.above is None else _Rates(rule.above)

    def hit(self, ask: Ask, now: float, rng: random.Random) -> Fault | None:
        rule = self.rule
        if not rule.fits(ask) or not rule.is_on(now - self._added):
            return None
        self._seen += 1
        if self._seen % rule.every or (rule.first is not None and self._hits >= rule.first):
            return None
        wait = self._rates.take(f"{ask.provider} {ask.key}", now) if self._rates else 0.0
        if self._rates and not wait:
            return None
        if rule.probability < 1 and rng.random() >= rule.probability:
            return None
        self._hits += 1
        return rule.fault.limited(wait) if wait else rule.fault


class _Rates:
    """A token bucket per key: one token is added every 1/`rate` seconds, up to one second's worth."""

    __slots__ = ("_buckets", "_capacity", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take a token: returns 0 if there was one, else the seconds until the next one."""
        tokens, when = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - when) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MAX_KEYS:
            # The least recently used key most likely has a full bucket again.
            self._buckets.popitem(last=False)
        return wait
