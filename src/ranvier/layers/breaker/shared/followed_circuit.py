"""A shared circuit that follows the word of a store, as long as the store can be reached. Pure."""

from __future__ import annotations

from typing import Protocol

from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN
from ranvier.layers.breaker.shared.circuit import SharedCircuit
from ranvier.layers.breaker.shared.reported_votes import ReportedVotes
from ranvier.pipeline.sharing.alone import NO_LINK
from ranvier.pipeline.sharing.fleet import Fleet
from ranvier.pipeline.sharing.words import CircuitWord


class Hearing(Protocol):
    """Hears on behalf of a circuit."""

    def hear(self, circuit: FollowedCircuit, word: CircuitWord) -> None:
        """Let `circuit` follow the word of the store."""


class FollowedCircuit(SharedCircuit):
    """A shared circuit of a registry."""

    __slots__ = ("_hearing",)

    def join(self, fleet: Fleet, hearing: Hearing) -> None:
        """Share the circuit with `fleet` from now on; votes that it has not heard are dropped.

        What it hears goes to `hearing`, which lets it follow that.
        """
        self._hearing = hearing
        link, votes = self.link, ReportedVotes(self.rules.votes)
        votes.link = fleet.link(self, votes)
        if votes.link is not link or link is not NO_LINK:
            self.votes.clear()
            self.votes = votes

    def hear(self, word: CircuitWord) -> None:
        """Follow the word of the store."""
        self._hearing.hear(self, word)

    def follow(self, word: CircuitWord, now: float) -> None:
        """Be as the store says."""
        if word.state is CLOSED:
            if self.state is not CLOSED or word.renewed:
                self._close(now)
                if not word.keeps_votes:
                    self.votes.clear()
        elif word.state is ISOLATED:
            if self.state is not ISOLATED or word.renewed:
                self.isolate(now)
        else:
            if self.state in (CLOSED, ISOLATED) or word.renewed:
                self._open(now)
            self.state = word.state
            self._next_probe = now + word.retry_in
            self._of_all = word.failing, word.active

    def alone(self) -> None:
        """The store cannot be reached: go on alone from the last state that it had."""
        self._of_all = None
        if self.state is HALF_OPEN and not self._probes:
            self.state = OPEN

    @property
    def closed(self) -> bool:
        """True if it admits every call."""
        return self.state is CLOSED

    # --- probes that the store lets start --------------------------------------------------------

    def lease_of(self, who: object) -> float | None:
        """When the lease of the probe `who` expires; `None` if it is no probe."""
        return self._probes.get(who)

    def allow(self, who: object, until: float) -> int:
        """The store lets the probe `who` start; returns the generation that its content closes."""
        self._probes[who] = until
        return self.generation

    def withdraw(self, who: object) -> None:
        """The store lets no probe start now: `who` is none. The circuit has heard when one may."""
        if self._probes.pop(who, None) is not None:
            self._started -= 1
