"""Pacing: the layer, and what is left of the limits that providers report."""

from ranvier.layers.pacing.layer import Pacing
from ranvier.layers.pacing.registry import Allowances, AllowanceSnapshot

__all__ = ["AllowanceSnapshot", "Allowances", "Pacing"]
