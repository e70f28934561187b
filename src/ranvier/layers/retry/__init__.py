"""The retry layer and its backoff."""

from ranvier.layers.retry.layer import Retry

__all__ = ["Retry"]
