"""The layers that protect a call, one concern each."""

from ranvier.layers.breaker import Breaker, CircuitState, SharedCircuits
from ranvier.layers.bulkhead import AdaptiveLimit, Bulkhead
from ranvier.layers.chaos import Chaos
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback import Balance, Fallback
from ranvier.layers.pacing import Pacing
from ranvier.layers.retry import Retry, RetryBudget
from ranvier.layers.spend_limit import SpendLimit
from ranvier.layers.throttle import Throttle
from ranvier.layers.timeout import Timeout

__all__ = [
    "AdaptiveLimit",
    "Balance",
    "Breaker",
    "Bulkhead",
    "Chaos",
    "CircuitState",
    "Deadline",
    "Fallback",
    "Pacing",
    "Retry",
    "RetryBudget",
    "SharedCircuits",
    "SpendLimit",
    "Throttle",
    "Timeout",
]
