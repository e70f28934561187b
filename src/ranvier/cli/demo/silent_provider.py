"""The second act of the demo: the first provider accepts requests, and stays silent.

    second  0   all providers work
            1   the first provider goes silent; calls that have waited for too long also ask the second
                one tenant after another votes against it, until the circuit that all share opens
                calls skip it from then on; those that wait there go on to the second
            6   the first provider recovers; a probe succeeds, and the shared circuit closes

The stack is that of `resilient()`, with every time limit divided by `FASTER`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ranvier.cli.demo.act import PROVIDERS, Act
from ranvier.cli.demo.tally import Ended, Tally, Verdict, judge
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.fallback.targets import Target
from ranvier.layers.retry.layer import Retry
from ranvier.layers.throttle.layer import Throttle
from ranvier.layers.timeout import Timeout
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.providers.anthropic.adapter import Anthropic
from ranvier.providers.chat_completions.openai import OpenAI
from ranvier.providers.ollama.adapter import Ollama
from ranvier.simulator.exchange import Exchange
from ranvier.simulator.faults.breaks import Silence
from ranvier.simulator.rules import Rule
from ranvier.simulator.simulator import Simulator

if TYPE_CHECKING:
    from ranvier.cli.demo.report.film import Film

FASTER = 20
"""The divisor of the time limits of `resilient()`: its 10 seconds are half a second here."""


@dataclass(frozen=True, slots=True)
class SilentProvider(Act):
    """The first provider is silent from a tenth of the time to six tenths; all tenants use our keys."""

    title: ClassVar[str] = (
        "Second act: a provider accepts requests and stays silent. "
        f"The layers are those of resilient(), with all time limits divided by {FASTER}"
    )
    trouble: ClassVar[str] = "silent: requests are accepted, and nothing is sent"

    @property
    def outage(self) -> tuple[float, float]:
        """The start and the end of the silence, in seconds."""
        return self.seconds / 10, self.seconds * 6 / 10

    @property
    def pause(self) -> float:
        """The mean pause of a tenant between two calls, in seconds: they vote once or twice, as in life."""
        return min(6.0, self.seconds * 0.6)

    def caption(self, second: float) -> str:
        """What happens at that second."""
        started_at, ended = self.outage
        if second < started_at:
            return "all providers work"
        if second < ended:
            return f"{PROVIDERS[0]} accepts requests, and stays silent"
        return f"{PROVIDERS[0]} answers again"

    def simulator(self) -> Simulator:
        """The three simulated providers; the first one is silent for a time."""
        started_at, ended = self.outage
        silent = Rule(Silence(), provider=PROVIDERS[0], start=started_at, end=ended)
        return Simulator([silent], seed=self.seed, latency=0.05, pace=0.004)

    def pipeline(self, simulator: Simulator, tally: Tally, layers: Iterable[Layer] = ()) -> Pipeline:
        """The stack of `resilient()` with shorter times, inside `layers`."""
        targets = (
            Anthropic("sk-shared", base_url=simulator.url("anthropic")),
            OpenAI("sk-shared", base_url=simulator.url("openai")),
            Ollama(base_url=simulator.url("ollama")),
        )
        return Pipeline(*layers, *stack(*targets), listeners=[tally.record])

    def judge(self, tally: Tally, film: Film, log: Iterable[Exchange]) -> Verdict:
        """Compare what the callers saw, what the pipeline counted, and what the simulator received."""
        received = [exchange for exchange in log if exchange.body is not None]
        verdict = judge(tally.calls, received, unlucky=None, differences=_differences)
        return replace(verdict, differences=(*verdict.differences, *_miscounted(tally, film)))


def stack(*targets: Target) -> tuple[Layer, ...]:
    """The layers of `resilient()` with shorter times."""
    return (
        Deadline(seconds=180 / FASTER),
        Fallback(*targets, hedge_after="p99", hedge_min=2 / FASTER, reserve=20 / FASTER),
        Retry(max_retries=2, base_delay=0.5 / FASTER, max_delay=30 / FASTER),
        Throttle(max_wait=2 / FASTER),
        Breaker(
            failure_threshold=5,
            success_threshold=2,
            cooldown=10 / FASTER,
            max_cooldown=20 / FASTER,
            shared=SharedCircuits(cooldown=10 / FASTER, max_cooldown=20 / FASTER),
        ),
        Timeout(None, first_token=20 / FASTER, idle=15 / FASTER),
    )


def _differences(call: Ended, exchanges: list[Exchange]) -> Iterator[str]:
    """Where the record of a call differs from the log, in which two requests may be in flight at a time."""
    recorded = Counter(attempt.provider for attempt in call.attempts)
    logged = Counter(exchange.provider for exchange in exchanges)
    lost = Counter(attempt.provider for attempt in call.attempts if attempt.outcome == "hedge_lost")
    good = [attempt.provider for attempt in call.attempts if attempt.outcome == "succeeded"]
    answered = [exchange.provider for exchange in exchanges if exchange.answered]
    # a hedge may be dropped between its start and its arrival; nothing else may be missing
    if logged - recorded or (recorded - logged) - lost:
        yield f"call {call.number}: the record has {dict(recorded)}, the simulator's log {dict(logged)}"
    elif len(good) != (call.failed is None) or not set(good) <= set(answered):
        yield f"call {call.number}: answered by {good}, in the simulator's log by {answered}"


def _miscounted(tally: Tally, film: Film) -> Iterator[str]:
    """Where the events of the pipeline differ from what the callers saw."""
    seen = Counter(attempt.provider for call in tally.calls for attempt in call.attempts)
    counted = Counter(each.provider for each in film.tried)
    if seen != counted:
        yield f"the callers saw the attempts {dict(seen)}, the pipeline counted {dict(counted)}"
    failed = sum(call.failed is not None for call in tally.calls)
    ended = Counter(call.became == "failed" for call in film.calls)
    if (len(tally.calls) - failed, failed) != (ended[False], ended[True]):
        yield f"the callers saw {len(tally.calls)} calls, {failed} failed; the pipeline {dict(ended)}"


@dataclass(frozen=True, slots=True)
class Impact:
    """The effect of the silence on the callers.

    Attributes:
        sent: Requests that reached the silent provider, by the simulator's log.
        received: All requests, by the simulator's log.
        attempts, counted: All attempts, by the records of the calls, and by the events of the pipeline.
        hedges: Hedges that were sent.
        opened_after: Seconds from the start of the silence until the shared circuit opened; `None` for never.
        closed_after: Seconds from the end of the silence until it closed for good.
        recovered_after: Seconds from the end of the silence to the first request that was answered there.
        p50, p95, p99, longest: The time that callers waited for whole answers, in seconds.
    """

    sent: int
    received: int
    attempts: int
    counted: int
    hedges: int
    opened_after: float | None
    closed_after: float | None
    recovered_after: float | None
    p50: float
    p95: float
    p99: float
    longest: float


def in_seconds(value: float | None) -> str:
    """A time of an `Impact`, for the screen and the report."""
    return "never" if value is None else f"{value:.2f} s"


def impact(act: SilentProvider, tally: Tally, film: Film, log: Iterable[Exchange]) -> Impact:
    """Measure an act that has ended."""
    log = [exchange for exchange in log if exchange.body is not None]
    started_at, ended = act.outage
    first = [exchange for exchange in log if exchange.provider == PROVIDERS[0]]
    again = [each.started - ended for each in first if each.answered and each.started >= ended]
    opened, closed = film.opened_and_closed(PROVIDERS[0])
    return Impact(
        sent=sum(isinstance(exchange.fault, Silence) for exchange in first),
        received=len(log),
        attempts=sum(len(call.attempts) for call in tally.calls),
        counted=len(film.tried),
        hedges=len(film.hedges),
        opened_after=None if opened is None else opened - started_at,
        closed_after=None if closed is None else closed - ended,
        recovered_after=min(again, default=None),
        p50=tally.percentile(50),
        p95=tally.percentile(95),
        p99=tally.percentile(99),
        longest=tally.longest,
    )
