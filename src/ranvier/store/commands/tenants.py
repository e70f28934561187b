"""The commands about the circuits of single tenants. Each worker keeps its own; the store hints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ranvier.facts.circuit import CircuitState


class TenantKey(NamedTuple):
    """Which circuit: the tenant's digest, and the rest of the circuit's key, as text."""

    tenant: str
    circuit: str


@dataclass(frozen=True, slots=True)
class TenantView:
    """What the store knows of a tenant's circuit: the reply to each command here.

    It is pushed as well if an operator isolated or reset the circuit.

    Attributes:
        state: closed (nothing is known), open (elsewhere) or isolated.
        generation: Of its opening or isolation; 0 if closed.
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
    """The first failure that a worker sees of a tenant there: ask whether it is open elsewhere."""

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
    """A worker's own circuit has closed. It ends the opening of that worker, or that of `generation`."""

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
