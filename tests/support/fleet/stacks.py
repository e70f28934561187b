"""The whole stack of one worker in a storm."""

from __future__ import annotations

from typing import Any

from ranvier import Layer
from ranvier.layers import (
    AdaptiveLimit,
    Balance,
    Breaker,
    Bulkhead,
    Chaos,
    Deadline,
    Fallback,
    Pacing,
    Retry,
    SharedCircuits,
    SpendLimit,
    Throttle,
    Timeout,
)
from support.fleet.shop import BOUND

WORKERS = 4
DEADLINE = 30.0
VOTES = 3
LIMIT = 40 * BOUND
COOLDOWN = 10.0


def limit_of(tenant: str) -> float | None:
    """Those whose names begin with `t` have a limit."""
    return LIMIT if tenant.startswith("t") else None


def layers_of(providers: list[Any], *, observed: bool = False) -> list[Layer]:
    """New layers over the providers of a worker; the second is its spend limit.

    If `observed`, its circuits reject nothing.
    """
    first, second, third = providers
    mode = "observed" if observed else "enforced"
    return [
        Deadline(DEADLINE),
        SpendLimit(limit_of, 1e9, on_store_loss="reject"),
        Fallback(Balance(first, second), third, hedge_after=2.0, reserve=5),
        Retry(max_retries=1),
        Bulkhead(8, per_tenant=6, max_wait=2),
        AdaptiveLimit(initial=6, max_wait=2),
        Pacing(max_wait=2),
        Throttle(max_wait=2),
        Breaker(
            failure_threshold=3,
            cooldown=COOLDOWN,
            max_cooldown=20,
            mode=mode,
            shared=SharedCircuits(votes=VOTES, cooldown=COOLDOWN, mode=mode),
        ),
        Timeout(None, first_token=15, idle=6),
        Chaos("server_error", "cut", "slow", rate=0.03, seed=1),
    ]
