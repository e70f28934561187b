"""The parts of the stack in use that the status page shows; a reload replaces them."""

from __future__ import annotations

from typing import Any

from ranvier.asgi.status.circuits import CircuitViewer
from ranvier.asgi.status.names import Names
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.running.stack import Stack


class StackView:
    """The parts of one stack that the status page shows, found by the attributes of ranvier's layers.

    Attributes:
        stack: The stack.
        viewer: Reads the circuits; `None` if the stack has no breaker.
        shared: The circuits that all tenants share; `None` if there are none.
        gates, places, spending, balances, allowances: The attributes of that name of its layers.
        faulty: The layers that may inject faults.
        providers: The names of the stack's providers, in its order.
    """

    def __init__(self, stack: Stack, names: Names) -> None:
        layers: list[Any] = [each for each in stack.layers if _is_ours(each)]
        circuits: Any = next((layer.circuits for layer in stack.layers if layer.circuits is not None), None)
        self.stack = stack
        self.providers = [target.provider.name for layer in stack.layers for target in layer.deployments()]
        self.viewer = None if circuits is None else CircuitViewer(circuits, names, self.providers)
        self.shared = None if circuits is None else circuits.shared
        self.gates = next((layer.gates for layer in layers if hasattr(layer, "gates")), ())
        self.places = [layer.places for layer in layers if layer.outermost and hasattr(layer, "places")]
        self.spending = [layer.spending for layer in layers if hasattr(layer, "spending")]
        self.faulty = [layer for layer in layers if layer.innermost and hasattr(layer, "on")]
        self.balances = [each for layer in layers for each in getattr(layer, "balances", ())]
        self.allowances = [layer.allowances for layer in layers if hasattr(layer, "allowances")]


def _is_ours(layer: Layer) -> bool:
    """True for a layer of ranvier or of a class derived from one; others may use these attributes at will."""
    return any(base.__module__.startswith("ranvier.layers.") for base in type(layer).__mro__)
