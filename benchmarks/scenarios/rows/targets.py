"""The upstreams that scenarios share."""

from __future__ import annotations

from random import Random

from benchmarks.scenarios.upstream import Behaviour, Upstream, lognormal, well

FIRST, SECOND, THIRD = "anthropic/claude-sonnet-5", "openai/gpt-5.2", "gemini/gemini-3-pro"
"""Their models think before they speak: `resilient()` allows them 120 s until the first content."""


def target(name: str, behaviour: Behaviour) -> Upstream:
    """An upstream by the name of its target."""
    provider, _, model = name.partition("/")
    return Upstream(provider, model, behaviour)


def prompt(rng: Random, median: float = 0.05) -> Behaviour:
    """It answers at once, so that what calls take is waiting."""
    return well(lognormal(median, 0.5, Random(rng.random())))
