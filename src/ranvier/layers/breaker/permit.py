"""The right to one attempt through a circuit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from ranvier.layers.breaker.circuit import Circuit
from ranvier.pipeline.bound import slot_wait
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED, FAILED, Outcome

if TYPE_CHECKING:
    from ranvier.layers.breaker.registry import Circuits
    from ranvier.pipeline.call import Call


class UntrackedPermit(Permit):
    """For a call that passes without a circuit, since there was no room for another."""

    __slots__ = ()
    circuit = None


class CircuitPermit(Permit):
    """Ties a call to the circuit, and to the generation, that let it pass."""

    __slots__ = ("_call", "_circuit", "_generation", "_key", "_proved", "_registry", "_settled", "circuit")

    def __init__(self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit) -> None:
        self._registry = registry
        self._call = call
        self._key = key
        self._circuit = circuit
        self._generation = circuit.generation
        self._proved = False
        self._settled = False
        self.circuit = circuit.state

    @property
    def refuses_now(self) -> bool:
        """True while the circuit lets nobody pass."""
        return self._circuit.refuses(self._call.pipeline.clock())

    def proved(self) -> None:
        """A stream has begun: if it is a probe, it has succeeded, and its place is free."""
        before = self._circuit.state
        if self._circuit.prove(self, self._call.pipeline.clock()):
            self._proved = True
        if self._circuit.state is not before:
            self._registry.moved(self._call, before, self._circuit)

    def settle(self, outcome: Outcome) -> None:
        """Give the place back and count the outcome, once."""
        if self._settled:
            return
        self._settled = True
        circuit, generation = self._circuit, self._generation
        if generation < circuit.oldest:  # its event loop is closed, and the circuit has gone on without it
            return
        if self._proved:  # it has been counted; a later break counts in whatever state it finds
            generation = circuit.generation
            outcome = FAILED if outcome is FAILED else ABANDONED
        if outcome is FAILED:
            self._registry.claim(self._key, circuit, self._call)
        before = circuit.state
        circuit.settle(self, generation, outcome, self._call.pipeline.clock)
        self._registry.release(self._key, circuit)
        if circuit.state is not before:
            self._registry.moved(self._call, before, circuit)


class ProbePermit(CircuitPermit):
    """Of a probe: its lease begins when its request is sent, and not while it waits for a connection.

    Of an attempt with two requests it begins anew with the second.
    """

    __slots__ = ("_lease",)
    probes = True

    def __init__(
        self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit, lease: Callable[[Call], float]
    ) -> None:
        super().__init__(registry, call, key, circuit)
        self._lease = lease

    def admitted(self) -> None:
        """It may pass, by which the circuit may just have changed."""
        self.circuit = self._circuit.state
        self._generation = self._circuit.generation

    def waits(self, call: Call) -> None:
        """Let the place be held until the connection has come, and for the lease that begins then."""
        self._circuit.extend(self, call.pipeline.clock(), slot_wait(call.limits) + self._lease(call))

    def sent(self, call: Call) -> None:
        """Let the lease begin."""
        self._circuit.extend(self, call.pipeline.clock(), self._lease(call))
