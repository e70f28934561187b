"""Pacing: the layer, and the state of the limits that providers report."""

from ranvier.layers.pacing.layer import Pacing
from ranvier.layers.pacing.registry import Allowances, AllowanceSnapshot

__all__ = ["AllowanceSnapshot", "Allowances", "Pacing"]
