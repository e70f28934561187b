"""The circuits of a pipeline, as operators and telemetry use them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ranvier.facts.circuit import CircuitSnapshot, CircuitState


class CircuitRegistry(Protocol):
    """The circuits of a `Breaker` by key; each method is documented at `ranvier.layers.breaker.Circuits`.

    A key is `(tenant, provider)`, or what the `key` function of the breaker returns.
    """

    def state(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> CircuitState | None:
        """The state of the circuit with that key; `None` if there is none."""

    async def reset(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> bool:
        """Close it; false if there is none."""

    async def isolate(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> None:
        """Reject all its calls until `reset`."""

    def states(self) -> list[tuple[Any, CircuitState]]:
        """Key and state of each circuit."""

    def __iter__(self) -> Iterator[tuple[Any, CircuitSnapshot]]:
        """Key and snapshot of each circuit."""

    def __len__(self) -> int:
        """The number of circuits."""
