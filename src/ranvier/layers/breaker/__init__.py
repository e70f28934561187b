"""The circuit breaker: the layer, its state machine, and the registry of circuits."""

from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.breaker.registry import Circuits
from ranvier.layers.breaker.state import CircuitSnapshot, CircuitState

__all__ = ["Breaker", "CircuitSnapshot", "CircuitState", "Circuits"]
