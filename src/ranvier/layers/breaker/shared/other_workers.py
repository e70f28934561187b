"""Applies the updates of other workers to the shared circuits of a breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.facts.circuit import CLOSED, ISOLATED
from ranvier.layers.breaker.settings import OBSERVED
from ranvier.layers.breaker.shared.announcements import rejection
from ranvier.pipeline.sharing.fleet import CircuitsListener, SharedKey
from ranvier.pipeline.sharing.fleets import Fleets
from ranvier.pipeline.sharing.updates import PATIENCE, CircuitUpdate

if TYPE_CHECKING:
    from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
    from ranvier.layers.breaker.shared.permit import VotingPermit
    from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
    from ranvier.layers.breaker.shared.target import SharedTarget
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime

MAX_CIRCUITS = 25_000
"""With this many circuits, none is created only because it is open at other workers."""


class OtherWorkers(CircuitsListener):
    """Applies what other workers report to the circuits of one registry."""

    def __init__(self, registry: SharedCircuitRegistry) -> None:
        self._registry = registry
        self._fleets = Fleets(self._join_all)

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: share the circuits with its fleet, unless they are still in another one."""
        self._fleets.opened(pipeline)

    def _join_all(self, pipeline: Runtime) -> None:
        for circuit in self._registry.circuits():
            self.join(circuit)
        pipeline.fleet.follow_circuits(self)

    def join(self, circuit: FollowedCircuit) -> None:
        """Share `circuit` with the other workers, if there are any."""
        circuit.join(self._fleets.current, self)

    def know(self, key: SharedKey) -> None:
        """Create the circuit at `key` if there is none, because it is not closed in the store."""
        if len(self._registry) < MAX_CIRCUITS:
            self._registry.circuit(*key)

    def apply(self, circuit: FollowedCircuit, update: CircuitUpdate) -> None:
        """Let `circuit` follow `update`."""
        before, now = circuit.state, clock.now()
        snapshot = circuit.seen_at(now)  # it forgets its votes when it closes
        circuit.follow(update, now)
        if before is CLOSED and circuit.state not in (CLOSED, ISOLATED) and circuit.rules.mode != OBSERVED:
            self._registry.rescue(circuit)
        if circuit.state is not CLOSED:
            snapshot = circuit.seen_at(now)
        self._registry.emit_to_all(snapshot, before, circuit.state)

    def store_lost(self) -> None:
        """Let all circuits decide alone: the store cannot be reached."""
        for circuit in self._registry.circuits():
            circuit.store_lost()


async def ask_all(permit: VotingPermit, target: SharedTarget, call: Call) -> tuple[int, int]:
    """Ask the store whether the probe `permit` may start, at each circuit that it probes.

    Returns the generations of the circuits that its content may close.

    Raises:
        SharedCircuitOpenError: another worker probes one of them, or it has been isolated.
    """
    fences, rejecting = list(permit.fences), []
    until = call.pipeline.clock() + PATIENCE
    if call.deadline is not None:
        until = min(until, call.deadline)
    for number, circuit in enumerate(target.circuits):
        expires = circuit.lease_of(permit)
        if expires is None:
            continue
        now = call.pipeline.clock()
        allowed = await circuit.link.ask(permit, expires - now, max(until - now, 0.0))
        fences[number] = _fence(permit, circuit, allowed, expires, last=call.watch.last_target)
        if circuit.state is ISOLATED or (allowed is False and not fences[number] and not circuit.closed):
            rejecting.append(circuit)
    if rejecting:
        raise rejection(call, rejecting, call.pipeline.clock())
    return fences[0], fences[1]


def _fence(
    permit: VotingPermit, circuit: FollowedCircuit, allowed: bool | None, expires: float, *, last: bool
) -> int:
    """The generation of `circuit` that content of `permit` may close; 0 if it closes nothing."""
    if allowed is None:  # no answer: decide as without a store
        return circuit.generation if circuit.lease_of(permit) is not None else 0
    if allowed and not circuit.closed:
        return circuit.allow(permit, expires)
    circuit.withdraw(permit)
    return circuit.generation if last and not circuit.closed else 0
