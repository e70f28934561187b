"""What the demo does: fifty tenants, three providers, one bad afternoon in twenty seconds.

    second  0   all is well
            4   the first provider goes down; circuits open, one tenant at a time
                the second takes a limited number of requests per second, and says when to come back
                what it cannot take goes on to the third
           12   the first provider is up again; probes find out, and the circuits close

One tenant's key is refused by the first provider all the time. Nobody else notices.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ranvier import clock
from ranvier.cli.demo.tally import Tally
from ranvier.errors import RanvierError
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers import Anthropic, Ollama, OpenAI
from ranvier.simulator import Rule, Simulator, Status

PROVIDERS = ("anthropic", "openai", "ollama")
BAD_KEY = "sk-expired"


@dataclass(frozen=True, slots=True)
class Scenario:
    """How much of it, and how long.

    Attributes:
        tenants: How many customers there are.
        seconds: How long they ask; the outage lasts from a fifth of it to three fifths.
        seed: Of their pauses and of the simulator's answers.
    """

    tenants: int = 50
    seconds: float = 20.0
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The tenants."""
        return [f"tenant-{number:02}" for number in range(1, self.tenants + 1)]

    @property
    def unlucky(self) -> str:
        """The tenant with the bad key."""
        return self.names[len(self.names) // 3]

    @property
    def outage(self) -> tuple[float, float]:
        """From which second until which the first provider is down."""
        return self.seconds / 5, self.seconds * 3 / 5

    def simulator(self) -> Simulator:
        """The three providers, and what will go wrong with them."""
        began, ended = self.outage
        down = Rule(Status(503), provider="anthropic", start=began, end=ended)
        busy = Rule(Status(429), provider="openai", above=self.tenants * 0.5)
        refused = Rule(Status(401), provider="anthropic", key=BAD_KEY)
        return Simulator([refused, down, busy], seed=self.seed, latency=0.08, pace=0.004)

    def pipeline(self, simulator: Simulator, tally: Tally, layers: Iterable[Layer] = ()) -> Pipeline:
        """A stack as a user would build it, with waits that fit twenty seconds; `layers` go around it.

        Nobody in it is slow on purpose: only a machine that has no time for it could meet its limits.
        """
        return Pipeline(
            *layers,
            Deadline(seconds=120),
            Fallback(
                Anthropic(base_url=simulator.url("anthropic")),
                OpenAI("sk-shared", base_url=simulator.url("openai")),
                Ollama(base_url=simulator.url("ollama")),
            ),
            Retry(max_retries=2, base_delay=0.2, max_delay=2.0),
            Breaker(failure_threshold=3, cooldown=self.seconds / 10),
            Timeout(seconds=60, connect=30, first_token=30, idle=30),
            credentials=self.key_of,
            listeners=[tally.heard],
        )

    def key_of(self, tenant: str, provider: str) -> str | None:
        """Each tenant brings a key of its own to the first provider; the second is asked with ours."""
        if provider == "anthropic":
            return BAD_KEY if tenant == self.unlucky else f"sk-{tenant}"
        return "sk-shared" if provider == "openai" else None

    async def run(self, pipeline: Pipeline, tally: Tally) -> None:
        """Let every tenant ask, until the time is over and the last call has ended."""
        until = clock.now() + self.seconds
        async with asyncio.TaskGroup() as customers:
            for number, tenant in enumerate(self.names):
                pauses = random.Random(self.seed * 1000 + number)
                customers.create_task(_customer(pipeline, tally, tenant, pauses, until))


async def _customer(
    pipeline: Pipeline, tally: Tally, tenant: str, pauses: random.Random, until: float
) -> None:
    """Ask again and again, whole and streamed in turn, with pauses in between."""
    await asyncio.sleep(pauses.random())
    while clock.now() < until:
        number = tally.next_number()
        began = clock.now()
        try:
            attempts = await _ask(pipeline, tenant, number, streamed=number % 2 == 0)
            tally.ended(number, tenant, clock.now() - began, attempts)
        except RanvierError as error:
            tally.ended(number, tenant, clock.now() - began, error.attempts, failed=error.kind)
        await asyncio.sleep(pauses.expovariate(1.5))


async def _ask(pipeline: Pipeline, tenant: str, number: int, *, streamed: bool) -> tuple[Any, ...]:
    prompt = f"call {number}: why do nodes of Ranvier exist?"
    if not streamed:
        return (await pipeline.complete(prompt, tenant=tenant)).attempts
    async with pipeline.stream(prompt, tenant=tenant) as answer:
        async for _ in answer:
            pass
    return answer.attempts
