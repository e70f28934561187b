"""The throttle: the layer, the state machine of a gate, and the registry of gates."""

from ranvier.layers.throttle.layer import Throttle
from ranvier.layers.throttle.registry import Gates, GateSnapshot

__all__ = ["GateSnapshot", "Gates", "Throttle"]
