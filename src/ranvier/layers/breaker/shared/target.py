"""The two shared circuits of a target: one of its model, one of its endpoint.

Calls with your keys and calls with tenants' own keys are separate electorates, each with its own circuits.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from ranvier.facts.circuit import CLOSED
from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
from ranvier.layers.breaker.shared.recent_successes import MAX_TENANTS, RecentSuccesses
from ranvier.layers.breaker.shared.silences import Silence


class Waiting(Protocol):
    """An attempt that waits for its first content."""

    def rescue(self, after: float) -> None:
        """Move to the next target, in `after` seconds."""


class SharedTarget:
    """A model at an endpoint, as the tenants of one electorate see it.

    Each method about an outcome returns the circuit that it opened or closed, if any. Pure.

    Attributes:
        model, endpoint: The circuits; targets at one endpoint share the second.
        well: Tracks the tenants whose last outcome here was content.
        waiting: The attempts here that wait for their first content, to be rescued if a circuit opens.
    """

    __slots__ = ("endpoint", "model", "waiting", "well")

    def __init__(self, model: FollowedCircuit, endpoint: FollowedCircuit) -> None:
        self.model = model
        self.endpoint = endpoint
        self.well = RecentSuccesses()
        self.waiting: dict[Waiting, None] = {}  # a dict, because its order makes runs repeatable

    @property
    def circuits(self) -> tuple[FollowedCircuit, FollowedCircuit]:
        """The circuit of the model, and the circuit of the endpoint."""
        return self.model, self.endpoint

    @property
    def closed(self) -> bool:
        """True if both circuits are closed."""
        return self.model.state is CLOSED and self.endpoint.state is CLOSED

    def content(self, voter: Hashable, began: float, now: float) -> None:
        """An attempt of `voter` that began at `began` had its first content."""
        well, number = self.well, hash(voter)
        if now < well.turns_at and len(well.now) < MAX_TENANTS:
            well.now[number] = now
        else:
            well.turn(number, now)
        self.model.votes.content(voter, began, now)
        self.endpoint.votes.content(voter, began, now)

    def answered(self, voter: Hashable, began: float, now: float) -> None:
        """The endpoint answered `voter`; this is no evidence about the model."""
        self.endpoint.votes.content(voter, began, now)

    def failed(self, circuit: FollowedCircuit, voter: Hashable, now: float) -> FollowedCircuit | None:
        """An attempt of `voter` failed at the model or at the endpoint."""
        self.well.failed(hash(voter))
        circuit.votes.failed(voter, now)
        return circuit if circuit.opens(now) else None

    def broke(self, voter: Hashable, now: float) -> FollowedCircuit | None:
        """An answer broke after its first content."""
        self.well.failed(hash(voter))
        self.model.votes.broke(voter, now)
        return self.model if self.model.opens(now) else None

    def silent(self, voter: Hashable, began: float, now: float) -> Silence | None:
        """An attempt passed its hang threshold, which may open the circuit; `None` if it does not count."""
        silence = self.model.votes.silent(voter, began, now)
        if silence is not None:
            self.well.failed(hash(voter))
        return silence
