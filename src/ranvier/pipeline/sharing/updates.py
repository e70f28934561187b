"""What layers receive from the other workers of a service. Seconds are counted from when it arrives."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.facts.circuit import CircuitState

PATIENCE = 0.25
"""Seconds for which a call waits for the store at most; then it goes on as without one."""


@dataclass(frozen=True, slots=True)
class CircuitUpdate:
    """How a shared circuit is for the whole service.

    Attributes:
        state: closed, open, half_open or isolated.
        renewed: It opened, closed or was isolated since the last update: probes of before decide nothing.
        retry_in: Seconds until the next probe may start; 0 if it is closed or isolated.
        failing, active: The tenants that vote against the target, of how many.
        keeps_votes: The votes of this worker still count: the store was out of reach, or is a new one.
    """

    state: CircuitState
    renewed: bool
    retry_in: float
    failing: int
    active: int
    keeps_votes: bool = False


@dataclass(frozen=True, slots=True)
class GateUpdate:
    """A gate that another worker has closed, or opened.

    Attributes:
        name: Its name for the whole service, as `GateLinks.name` makes it.
        reason: The kind of the provider's error; empty if it is open.
        closed_for: Seconds until it admits a probe; 0 if it is open.
    """

    name: str
    reason: str
    closed_for: float
