"""The base class of the demo's acts: tenants make calls while a provider is down."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier import clock
from ranvier.cli.demo.tally import Tally
from ranvier.errors.root import RanvierError

if TYPE_CHECKING:
    from ranvier.cli.demo.report.film import Film
    from ranvier.cli.demo.tally import Verdict
    from ranvier.pipeline.layer import Layer
    from ranvier.pipeline.pipeline import Pipeline
    from ranvier.simulator.exchange import Exchange
    from ranvier.simulator.simulator import Simulator

PROVIDERS = ("anthropic", "openai", "ollama")


@dataclass(frozen=True, slots=True)
class Act(ABC):
    """The size and duration of an act.

    Attributes:
        tenants: The number of tenants.
        seconds: The duration of the act in seconds.
        seed: The random seed of the tenants' pauses and of the simulator's answers.
        title: The title of the act.
        trouble: The behaviour of the first provider in its outage.
    """

    title: ClassVar[str]
    trouble: ClassVar[str]

    tenants: int = 50
    seconds: float = 10.0
    seed: int = 0

    @property
    def names(self) -> list[str]:
        """The names of the tenants."""
        return [f"tenant-{number:02}" for number in range(1, self.tenants + 1)]

    @property
    @abstractmethod
    def outage(self) -> tuple[float, float]:
        """The start and the end of the first provider's outage, in seconds."""

    @property
    @abstractmethod
    def pause(self) -> float:
        """The mean pause of a tenant between two calls, in seconds."""

    @abstractmethod
    def caption(self, second: float) -> str:
        """What happens at that second."""

    @abstractmethod
    def simulator(self) -> Simulator:
        """The three simulated providers, with their faults."""

    @abstractmethod
    def pipeline(self, simulator: Simulator, tally: Tally, layers: Iterable[Layer] = ()) -> Pipeline:
        """The pipeline of the tenants, inside `layers`."""

    @abstractmethod
    def judge(self, tally: Tally, film: Film, log: Iterable[Exchange]) -> Verdict:
        """Compare what the callers saw with what the simulator received."""

    async def run(self, pipeline: Pipeline, tally: Tally) -> None:
        """Run all tenants until the time is over and the last call has ended."""
        until = clock.now() + self.seconds
        async with asyncio.TaskGroup() as customers:
            for number, tenant in enumerate(self.names):
                pauses = random.Random(self.seed * 1000 + number)
                customers.create_task(self._customer(pipeline, tally, tenant, pauses, until))

    async def _customer(
        self, pipeline: Pipeline, tally: Tally, tenant: str, pauses: random.Random, until: float
    ) -> None:
        """Make calls with pauses in between, whole and streamed in turn."""
        pause = pauses.random() * max(self.pause, 1.0)
        while clock.now() + pause < until:
            await asyncio.sleep(pause)
            number = tally.next_number()
            started_at = clock.now()
            try:
                attempts = await _call(pipeline, tenant, number, streamed=number % 2 == 0)
                tally.ended(number, tenant, clock.now() - started_at, attempts)
            except RanvierError as error:
                tally.ended(number, tenant, clock.now() - started_at, error.attempts, failed=error.kind)
            pause = pauses.expovariate(1 / self.pause)


async def _call(pipeline: Pipeline, tenant: str, number: int, *, streamed: bool) -> tuple[Any, ...]:
    prompt = f"call {number}: why do nodes of Ranvier exist?"
    if not streamed:
        return (await pipeline.complete(prompt, tenant=tenant)).attempts
    async with pipeline.stream(prompt, tenant=tenant) as answer:
        async for _ in answer:
            pass
    return answer.attempts
