"""Updates that layers receive from other workers. Seconds are relative to the arrival."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.facts.circuit import CircuitState

PATIENCE = 0.25
"""Maximum seconds for which a call waits for the store; after that it continues as without a store."""


@dataclass(frozen=True, slots=True)
class CircuitUpdate:
    """The state of a shared circuit for the whole service.

    Attributes:
        state: closed, open, half_open or isolated.
        renewed: True if it opened, closed or was isolated since the last update; ignore earlier probes.
        retry_in: Seconds until the next probe may start; 0 if it is closed or isolated.
        failing, active: The number of tenants that vote against the target, and of all that vote.
        keeps_votes: True if this worker's votes still count: the store was unreachable, or is a new one.
    """

    state: CircuitState
    renewed: bool
    retry_in: float
    failing: int
    active: int
    keeps_votes: bool = False


@dataclass(frozen=True, slots=True)
class GateUpdate:
    """A gate that another worker has closed or opened.

    Attributes:
        name: Its name for the whole service, from `GateLinks.name`.
        reason: The kind of the provider's error; empty if it is open.
        closed_for: Seconds until it admits a probe; 0 if it is open.
    """

    name: str
    reason: str
    closed_for: float
