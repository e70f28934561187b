"""The layers that protect a call, one concern each."""

from ranvier.layers.breaker import Breaker, CircuitState, SharedCircuits
from ranvier.layers.bulkhead import Bulkhead
from ranvier.layers.deadline import Deadline
from ranvier.layers.fallback import Fallback
from ranvier.layers.pacing import Pacing
from ranvier.layers.retry import Retry, RetryBudget
from ranvier.layers.throttle import Throttle
from ranvier.layers.timeout import Timeout

__all__ = [
    "Breaker",
    "Bulkhead",
    "CircuitState",
    "Deadline",
    "Fallback",
    "Pacing",
    "Retry",
    "RetryBudget",
    "SharedCircuits",
    "Throttle",
    "Timeout",
]
