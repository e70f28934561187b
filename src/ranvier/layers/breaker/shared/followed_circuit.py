"""A shared circuit that follows the store while the store can be reached. Pure."""

from __future__ import annotations

from typing import Protocol

from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN
from ranvier.layers.breaker.shared.circuit import SharedCircuit
from ranvier.layers.breaker.shared.reported_votes import ReportedVotes
from ranvier.pipeline.sharing.fleet import Fleet
from ranvier.pipeline.sharing.single_worker import NO_LINK
from ranvier.pipeline.sharing.updates import CircuitUpdate


class UpdateHandler(Protocol):
    """Receives the updates of a circuit."""

    def apply(self, circuit: FollowedCircuit, update: CircuitUpdate) -> None:
        """Let `circuit` follow `update`."""


class FollowedCircuit(SharedCircuit):
    """A shared circuit that takes over the state in the store."""

    __slots__ = ("_handler",)

    def join(self, fleet: Fleet, handler: UpdateHandler) -> None:
        """Share the circuit with `fleet` from now on, and drop its votes. `handler` receives the updates."""
        self._handler = handler
        link, votes = self.link, ReportedVotes(self.rules.votes)
        votes.link = fleet.link(self, votes)
        if votes.link is not link or link is not NO_LINK:
            self.votes.clear()
            self.votes = votes

    def apply(self, update: CircuitUpdate) -> None:
        """Receive the state in the store."""
        self._handler.apply(self, update)

    def follow(self, update: CircuitUpdate, now: float) -> None:
        """Take over the state in `update`."""
        if update.state is CLOSED:
            if self.state is not CLOSED or update.renewed:
                self._close(now)
                if not update.keeps_votes:
                    self.votes.clear()
        elif update.state is ISOLATED:
            if self.state is not ISOLATED or update.renewed:
                self.isolate(now)
        else:
            if self.state in (CLOSED, ISOLATED) or update.renewed:
                self._open(now)
            self.state = update.state
            self._next_probe = now + update.retry_in
            self._of_all = update.failing, update.active

    def store_lost(self) -> None:
        """Decide alone, from the last known state: the store cannot be reached."""
        self._of_all = None
        if self.state is HALF_OPEN and not self._probes:
            self.state = OPEN

    @property
    def closed(self) -> bool:
        """True if it admits every call."""
        return self.state is CLOSED

    # --- probes that the store lets start --------------------------------------------------------

    def lease_of(self, permit: object) -> float | None:
        """When the lease of the probe `permit` expires; `None` if it is not a probe."""
        return self._probes.get(permit)

    def allow(self, permit: object, until: float) -> int:
        """Start the probe `permit`, as the store allows; returns the generation that its content closes."""
        self._probes[permit] = until
        return self.generation

    def withdraw(self, permit: object) -> None:
        """Remove the probe `permit`, because the store rejects it; the time of the next probe is known."""
        if self._probes.pop(permit, None) is not None:
            self._started -= 1
