"""One run of a scenario: a stack, its upstreams and the calls, on a loop whose time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from benchmarks.scenarios.figures import Figures, Heard, measured
from benchmarks.scenarios.stacks import STACKS, Target
from ranvier import Pipeline, RanvierError
from ranvier.clock import now
from ranvier.events import Event
from ranvier.layers import Fallback
from ranvier.testing import virtual_time


class Ask(NamedTuple):
    """A call to make: when, for which tenant, and what it asks."""

    at: float
    tenant: str
    prompt: str = "Why?"


@dataclass
class Log:
    """What happened in a run.

    Attributes:
        calls: Every call, in the order in which they ended.
        asked: When each request came, by target.
        opened: How many circuits opened.
    """

    calls: list[Heard] = field(default_factory=list)
    asked: dict[str, list[float]] = field(default_factory=dict)
    opened: int = 0

    def figures(self, *, since: float = 0.0) -> Figures:
        """The figures of the calls that began at `since` or later."""
        requests = {target: sum(at >= since for at in times) for target, times in self.asked.items()}
        return measured((each for each in self.calls if each.began >= since), requests)

    def note(self, event: Event) -> None:
        """Count circuits that open."""
        self.opened += getattr(event, "after", None) == "open"


@dataclass
class World:
    """What a scenario is run with: a seed, and a stack with its features off or on, or a stack of its own."""

    features: str
    seed: int
    stack: Callable[..., Pipeline] | None = None

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)

    def play(
        self,
        targets: list[Target],
        calls: Iterable[Ask],
        *,
        deadline: float | None = None,
        **settings: Any,
    ) -> Log:
        """Make the calls, and wait until all have ended."""
        with virtual_time(self.seed) as run:
            return run(self._play(targets, calls, deadline, settings))

    async def _play(
        self, targets: list[Target], calls: Iterable[Ask], deadline: float | None, settings: dict[str, Any]
    ) -> Log:
        log = Log()
        pipeline = (self.stack or STACKS[self.features])(*targets, listeners=(log.note,), **settings)
        async with pipeline, asyncio.TaskGroup() as group:
            for each in calls:
                await asyncio.sleep(each.at - now())
                group.create_task(_call(pipeline, each, deadline, log))
        for deployment in Fallback(*targets).deployments():
            asked: dict[str, list[float]] = getattr(deployment.provider, "asked", {})
            log.asked[deployment.target] = asked.get(deployment.target, [])
        return log


async def _call(pipeline: Pipeline, ask: Ask, deadline: float | None, log: Log) -> None:
    began = now()
    first: float | None = None
    target = error = None
    try:
        async with pipeline.stream(ask.prompt, tenant=ask.tenant, deadline=deadline) as stream:
            first = now()
            async for event in stream:
                target = target or event.text
    except RanvierError as raised:
        error = raised.kind
    waited = (now() if first is None else first) - began
    log.calls.append(Heard(ask.tenant, began, waited, target, error, ask.prompt))


# --- when calls are made, and for which tenant ---------------------------------------------------


def names(count: int) -> list[str]:
    """So many tenants."""
    return [f"tenant-{number}" for number in range(count)]


def rhythm(tenants: list[str], every: float, seconds: float, rng: Random) -> list[Ask]:
    """Each tenant asks every so many seconds, give or take a fifth, from a moment of its own on."""
    asks = []
    for tenant in tenants:
        at = rng.uniform(0.0, every)
        while at < seconds:
            asks.append(Ask(at, tenant))
            at += every * rng.uniform(0.8, 1.2)
    return sorted(asks)


def at_random(tenants: list[str], rate: float, seconds: float, rng: Random) -> Iterator[Ask]:
    """`rate` calls a second, independent of each other, each of any of the tenants."""
    at = rng.expovariate(rate)
    while at < seconds:
        yield Ask(at, rng.choice(tenants))
        at += rng.expovariate(rate)
