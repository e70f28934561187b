"""Retries, and the backoff between them."""

from ranvier.layers.retry.layer import Retry

__all__ = ["Retry"]
