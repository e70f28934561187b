"""The circuit breaker: the layer, its state machine, and the registry of circuits."""

from ranvier.facts.circuit import CircuitSnapshot, CircuitState, SharedCircuitSnapshot
from ranvier.layers.breaker.layer import Breaker
from ranvier.layers.breaker.registry import Circuits
from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
from ranvier.layers.breaker.shared.settings import SharedCircuits

__all__ = [
    "Breaker",
    "CircuitSnapshot",
    "CircuitState",
    "Circuits",
    "SharedCircuitRegistry",
    "SharedCircuitSnapshot",
    "SharedCircuits",
]
