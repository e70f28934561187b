"""Argument names of other libraries for layers, and what to write in ranvier instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from ranvier.remedies import RETRIES, suggests

P = ParamSpec("P")
T = TypeVar("T")

ERRORS_DECIDE = "each error says whether it is retried and counted: see the page on errors"
LISTENERS = "give it to the pipeline: Pipeline(listeners=[...])"
LIMITS = (
    "the limits are those that the provider reports: Pacing() keeps calls under them, Bulkhead(20) limits "
    "calls in flight, SpendLimit(...) what tenants spend"
)
TARGETS = "pass the targets one by one, or unpack them: Fallback(*targets)"

OF_A_DEADLINE = dict.fromkeys(("timeout", "deadline", "total", "max_time", "limit"), "write seconds=...")

OF_A_RETRY = {
    **dict.fromkeys(
        ("max_attempts", "attempts", "tries", "max_tries", "stop"), "max_retries=2 is three attempts at most"
    ),
    **dict.fromkeys(("retries", "num_retries"), "write max_retries=..."),
    **dict.fromkeys(("delay", "wait", "backoff"), "write base_delay=... and max_delay=..."),
    **dict.fromkeys(("initial_delay", "min_delay", "initial_wait", "min_wait"), "write base_delay=..."),
    **dict.fromkeys(("max_wait", "max_interval"), "write max_delay=..."),
    **dict.fromkeys(("backoff_factor", "exp_base", "factor"), "write multiplier=..."),
    **dict.fromkeys(("max_time", "stop_after_delay", "timeout"), "give the pipeline a Deadline(...) layer"),
    **dict.fromkeys(("retry", "retry_on", "retry_if", "on", "exceptions", "status_codes"), ERRORS_DECIDE),
    **dict.fromkeys(("before_sleep", "on_retry", "before", "after", "callback"), LISTENERS),
    "reraise": "leave it out: the last error is raised in any case",
}

OF_A_BREAKER = {
    **dict.fromkeys(("threshold", "fail_max", "max_failures", "failures"), "write failure_threshold=..."),
    **dict.fromkeys(
        (
            "recovery_timeout",
            "reset_timeout",
            "timeout",
            "timeout_duration",
            "recovery_time",
            "open_duration",
        ),
        "write cooldown=...",
    ),
    **dict.fromkeys(("failure_rate_threshold", "error_rate"), "write failure_rate=0.5, a share up to 1"),
    **dict.fromkeys(("half_open_max", "half_open_max_calls", "half_open_requests"), "write max_probes=..."),
    **dict.fromkeys(("exclude", "expected_exception", "exceptions", "ignore"), ERRORS_DECIDE),
    **dict.fromkeys(("on_open", "on_close", "listeners"), LISTENERS),
    "name": "leave it out: a circuit has the names of its tenant and provider; key=... takes others",
}

OF_A_TIMEOUT = {
    **dict.fromkeys(("timeout", "total"), "write seconds=..."),
    **dict.fromkeys(("connect_timeout", "connection"), "write connect=..."),
    **dict.fromkeys(("first_byte", "ttft", "time_to_first_token"), "write first_token=..."),
    **dict.fromkeys(("read", "read_timeout"), "write first_token=... and idle=..."),
    **dict.fromkeys(("write", "pool"), "write seconds=..., which limits them, too"),
}

OF_A_THROTTLE = dict.fromkeys(
    ("rpm", "tpm", "rate", "max_rate", "requests_per_minute", "tokens_per_minute", "limit", "per_second"),
    LIMITS,
)
"""Of a `Pacing`, too."""

OF_A_BULKHEAD = {
    **dict.fromkeys(
        ("max_concurrent", "max_concurrent_calls", "max_concurrency", "concurrency", "max_parallel", "size"),
        "write limit=...",
    ),
    **dict.fromkeys(("timeout", "max_wait_duration", "wait"), "write max_wait=..."),
    **dict.fromkeys(("max_queue", "queue_size", "max_waiting"), "write queue=..."),
}

OF_AN_ADAPTIVE_LIMIT = {
    **OF_A_BULKHEAD,
    **dict.fromkeys(("min", "min_limit"), "write least=..."),
    **dict.fromkeys(("max", "max_limit"), "write most=..."),
    **dict.fromkeys(("limit", "start", "initial_limit", "concurrency"), "write initial=..."),
}

OF_A_SPEND_LIMIT = {
    **dict.fromkeys(("limit", "budget", "max_budget", "amount", "max_spend"), "write per_tenant=..."),
    **dict.fromkeys(("period", "duration", "interval", "per", "seconds"), "write window=..., in seconds"),
    "currency": "leave it out: the limit is in the currency of prices=...",
}

OF_A_FALLBACK = {
    **dict.fromkeys(("targets", "models", "fallbacks", "providers", "deployments"), TARGETS),
    **dict.fromkeys(("hedge", "hedge_delay", "hedging"), "write hedge_after='p99', or seconds"),
    **dict.fromkeys(("retries", "max_retries", "num_retries"), RETRIES),
    **dict.fromkeys(
        ("weights", "by", "sticky"), "spread calls by Fallback(Balance(first, second, weights=...))"
    ),
    **dict.fromkeys(("timeout", "deadline"), "give the pipeline a Deadline(...) or a Timeout(...) layer"),
}

OF_A_BALANCE = {
    **dict.fromkeys(
        ("targets", "models", "providers", "deployments"), TARGETS.replace("Fallback", "Balance")
    ),
    **dict.fromkeys(("strategy", "policy", "algorithm", "routing_strategy"), "write by='load'"),
}

OF_A_CHAOS = dict.fromkeys(("probability", "p", "share"), "write rate=...")

BY_LAYER: Mapping[str, Mapping[str, str]] = {
    "Deadline": OF_A_DEADLINE,
    "Retry": OF_A_RETRY,
    "Breaker": OF_A_BREAKER,
    "Timeout": OF_A_TIMEOUT,
    "Throttle": OF_A_THROTTLE,
    "Bulkhead": OF_A_BULKHEAD,
    "AdaptiveLimit": OF_AN_ADAPTIVE_LIMIT,
    "SpendLimit": OF_A_SPEND_LIMIT,
    "Fallback": OF_A_FALLBACK,
    "Balance": OF_A_BALANCE,
    "Chaos": OF_A_CHAOS,
    "Pacing": OF_A_THROTTLE,
}
"""By the class of the layer."""


def suggested(constructor: Callable[P, T]) -> Callable[P, T]:
    """Make the errors of a layer's `__init__` for unknown arguments suggest what to write instead."""
    return suggests(**BY_LAYER[constructor.__qualname__.partition(".")[0]])(constructor)
