"""The adaptive limit: a limit of calls in flight, learned from the provider's rejections."""

from ranvier.layers.bulkhead.adaptive.layer import AdaptiveLimit

__all__ = ["AdaptiveLimit"]
