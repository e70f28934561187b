"""Spreads calls over several targets: power of two choices, or by conversation."""

from ranvier.layers.fallback.balance.balancer import LoadSnapshot
from ranvier.layers.fallback.balance.settings import Balance

__all__ = ["Balance", "LoadSnapshot"]
