"""Keys whose limits are reported with each answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt, target
from benchmarks.scenarios.upstream import Draw, Reply, Upstream, lognormal
from benchmarks.scenarios.world import Ask, Log, World, at_random, names
from ranvier import RateLimitError, Usage
from ranvier.clock import now
from ranvier.facts.rate_limits import RateLimit, RateLimits
from ranvier.layers import Pacing
from ranvier.pipeline import Call

RATE, SECONDS = 10.0, 300.0
"""Requests per second that the key is good for, and for how long calls are made."""

TOKENS = 100.0
"""Tokens that a call is expected to use; it uses 0.2 to 1.6 times as many."""


class Bucket:
    """It holds what comes back in a second."""

    def __init__(self, rate: float) -> None:
        self.limit = self.left = rate
        self._since = 0.0

    def refill(self) -> None:
        """Let the time since the last request count."""
        self.left = min(self.limit, self.left + (now() - self._since) * self.limit)
        self._since = now()

    @property
    def reset(self) -> float:
        """Seconds until it is full."""
        return (self.limit - self.left) / self.limit


class Windows:
    """Of a minute each."""

    def __init__(self, rate: float) -> None:
        self.limit = self.left = 60 * rate
        self._ends = 60.0

    def refill(self) -> None:
        """Begin another window, if the last one is over."""
        while now() >= self._ends:
            self._ends += 60
            self.left = self.limit

    @property
    def reset(self) -> float:
        """Seconds until it ends."""
        return self._ends - now()


LIMITS: dict[str, Callable[[float], Bucket | Windows]] = {"bucket of a second": Bucket, "windows": Windows}


@dataclass
class Reporting:
    """Answers while the key has something left, otherwise 429. It says what is left with both.

    Args:
        left: What the key has left: requests, or tokens if `rng` is given.
        draw: Seconds until the answer.
        rng: Draws how many tokens a call uses.
    """

    left: Bucket | Windows
    draw: Draw
    rng: Random | None = None
    refused: int = 0
    used: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self, call: Call) -> Reply:
        """Answer one request."""
        self.left.refill()
        cost = 1.0 if self.rng is None else TOKENS * self.rng.uniform(0.2, 1.6)
        good = self.left.left >= cost
        self.left.left -= cost * good
        said = RateLimit(self.left.limit, math.floor(self.left.left), round(self.left.reset, 3))
        limits = RateLimits(requests=said) if self.rng is None else RateLimits(tokens=said)
        self.waits.append(now() - call.record.started_at)
        if good:
            self.used += cost
            usage = Usage(input=10, output=round(cost) - 10, total=round(cost))
            return Reply(self.draw(), usage=usage, limits=limits)
        self.refused += 1
        name = call.deployment.provider.name
        return Reply(0.1, lambda: RateLimitError("slow down", provider=name, status=429), limits=limits)

    def checks(self, log: Log) -> list[Check]:
        """The share of requests that were rejected, and of calls that failed."""
        failed = sum(each.error is not None for each in log.calls) / len(log.calls)
        return [
            Check("429s", self.refused / len(self.waits), 0.01 if self.rng is None else 0.02),
            Check("rejections", failed, 0.005),
        ]


def _answers(world: World) -> Draw:
    return lognormal(0.5, 0.5, Random(world.rng.random()))


def _paced(world: World) -> dict[str, Any]:
    return {} if world.features == "off" else {"layers": [Pacing()]}


@row("95 % of a reported limit", limit=LIMITS)
def paced_key(world: World, limit: Callable[[float], Bucket | Windows]) -> Figures:
    """A key with a limit of 10 calls per second, 9.5 offered, for five minutes; 20 tenants, one target.

    At most 1 % of the requests get a 429, at most 0.5 % of the calls fail, and half of them do not wait. With
    features on, the stack has `Pacing()`.
    """
    first = Reporting(limit(RATE), _answers(world))
    calls = at_random(names(20), 0.95 * RATE, SECONDS, world.rng)
    log = world.play([target(FIRST, first)], calls, **_paced(world))
    figures = log.figures()
    median = sorted(first.waits)[len(first.waits) // 2]
    figures.checks += [*first.checks(log), Check("p50 wait", median, 0.0)]
    return figures


@row("120 % of a reported limit, a second target without limits", limit=LIMITS)
def paced_overload(world: World, limit: Callable[[float], Bucket | Windows]) -> Figures:
    """As above with 12 calls per second. At most 1 % get a 429, and p50 is at most 1 s.

    At least 97 % of the limit of the first target is used.
    """
    return _overload(world, Reporting(limit(RATE), _answers(world)), RATE, 0.97)


@row("120 % of a reported token limit, a second target without limits", limit=LIMITS)
def paced_tokens(world: World, limit: Callable[[float], Bucket | Windows]) -> Figures:
    """As above, by tokens: a call uses 0.2 to 1.6 times the estimate. At most 2 % get a 429.

    At least 90 % of the limit is used.
    """
    rate = RATE * 0.9 * TOKENS  # for the average call
    first = Reporting(limit(rate), _answers(world), Random(world.rng.random()))
    return _overload(world, first, rate, 0.90)


def _overload(world: World, first: Reporting, rate: float, least: float) -> Figures:
    targets: list[Upstream] = [target(FIRST, first), target(SECOND, prompt(world.rng, 0.5))]
    log = world.play([*targets], at_random(names(20), 1.2 * RATE, SECONDS, world.rng), **_paced(world))
    figures = log.figures()
    figures.checks += [
        *first.checks(log),
        Check("p50", figures.p50, 1.0),
        Check("used", first.used / (rate * SECONDS), least, least=True),
    ]
    return figures


@row("1,000 simultaneous calls of one tenant, a reported limit of 10 calls per second")
def loud_key(world: World) -> Figures:
    """For 90 s, 20 quiet tenants make 5 calls per second; the burst starts after 5 s, with unlimited waits.

    p99 of the quiet tenants' waits is at most 2.2 s. With features off, the stack has no `Pacing`.
    """
    first = Reporting(Bucket(RATE), _answers(world))
    quiet = list(at_random(names(20), 5, 90, world.rng))
    calls = sorted([*quiet, *([Ask(5.0, "loud")] * 1000)], key=lambda each: each.at)
    settings = {} if world.features == "off" else {"layers": [Pacing(max_wait=None)]}
    log = world.play([target(FIRST, first)], calls, deadline=600, **settings)
    waits = sorted(each.first for each in log.calls if each.tenant != "loud")
    figures = log.figures()
    figures.checks += [
        Check("quiet p99", waits[int(0.99 * len(waits))], 2.2),
        Check("429s", first.refused / len(first.waits), 0.01),
        Check("success", figures.success, 0.99, least=True),
    ]
    return figures
