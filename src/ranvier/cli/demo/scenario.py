"""What the demo does: fifty tenants and three providers in an outage of twenty seconds.

    second  0   all providers work
            4   the first provider goes down; circuits open, one tenant at a time
                calls fall back to the second, which limits requests per second with a `retry_after`
                calls that it rejects fall back to the third
           12   the first provider recovers; probes succeed, and the circuits close

The first provider rejects one tenant's key all the time. No other tenant is affected.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ranvier import clock
from ranvier.cli.demo.tally import Tally
from ranvier.errors.root import RanvierError
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.retry.layer import Retry
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.credentials.resolver import SHARED, Credential
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers.anthropic.adapter import Anthropic
from ranvier.providers.chat_completions.openai import OpenAI
from ranvier.providers.ollama.adapter import Ollama
from ranvier.simulator.faults.refusals import Status
from ranvier.simulator.rules import Rule
from ranvier.simulator.simulator import Simulator

PROVIDERS = ("anthropic", "openai", "ollama")
BAD_KEY = "sk-expired"


@dataclass(frozen=True, slots=True)
class Scenario:
    """The size and duration of the demo.

    Attributes:
        tenants: The number of tenants.
        seconds: How long they make calls; the outage lasts from a fifth of it to three fifths.
        seed: The random seed of their pauses and of the simulator's answers.
    """

    tenants: int = 50
    seconds: float = 20.0
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The names of the tenants."""
        return [f"tenant-{number:02}" for number in range(1, self.tenants + 1)]

    @property
    def unlucky(self) -> str:
        """The tenant with the bad key."""
        return self.names[len(self.names) // 3]

    @property
    def outage(self) -> tuple[float, float]:
        """The start and the end of the first provider's outage, in seconds."""
        return self.seconds / 5, self.seconds * 3 / 5

    def simulator(self) -> Simulator:
        """The three simulated providers, with their faults."""
        started_at, ended = self.outage
        down = Rule(Status(503), provider="anthropic", start=started_at, end=ended)
        busy = Rule(Status(429), provider="openai", above=self.tenants * 0.5)
        refused = Rule(Status(401), provider="anthropic", key=BAD_KEY)
        return Simulator([refused, down, busy], seed=self.seed, latency=0.08, pace=0.004)

    def pipeline(self, simulator: Simulator, tally: Tally, layers: Iterable[Layer] = ()) -> Pipeline:
        """A stack as a user would build it, with waits that fit twenty seconds, inside `layers`.

        No provider is slow on purpose: only an overloaded machine could exceed its limits.
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
            listeners=[tally.record],
        )

    def key_of(self, tenant: str, provider: str) -> Credential:
        """Each tenant has its own key for the first provider; all share the key of the second."""
        if provider == "anthropic":
            return BAD_KEY if tenant == self.unlucky else f"sk-{tenant}"
        return SHARED  # for the third too, which needs no key

    async def run(self, pipeline: Pipeline, tally: Tally) -> None:
        """Run all tenants until the time is over and the last call has ended."""
        until = clock.now() + self.seconds
        async with asyncio.TaskGroup() as customers:
            for number, tenant in enumerate(self.names):
                pauses = random.Random(self.seed * 1000 + number)
                customers.create_task(_customer(pipeline, tally, tenant, pauses, until))


async def _customer(
    pipeline: Pipeline, tally: Tally, tenant: str, pauses: random.Random, until: float
) -> None:
    """Make calls with pauses in between, whole and streamed in turn."""
    await asyncio.sleep(pauses.random())
    while clock.now() < until:
        number = tally.next_number()
        started_at = clock.now()
        try:
            attempts = await _call(pipeline, tenant, number, streamed=number % 2 == 0)
            tally.ended(number, tenant, clock.now() - started_at, attempts)
        except RanvierError as error:
            tally.ended(number, tenant, clock.now() - started_at, error.attempts, failed=error.kind)
        await asyncio.sleep(pauses.expovariate(1.5))


async def _call(pipeline: Pipeline, tenant: str, number: int, *, streamed: bool) -> tuple[Any, ...]:
    prompt = f"call {number}: why do nodes of Ranvier exist?"
    if not streamed:
        return (await pipeline.complete(prompt, tenant=tenant)).attempts
    async with pipeline.stream(prompt, tenant=tenant) as answer:
        async for _ in answer:
            pass
    return answer.attempts
