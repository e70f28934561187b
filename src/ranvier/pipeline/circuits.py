"""The interface of a pipeline's circuits for operators and telemetry."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from ranvier.errors.configuration import ConfigurationError

if TYPE_CHECKING:
    from ranvier.facts.circuit import CircuitSnapshot, CircuitState, SharedCircuitSnapshot


class SharedRegistry(Protocol):
    """The circuits of a `Breaker` that all tenants share; without `model`, the circuit of the whole endpoint.

    Each method is documented at `ranvier.layers.breaker.SharedCircuitRegistry`.
    """

    def state(
        self, provider: str, model: str | None = ..., *, tenants_keys: bool = ...
    ) -> CircuitState | None:
        """The state of a shared circuit; `None` if there is none."""

    def reset(self, provider: str, model: str | None = ..., *, tenants_keys: bool = ...) -> bool:
        """Close it; false if there is none."""

    def isolate(self, provider: str, model: str | None = ..., *, tenants_keys: bool = ...) -> None:
        """Reject all its calls until `reset`."""

    def __iter__(self) -> Iterator[SharedCircuitSnapshot]:
        """A snapshot of each shared circuit."""

    def __len__(self) -> int:
        """The number of shared circuits."""


class CircuitRegistry(Protocol):
    """The circuits of a `Breaker` by key; each method is documented at `ranvier.layers.breaker.Circuits`.

    A key is `(tenant, provider)`, or what the `key` function of the breaker returns.
    """

    @property
    def shared(self) -> SharedRegistry | None:
        """The circuits that all tenants share, if the breaker has any."""

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


class WithCircuits(Protocol):
    """A layer that may keep circuits."""

    @property
    def circuits(self) -> CircuitRegistry | None:
        """Its circuits, if it keeps any."""


def circuits_of(layers: Iterable[WithCircuits]) -> CircuitRegistry:
    """The circuits of the first layer that keeps any.

    Raises:
        ConfigurationError: none does.
    """
    for layer in layers:
        if layer.circuits is not None:
            return layer.circuits
    raise ConfigurationError("this pipeline has no circuits: add a Breaker() between Retry and Timeout")
