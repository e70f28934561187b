"""The circuit breaker: the layer, its state machine, and the registry of circuits."""

from ranvier.facts.circuit import CircuitSnapshot, CircuitState
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.breaker.registry import Circuits

__all__ = ["Breaker", "CircuitSnapshot", "CircuitState", "Circuits"]
