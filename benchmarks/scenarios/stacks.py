"""The two stacks that every scenario compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ranvier import Deployment, Layer, Pipeline, resilient
from ranvier.layers import Balance, Breaker, Deadline, Fallback, Retry, Throttle, Timeout
from ranvier.pipeline import Provider
from ranvier.providers._models.models import first_token_allowance

Target = Provider | Deployment | Balance


def features_off(*targets: Target, layers: Iterable[Layer] = (), **settings: Any) -> Pipeline:
    """One circuit per tenant and provider, one gate per key; no hedge, budget or shared circuit."""
    route = Fallback(*targets)
    usual = min(first_token_allowance(each.provider.name, each.model) for each in route.deployments())
    return Pipeline(
        *layers,
        Deadline(seconds=180),
        route,
        Retry(max_retries=2, budget=None),
        Throttle(),
        Breaker(failure_threshold=5, success_threshold=2, cooldown=10, max_cooldown=60),
        Timeout(first_token=usual, idle=15),
        **settings,
    )


STACKS: dict[str, Callable[..., Pipeline]] = {"off": features_off, "on": resilient}
"""What builds a pipeline, by whether its features are on."""
