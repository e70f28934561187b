"""Injects faults into real traffic, on purpose."""

from ranvier.layers.chaos.layer import Chaos

__all__ = ["Chaos"]
