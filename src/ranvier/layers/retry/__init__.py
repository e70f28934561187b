"""The retry layer, its backoff and its budget."""

from ranvier.layers.retry.budget import RetryBudget
from ranvier.layers.retry.layer import Retry

__all__ = ["Retry", "RetryBudget"]
