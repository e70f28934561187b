"""The texts and circuits that a pipeline shows to people."""

from __future__ import annotations

from ranvier.pipeline.asking.allow import AllowRule, after_route
from ranvier.pipeline.circuits import CircuitRegistry, circuits_of
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.reporting.overview import overview
from ranvier.pipeline.running.lifecycle import Lifecycle
from ranvier.pipeline.runtime import Runtime


class Shown(Runtime):
    """The part of `Pipeline` for people: `print(pipeline)`, its repr and its circuits."""

    layers: tuple[Layer, ...]
    allow: AllowRule | None
    lifecycle: Lifecycle

    @property
    def circuits(self) -> CircuitRegistry:
        """The circuits of the stack's breaker, by (tenant, provider).

        Raises:
            ConfigurationError: the stack has no breaker.
        """
        return circuits_of(self.layers)

    def __str__(self) -> str:
        return overview(self.lifecycle.state, self.lifecycle.in_flight, after_route(self.layers, self.allow))

    def __repr__(self) -> str:
        return f"Pipeline({', '.join(map(repr, self.layers))})"
