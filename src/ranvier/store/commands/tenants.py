"""The commands about the circuits of single tenants. Workers decide alone; the store passes on hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ranvier.facts.circuit import CircuitState


class TenantKey(NamedTuple):
    """Identifies a tenant's circuit: the tenant's digest, and the rest of the circuit's key as text."""

    tenant: str
    circuit: str


@dataclass(frozen=True, slots=True)
class TenantView:
    """The state of a tenant's circuit in the store: the reply to each command of this module.

    It is also pushed when an operator isolates or resets the circuit.

    Attributes:
        state: closed (also if unknown), open (at another worker) or isolated.
        generation: The generation of its opening or isolation; 0 if closed.
        retry_after: Milliseconds until the worker that opened it probes; `None` unless open.
        by: The id of the worker that opened or isolated it, or that reset it.
    """

    tenant: TenantKey
    state: CircuitState
    generation: int
    retry_after: int | None
    by: str


@dataclass(frozen=True, slots=True)
class TenantFailed:
    """A worker's first failure of a tenant at a target: asks whether the circuit is open elsewhere."""

    tenant: TenantKey
    worker: str


@dataclass(frozen=True, slots=True)
class TenantOpened:
    """A worker's own circuit has opened for `open_for` milliseconds, at most a day."""

    tenant: TenantKey
    worker: str
    open_for: int


@dataclass(frozen=True, slots=True)
class TenantClosed:
    """A worker's own circuit has closed: ends the opening by that worker, or the one of `generation`."""

    tenant: TenantKey
    worker: str
    generation: int = 0


@dataclass(frozen=True, slots=True)
class IsolateTenant:
    """An operator isolates a tenant's circuit in every worker until `ResetTenant`."""

    tenant: TenantKey
    worker: str


@dataclass(frozen=True, slots=True)
class ResetTenant:
    """An operator closes a tenant's circuit in every worker."""

    tenant: TenantKey
    worker: str
