"""Permits for one attempt through a circuit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from ranvier.layers.breaker.circuit import Circuit
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED, FAILED, Outcome
from ranvier.pipeline.timing.limits import slot_wait

if TYPE_CHECKING:
    from ranvier.layers.breaker.registry import Circuits
    from ranvier.pipeline.call import Call


class UntrackedPermit(Permit):
    """A permit without a circuit, for when the registry is full."""

    __slots__ = ()
    circuit = None


class CircuitPermit(Permit):
    """Ties a call to the circuit and the generation that admitted it."""

    __slots__ = ("_call", "_circuit", "_generation", "_key", "_registry", "_settled", "circuit")

    def __init__(self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit) -> None:
        self._registry = registry
        self._call = call
        self._key = key
        self._circuit = circuit
        self._generation = circuit.generation
        self._settled = False
        self.circuit = circuit.state

    @property
    def refuses_now(self) -> bool:
        """True while the circuit rejects every call."""
        return self._circuit.rejects(self._call.pipeline.clock())

    def settle(self, outcome: Outcome) -> None:
        """Release the call and count its outcome, once."""
        if self._settled:
            return
        self._settled = True
        circuit = self._circuit
        if self._generation < circuit.oldest:  # its loop is closed, and the circuit has moved to another
            return
        if outcome is FAILED:
            self._registry.claim(self._key, circuit, self._call)
        before = circuit.state
        circuit.settle(self, self._generation, outcome, self._call.pipeline.clock)
        self._registry.release(self._key, circuit)
        if circuit.state is not before:
            self._registry.emit_change(self._call, before, circuit)


class ProbePermit(CircuitPermit):
    """The permit of a probe. Its lease starts when its request is sent, not while it waits for a connection.

    If the attempt sends a second request, the lease starts again.
    """

    __slots__ = ("_lease", "_proved")
    probes = True

    def __init__(
        self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit, lease: Callable[[Call], float]
    ) -> None:
        super().__init__(registry, call, key, circuit)
        self._lease = lease
        self._proved = False

    def admitted(self) -> None:
        """Take over the circuit's state and generation, which admitting the probe may have changed."""
        self.circuit = self._circuit.state
        self._generation = self._circuit.generation

    def waits(self, call: Call) -> None:
        """Extend the lease by the wait for a connection."""
        self._circuit.extend(self, call.pipeline.clock(), slot_wait(call.limits) + self._lease(call))

    def sent(self, call: Call) -> None:
        """Start the lease."""
        self._circuit.extend(self, call.pipeline.clock(), self._lease(call))

    def proved(self) -> None:
        """A stream has begun: the probe has succeeded, and another may follow."""
        before = self._circuit.state
        if self._circuit.prove(self, self._call.pipeline.clock()):
            self._proved = True
        if self._circuit.state is not before:
            self._registry.emit_change(self._call, before, self._circuit)

    def settle(self, outcome: Outcome) -> None:
        """Release the probe; after its success only a break of its stream counts, and in any state."""
        circuit = self._circuit
        if self._proved and self._generation >= circuit.oldest:
            self._generation = circuit.generation
            outcome = FAILED if outcome is FAILED else ABANDONED
        super().settle(outcome)
