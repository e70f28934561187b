"""Rate limits and bad keys."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.scenarios.figures import Check, Figures
from benchmarks.scenarios.row import row
from benchmarks.scenarios.rows.targets import FIRST, SECOND, prompt, target
from benchmarks.scenarios.upstream import Limited, Reply, Upstream
from benchmarks.scenarios.world import Ask, World, at_random, names
from ranvier import AuthenticationError, Deployment, ProviderError, QuotaExceededError, RateLimitError
from ranvier.pipeline import Call


@row("429 on one model, another model of the same provider as fallback")
def limited_model(world: World) -> Figures:
    """The first model returns 429 with `Retry-After: 60`. Each of eight calls, 5 s apart, is answered."""

    def limited(call: Call) -> Reply:
        return _refusal(lambda: RateLimitError("slow", provider="anthropic", status=429, retry_after=60))

    anthropic = Upstream("anthropic", "claude-sonnet-5", prompt(world.rng), claude_sonnet_5=limited)
    targets = [Deployment(anthropic, model) for model in ("claude-sonnet-5", "claude-haiku-4-5")]
    calls = [Ask(number * 5.0, "tenant") for number in range(8)]
    figures = world.play([*targets], calls).figures()
    figures.checks.append(Check("success", figures.success, 1.0, least=True))
    return figures


def _refusal(error: Callable[[], ProviderError]) -> Reply:
    return Reply(0.1, error)


REFUSALS = {
    "429": lambda: RateLimitError("slow down", provider="anthropic", status=429, retry_after=60),
    "401": lambda: AuthenticationError("no such key", provider="anthropic", status=401),
    "no credit": lambda: QuotaExceededError("out of credit", provider="anthropic", status=429),
}


@row("Two keys per tenant, the first one does not work", refusal={name: name for name in REFUSALS})
def two_keys(world: World, refusal: str) -> Figures:
    """One target; 20 tenants, each with its own two keys, make one call each. All calls are answered."""
    good = prompt(world.rng)

    def behaviour(call: Call) -> Reply:
        return _refusal(REFUSALS[refusal]) if str(call.credential).endswith("1") else good(call)

    calls = [Ask(float(number), tenant) for number, tenant in enumerate(names(20))]
    keys = [target(FIRST, behaviour)]
    log = world.play([*keys], calls, credentials=lambda tenant, _: [f"{tenant}-key-1", f"{tenant}-key-2"])
    figures = log.figures()
    figures.checks.append(Check("success", figures.success, 1.0, least=True))
    return figures


@row(
    "A shared key with a limit of 10 calls per second, 15 offered, a second target without limits",
    waits={"without Retry-After": False, "with Retry-After": True},
)
def limited_key(world: World, waits: bool) -> Figures:
    """Two minutes, 50 tenants. Limits: p50 1 s, p99 2.5 s, 5 % of the requests get a 429."""
    limited = Limited(10, prompt(world.rng, 0.5), waits=waits)
    targets = [target(FIRST, limited), target(SECOND, prompt(world.rng, 0.5))]
    calls = at_random(names(50), 15, 120, world.rng)
    figures = world.play([*targets], calls, credentials=lambda tenant, _: "shared").figures()
    figures.checks += [
        Check("success", figures.success, 1.0, least=True),
        Check("p50", figures.p50, 1.0),
        Check("p99", figures.p99, 2.5),
    ]
    if waits:  # without a time to wait, only an adaptive limit could know
        figures.checks.append(Check("429s", limited.refused / sum(figures.requests.values()), 0.05))
    return figures
