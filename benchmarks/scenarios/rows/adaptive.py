"""Providers with a limit that nobody knows, and that moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random

from benchmarks.scenarios.figures import Check, Figures, Heard, measured
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST
from benchmarks.scenarios.stacks import STACKS
from benchmarks.scenarios.upstream import USAGE, Upstream, lognormal, silent
from benchmarks.scenarios.world import World, names
from ranvier import FinishReason, Pipeline, RanvierError, RateLimitError, StreamEvent
from ranvier.clock import now
from ranvier.layers import AdaptiveLimit
from ranvier.pipeline import Call
from ranvier.testing import virtual_time

LIMITS, PHASE, SETTLED = (20, 8, 40), 100, 25
"""What the hidden limit is, for how many service times each, and in how many of them it has to be found."""

PIECES = 3

SPREAD = {"concurrency": 0.0, "rate": 0.3}
"""How much answers vary. At a rate, equal answers would stay in step, and only the bucket would matter."""


class Hidden(Upstream):
    """Refuses requests beyond a limit that moves, and does not say for how long.

    Args:
        kind: `concurrency`, or `rate`: a token bucket that refills in one service time.
        service: How long an answer takes on average.
    """

    def __init__(self, kind: str, service: float, rng: Random) -> None:
        provider, _, model = FIRST.partition("/")
        super().__init__(provider, model, silent)
        self.kind, self.service = kind, service
        self._draw = lognormal(0.95 * service, SPREAD[kind], rng)
        self._running = self.refused = 0
        self._tokens, self._since = float(LIMITS[0]), 0.0

    @property
    def limit(self) -> int:
        """How many requests it takes now: at a time, or in one service time."""
        return LIMITS[min(int(now() / (PHASE * self.service)), len(LIMITS) - 1)]

    def _takes_one(self) -> bool:
        if self.kind == "concurrency":
            return self._running < self.limit
        refilled = (now() - self._since) * self.limit / self.service
        self._tokens, self._since = min(self._tokens + refilled, self.limit), now()
        if takes := self._tokens >= 1:
            self._tokens -= 1
        return takes

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The answer, or a refusal after a tenth of a second."""
        target = call.deployment.target
        self.asked.setdefault(target, []).append(now())
        if not self._takes_one():
            self.refused += 1
            await asyncio.sleep(0.1)
            raise RateLimitError("slow down", provider=self.name, status=429)
        self._running += 1
        try:
            await asyncio.sleep(0.05 * self.service)
            yield StreamEvent(text=target)
            gap = self._draw() / PIECES
            for _ in range(PIECES):
                await asyncio.sleep(gap)
                yield StreamEvent(text=".")
            yield StreamEvent(finish_reason=FinishReason.STOP, usage=USAGE)
        finally:
            self._running -= 1


class Play:
    """60 callers, each of whom calls again and again, while the limit that was found is written down."""

    def __init__(self, upstream: Hidden, pauses: bool) -> None:
        self.upstream, self.pauses = upstream, pauses
        self.end = len(LIMITS) * PHASE * upstream.service
        self.calls: list[Heard] = []
        self.found: list[tuple[float, int]] = []

    async def run(self, features: str) -> None:
        """All of it."""
        layer = AdaptiveLimit(max_wait=None)
        layers = [layer] if features == "on" else []
        pipeline = (
            STACKS[features](self.upstream, layers=layers) if layers else STACKS[features](self.upstream)
        )
        async with pipeline, asyncio.TaskGroup() as group:
            for name in names(60):
                group.create_task(self._call(pipeline, name))
            while now() < self.end:
                self.found += [(now(), each.limit) for each in layer.places]
                await asyncio.sleep(self.upstream.service / 20)

    async def _call(self, pipeline: Pipeline, name: str) -> None:
        service = self.upstream.service
        while now() < self.end:
            if self.pauses and int(now() / (7 * service)) % 3 == 2:
                await asyncio.sleep(7 * service - now() % (7 * service) + 0.001)
                continue
            began, target, error = now(), None, None
            first = began
            try:
                async with pipeline.stream("Why?", tenant=name, deadline=2 * self.end) as stream:
                    first = now()
                    target = (await stream.collect()).text
            except RanvierError as raised:
                first, error = now(), raised.kind
                await asyncio.sleep(service)
            self.calls.append(Heard(name, began, first - began, target, error))

    def off_by(self, phase: int, settled: float) -> float:
        """By how much the mean limit of a phase was off, in the larger of one place and 12 %."""
        hidden, length = LIMITS[phase], PHASE * self.upstream.service
        since = phase * length + settled * self.upstream.service
        found = [limit for when, limit in self.found if since <= when < (phase + 1) * length]
        return abs(sum(found) / len(found) - hidden) / max(1.0, 0.12 * hidden)

    def risen(self) -> float:
        """Service times after the rise until the limit was within 10 %."""
        since, hidden = 2 * PHASE * self.upstream.service, LIMITS[2]
        reached = (
            when for when, limit in self.found if when >= since and abs(limit - hidden) <= 0.1 * hidden
        )
        return (next(reached, self.end) - since) / self.upstream.service


@row(
    "An unreported limit that changes from 20 to 8 to 40",
    kind={"of concurrency": "concurrency", "of rate": "rate"},
    service={"answers of 1 s": 1.0, "answers of 10 s": 10.0},
    pauses={"always backlog": False, "backlog that comes and goes": True},
)
def hidden_limit(world: World, kind: str, service: float, pauses: bool) -> Figures:
    """`AdaptiveLimit()` with 60 callers, 100 service times per limit. Rates are per service time.

    From 25 service times with a backlog after each change on, the mean of the learned limit is off by at most
    one place or 12 %. After the rise to 40 it takes as long to come within 10 %. At most 3 % of the requests
    get a 429, which has no `Retry-After`.
    """
    upstream = Hidden(kind, service, Random(world.rng.random()))
    play, settled = Play(upstream, pauses), SETTLED * (1.5 if pauses else 1)
    with virtual_time(world.seed) as run:
        run(play.run(world.features))
    figures = measured(play.calls, {target: len(times) for target, times in upstream.asked.items()})
    figures.checks.append(Check("429s", upstream.refused / sum(figures.requests.values()), 0.03))
    if world.features == "on":
        figures.checks += [
            Check(f"at {hidden}: off by, of the bound", play.off_by(phase, settled), 1.0)
            for phase, hidden in enumerate(LIMITS)
        ]
        figures.checks.append(Check("service times after the rise", play.risen(), settled))
    return figures
