"""The fallback layer: one target after another."""

from ranvier.layers.fallback.balance import Balance, LoadSnapshot
from ranvier.layers.fallback.layer import Fallback
from ranvier.layers.fallback.targets import Target

__all__ = ["Balance", "Fallback", "LoadSnapshot", "Target"]
