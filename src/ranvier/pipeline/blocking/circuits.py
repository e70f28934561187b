"""The circuits of a pipeline, for code that cannot `await`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ranvier.pipeline.blocking.entered import Entered

if TYPE_CHECKING:
    from ranvier.facts.circuit import CircuitSnapshot, CircuitState, SharedCircuitSnapshot
    from ranvier.pipeline.circuits import CircuitRegistry, SharedRegistry

T = TypeVar("T")


class SyncCircuits:
    """`pipeline.circuits` without `await`; each method is documented at `CircuitRegistry`.

    Circuits belong to the loop of the pipeline, so each method runs there.
    """

    def __init__(self, sync: Entered, circuits: CircuitRegistry) -> None:
        self._sync = sync
        self._circuits = circuits

    @property
    def shared(self) -> SyncSharedCircuits | None:
        """The circuits that all tenants share, if the breaker has any."""
        shared = self._circuits.shared
        return None if shared is None else SyncSharedCircuits(self._sync, shared)

    def state(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> CircuitState | None:
        """The state of the circuit with that key; `None` if there is none."""
        return _there(self._sync, lambda: self._circuits.state(*_key(tenant, provider, more)))

    def reset(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> bool:
        """Close it; false if there is none."""
        return self._sync.run(lambda: self._circuits.reset(*_key(tenant, provider, more)))

    def isolate(self, tenant: Hashable, provider: Hashable = ..., *more: Hashable) -> None:
        """Reject all its calls until `reset`."""
        self._sync.run(lambda: self._circuits.isolate(*_key(tenant, provider, more)))

    def states(self) -> list[tuple[Any, CircuitState]]:
        """Key and state of each circuit."""
        return _there(self._sync, self._circuits.states)

    def __iter__(self) -> Iterator[tuple[Any, CircuitSnapshot]]:
        """Key and snapshot of each circuit."""
        return iter(_there(self._sync, lambda: list(self._circuits)))

    def __len__(self) -> int:
        """The number of circuits."""
        return len(self._circuits)


class SyncSharedCircuits:
    """`pipeline.circuits.shared` without `await`; each method is documented at `SharedCircuitRegistry`."""

    def __init__(self, sync: Entered, circuits: SharedRegistry) -> None:
        self._sync = sync
        self._circuits = circuits

    def state(
        self, provider: str, model: str | None = None, *, tenants_keys: bool = False
    ) -> CircuitState | None:
        """The state of a shared circuit; `None` if there is none."""
        return _there(self._sync, lambda: self._circuits.state(provider, model, tenants_keys=tenants_keys))

    def reset(self, provider: str, model: str | None = None, *, tenants_keys: bool = False) -> bool:
        """Close it; false if there is none."""
        return _there(self._sync, lambda: self._circuits.reset(provider, model, tenants_keys=tenants_keys))

    def isolate(self, provider: str, model: str | None = None, *, tenants_keys: bool = False) -> None:
        """Reject all its calls until `reset`."""
        _there(self._sync, lambda: self._circuits.isolate(provider, model, tenants_keys=tenants_keys))

    def __iter__(self) -> Iterator[SharedCircuitSnapshot]:
        """A snapshot of each shared circuit."""
        return iter(_there(self._sync, lambda: list(self._circuits)))

    def __len__(self) -> int:
        """The number of shared circuits."""
        return len(self._circuits)


def _key(*parts: Any) -> tuple[Any, ...]:
    tenant, provider, more = parts
    return (tenant, *((provider,) if provider is not ... else ()), *more)


def _there(sync: Entered, function: Callable[[], T]) -> T:
    """Call `function` on the loop of the pipeline, and return its result."""

    async def call() -> T:
        return function()

    return sync.run(call)
