"""The first act of the demo: fifty tenants and three providers in an outage.

    second  0   all providers work
            2   the first provider goes down; circuits open, one tenant at a time
                calls fall back to the second, which limits requests per second with a `retry_after`
                calls that it rejects fall back to the third
            6   the first provider recovers; probes succeed, and the circuits close

The first provider rejects one tenant's key all the time. No other tenant is affected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ranvier.cli.demo.act import PROVIDERS, Act
from ranvier.cli.demo.tally import Tally, Verdict, judge
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.retry.layer import Retry
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.credentials.access import SHARED
from ranvier.pipeline.credentials.resolver import Credential
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers.anthropic.adapter import Anthropic
from ranvier.providers.chat_completions.openai import OpenAI
from ranvier.providers.ollama.adapter import Ollama
from ranvier.simulator.exchange import Exchange
from ranvier.simulator.faults.refusals import Status
from ranvier.simulator.rules import Rule
from ranvier.simulator.simulator import Simulator

if TYPE_CHECKING:
    from ranvier.cli.demo.report.film import Film

BAD_KEY = "sk-expired"


@dataclass(frozen=True, slots=True)
class Scenario(Act):
    """An outage from a fifth of the time to three fifths, a rate limit, and a bad key."""

    title: ClassVar[str] = "First act: a provider is down"
    trouble: ClassVar[str] = "down: every request gets a 503"

    @property
    def unlucky(self) -> str:
        """The tenant with the bad key."""
        return self.names[len(self.names) // 3]

    @property
    def outage(self) -> tuple[float, float]:
        """The start and the end of the first provider's outage, in seconds."""
        return self.seconds / 5, self.seconds * 3 / 5

    @property
    def pause(self) -> float:
        """The mean pause of a tenant between two calls, in seconds."""
        return 1 / 1.5

    def caption(self, second: float) -> str:
        """What happens at that second."""
        started_at, ended = self.outage
        if second < started_at:
            return "all providers work; one tenant's key is invalid"
        if second < ended:
            return f"{PROVIDERS[0]} is down, {PROVIDERS[1]} rate limits requests"
        return f"{PROVIDERS[0]} has recovered"

    def simulator(self) -> Simulator:
        """The three simulated providers, with their faults."""
        started_at, ended = self.outage
        down = Rule(Status(503), provider="anthropic", start=started_at, end=ended)
        busy = Rule(Status(429), provider="openai", above=self.tenants * 0.5)
        refused = Rule(Status(401), provider="anthropic", key=BAD_KEY)
        return Simulator([refused, down, busy], seed=self.seed, latency=0.08, pace=0.004)

    def pipeline(self, simulator: Simulator, tally: Tally, layers: Iterable[Layer] = ()) -> Pipeline:
        """A stack as a user would build it, with waits that fit the time, inside `layers`.

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

    def judge(self, tally: Tally, film: Film, log: Iterable[Exchange]) -> Verdict:
        """Compare what the callers saw with what the simulator received."""
        return judge(tally.calls, log, self.unlucky)
