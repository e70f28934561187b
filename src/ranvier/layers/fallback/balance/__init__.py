"""Spreads calls over several targets: by power of two choices, or by conversation."""

from ranvier.layers.fallback.balance.balancer import LoadSnapshot
from ranvier.layers.fallback.balance.settings import Balance

__all__ = ["Balance", "LoadSnapshot"]
