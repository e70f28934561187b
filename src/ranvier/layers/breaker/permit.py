"""Permits for one attempt through a circuit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from ranvier.facts import attempt as facts
from ranvier.facts.circuit import CLOSED, ISOLATED, CircuitState
from ranvier.layers.breaker.announcements import rejection
from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.settings import OBSERVED
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED, FAILED, SUCCEEDED, Outcome
from ranvier.pipeline.timing.limits import slot_wait

if TYPE_CHECKING:
    from ranvier.layers.breaker.registry import Circuits
    from ranvier.layers.breaker.windows import Windows
    from ranvier.pipeline.call import Call


class UntrackedPermit(Permit):
    """A permit without a circuit, for when the registry is full."""

    __slots__ = ()
    circuit = None


def rejected(call: Call, circuit: Circuit, now: float) -> Permit:
    """A permit for a call that `circuit` would reject, if the circuit is only observed.

    Raises:
        CircuitOpenError: the circuit is enforced, or an operator has isolated it.
    """
    if circuit.rules.mode == OBSERVED and circuit.state is not ISOLATED:
        return UntrackedPermit()
    raise rejection(call, circuit, now)


class CircuitPermit(Permit):
    """Ties a call to the circuit and the generation that admitted it."""

    __slots__ = ("_call", "_circuit", "_generation", "_key", "_registry", "_settled", "_silent", "circuit")
    observes = True

    def __init__(self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit) -> None:
        self._registry = registry
        self._call = call
        self._key = key
        self._circuit = circuit
        self._generation = circuit.generation
        self._settled = False
        self._silent = False
        self.circuit = circuit.state

    @property
    def refuses_now(self) -> bool:
        """True while the circuit rejects every call."""
        circuit = self._circuit
        return circuit.rules.mode != OBSERVED and circuit.rejects(self._call.pipeline.clock())

    def proved(self) -> None:
        """A stream has begun."""
        windows, before = self._circuit.rules.windows, self._circuit.state
        if windows is not None and not self._settled:
            self._time(windows, began=True)
            self._report_change(before)

    def silent(self) -> None:
        """The attempt has passed its hang threshold: count a failure, unless it still succeeds."""
        if self._settled or self._silent:
            return
        self._silent = True
        circuit, now = self._circuit, self._call.pipeline.clock()
        self._registry.claim(self._key, circuit, self._call)
        before = circuit.state
        circuit.count_silence(self._generation, now, self._sent_at(now))
        self._report_change(before)
        if not self.probes and self.refuses_now:
            self._call.watch.leave()

    def _sent_at(self, now: float) -> float:
        return now

    def settle(self, outcome: Outcome) -> None:
        """Release the call and count its outcome, once."""
        if self._settled:
            return
        self._settled = True
        circuit = self._circuit
        if self._generation < circuit.oldest:  # its loop is closed, and the circuit has moved to another
            return
        if self._silent and outcome is FAILED:  # it was counted when the attempt fell silent
            outcome = ABANDONED
        if outcome is FAILED:
            self._registry.claim(self._key, circuit, self._call)
        before = circuit.state
        if circuit.rules.windows is not None and outcome is not ABANDONED:
            self._time(circuit.rules.windows, began=False)
        circuit.settle(self, self._generation, outcome, self._call.pipeline.clock)
        self._registry.release(self._key, circuit)
        if outcome is SUCCEEDED:
            if self._registry.others.successes is not None:
                self._registry.others.succeeded(self._key, self._call.pipeline.clock())
        elif outcome is FAILED and circuit.failures == 1 and circuit.state is CLOSED:
            self._registry.others.failed(self._key, self._call)
        if circuit.state is not before:
            self._registry.others.changed(self._call, self._key, circuit, before)

    def _report_change(self, before: CircuitState) -> None:
        """Emit and share that this call has changed the state of the circuit from `before`, if it has."""
        if self._circuit.state is not before:
            self._registry.others.changed(self._call, self._key, self._circuit, before)

    def _time(self, windows: Windows, *, began: bool) -> None:
        """Count whether the content was slow: a stream's at its first content, any other's at the end."""
        call, slow_after = self._call, windows.slow_after
        if slow_after is None:
            return
        attempt = call.record.last_at(call.deployment.target)
        if attempt is None or (call.streaming and not began and attempt.first_token is not None):
            return  # it was counted at its first content
        waited = attempt.first_token
        if waited is None and attempt.outcome != facts.SUCCEEDED and attempt.seconds > slow_after:
            waited = attempt.seconds  # it failed without any content
        if waited is not None:
            self._circuit.time(self, self._generation, waited > slow_after, call.pipeline.clock())


class ProbePermit(CircuitPermit):
    """The permit of a probe. Its lease starts when its request is sent, not while it waits for a connection.

    If the attempt sends a second request, the lease starts again.
    """

    __slots__ = ("_lease", "_proved", "_sent", "probes")

    def __init__(
        self, registry: Circuits, call: Call, key: Hashable, circuit: Circuit, lease: Callable[[Call], float]
    ) -> None:
        super().__init__(registry, call, key, circuit)
        self._lease = lease
        self.probes = circuit.rules.mode != OBSERVED
        self._proved = False
        self._sent: float | None = None

    def _sent_at(self, now: float) -> float:
        return now if self._sent is None else self._sent

    def admitted(self) -> None:
        """Read the circuit's state and generation again: admitting the probe may have changed them."""
        self.circuit = self._circuit.state
        self._generation = self._circuit.generation

    def waits(self, call: Call) -> None:
        """Extend the lease by the wait for a connection."""
        self._circuit.extend(self, call.pipeline.clock(), slot_wait(call.limits) + self._lease(call))

    def sent(self, call: Call) -> None:
        """Start the lease."""
        self._sent = call.pipeline.clock()
        self._circuit.extend(self, self._sent, self._lease(call))

    def content(self) -> None:
        """Count the first content as the probe's success, unless a schema or a window needs more."""
        if self._call.request.schema is None and self._circuit.rules.windows is None:
            self.proved()

    def silent(self) -> None:
        """The probe has failed, unless it has already succeeded."""
        if not self._proved:
            super().silent()

    def proved(self) -> None:
        """A stream has begun: the probe has succeeded, and another may follow."""
        super().proved()
        before = self._circuit.state
        if self._circuit.prove(self, self._call.pipeline.clock()):
            self._proved = True
        self._report_change(before)

    def settle(self, outcome: Outcome) -> None:
        """Release the probe. If it has already succeeded, only a broken stream still counts."""
        circuit = self._circuit
        if self._proved and self._generation >= circuit.oldest:
            self._generation = circuit.generation
            outcome = FAILED if outcome is FAILED else ABANDONED
        super().settle(outcome)
