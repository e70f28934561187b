"""The limit of a bulkhead, found by what the provider refuses."""

from ranvier.layers.bulkhead.adaptive.layer import AdaptiveLimit

__all__ = ["AdaptiveLimit"]
