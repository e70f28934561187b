"""The shared circuits of a breaker: one per model and per endpoint, separately for tenants' own keys."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.circuit import CLOSED, CircuitState, SharedCircuitSnapshot
from ranvier.layers.breaker.settings import OBSERVED
from ranvier.layers.breaker.shared.announcements import changed, rejection, status_lines
from ranvier.layers.breaker.shared.followed_circuit import FollowedCircuit
from ranvier.layers.breaker.shared.other_workers import OtherWorkers
from ranvier.layers.breaker.shared.permit import VotingPermit
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.layers.breaker.shared.target import SharedTarget
from ranvier.layers.breaker.shared.targets import SharedTargets
from ranvier.layers.breaker.shared.verdict import PROBES, REJECTED, Verdict
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED
from ranvier.pipeline.reporting.emitter import Events
from ranvier.pipeline.running.loops import Loops
from ranvier.wording import target_name

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime

RESCUE_SECONDS = 1.0
"""When a circuit opens, waiting calls move to their next targets, spread over this many seconds."""


class SharedCircuitRegistry(SharedTargets):
    """The shared circuits of a breaker, for operators and for the breaker."""

    def __init__(self, rules: SharedCircuits) -> None:
        super().__init__(rules)
        self._listening: weakref.WeakSet[Events] = weakref.WeakSet()
        self._loops = Loops("Breaker")
        self._others = OtherWorkers(self)

    def _made(self, circuit: FollowedCircuit) -> None:
        self._others.join(circuit)

    # --- for operators ---------------------------------------------------------------------------

    def __iter__(self) -> Iterator[SharedCircuitSnapshot]:
        now = clock.now()
        for circuit in list(self._circuits.values()):
            yield circuit.seen_at(now)

    def __len__(self) -> int:
        return len(self._circuits)

    def status(self, shown: int) -> Iterator[str]:
        """Lines for `print(pipeline)`."""
        return status_lines(self, shown)

    def state(
        self, provider: str, model: str | None = None, *, tenants_keys: bool = False
    ) -> CircuitState | None:
        """The state of a shared circuit, or `None` before its first call; without `model`: the endpoint's."""
        circuit = self._circuits.get((provider, model, tenants_keys))
        return None if circuit is None else circuit.state

    def reset(self, provider: str, model: str | None = None, *, tenants_keys: bool = False) -> bool:
        """Close a shared circuit, also an isolated one. False if there is no such circuit."""
        circuit = self._circuits.get((provider, model, tenants_keys))
        if circuit is None:
            return False
        snapshot = circuit.seen_at(clock.now())
        circuit.close(clock.now())
        circuit.link.reset()
        self.emit_to_all(snapshot, snapshot.state, circuit.state)
        return True

    def isolate(self, provider: str, model: str | None = None, *, tenants_keys: bool = False) -> None:
        """Reject every call with your keys, or with tenants' own keys, until `reset`.

        Raises:
            ConfigurationError: there is no such circuit yet.
        """
        circuit = self._circuits.get((provider, model, tenants_keys))
        if circuit is None:
            known = ", ".join(sorted({each.target for each in self._circuits.values()})) or "none"
            target = target_name(provider, model)
            raise ConfigurationError(f"there is no shared circuit of {target!r:.160} yet, only of: {known}")
        before = circuit.state
        circuit.isolate(clock.now())
        circuit.link.isolate()
        self.emit_to_all(circuit.seen_at(clock.now()), before, circuit.state)

    # --- for the breaker -------------------------------------------------------------------------

    def join(self, pipeline: Runtime) -> None:
        """Send the changes that operators make to the pipeline's listeners, and learn its targets."""
        self._listening.add(pipeline.events)
        chains = (chain for layer in pipeline.layers for chain in layer.chains())
        self._listed.update(each.target for chain in chains for each in chain)

    def start_on(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, forget what was in flight on it."""
        shift = self._loops.enter(pipeline)
        if shift is not None:
            for circuit in self._circuits.values():
                circuit.start_anew(shift)
            for target in (*self.ours.values(), *self.theirs.values()):
                target.well.clear()
                target.waiting.clear()
        self._others.opened(pipeline)

    def verdicts(self, target: SharedTarget, call: Call, now: float) -> tuple[Verdict, Verdict]:
        """The verdicts of the model's and of the endpoint's circuit on `call`."""
        exempt = target.well.exempts(hash(call.tenant), now)
        last = call.watch.last_target
        may_probe = call.hedge is not False
        return (
            target.model.verdict(now, exempt=exempt, may_probe=may_probe, last_target=last),
            target.endpoint.verdict(now, exempt=exempt, may_probe=may_probe, last_target=last),
        )

    def check(self, target: SharedTarget, call: Call, now: float) -> tuple[Verdict, Verdict]:
        """The verdicts of the circuits on `call`.

        Raises:
            SharedCircuitOpenError: one of them rejects it.
        """
        verdicts = self.verdicts(target, call, now)
        circuits = target.model, target.endpoint
        rejecting = [each for each, verdict in zip(circuits, verdicts, strict=True) if verdict is REJECTED]
        if rejecting:
            raise rejection(call, rejecting, now)
        return verdicts

    def admit(
        self, own: Permit, target: SharedTarget, verdicts: tuple[Verdict, Verdict], call: Call, lease: float
    ) -> VotingPermit:
        """The permit of `call`, which has the permit `own` of its tenant's circuit."""
        now = call.pipeline.clock()
        permit = VotingPermit(own, self, target, call)
        before = target.model.state, target.endpoint.state
        fences = (
            target.model.take(verdicts[0], permit, now, lease),
            target.endpoint.take(verdicts[1], permit, now, lease),
        )
        if any(fences):
            permit.fences = fences
            permit.probes = own.probes or PROBES in verdicts
        try:
            for circuit, state in zip((target.model, target.endpoint), before, strict=True):
                self._emit(call, circuit, state, now)
        except BaseException:  # such as a KeyboardInterrupt in a listener
            permit.settle(ABANDONED)
            raise
        return permit

    def rejects(self, target: SharedTarget, call: Call) -> bool:
        """True if one of the circuits would reject another attempt of `call` now."""
        return not target.closed and REJECTED in self.verdicts(target, call, call.pipeline.clock())

    def probes_next(self, call: Call) -> bool:
        """True if one of the circuits would admit `call` as its probe now."""
        target = self.at(call)
        if target is None or target.closed:
            return False
        verdicts = self.verdicts(target, call, call.pipeline.clock())
        return PROBES in verdicts and REJECTED not in verdicts

    def recovered_at(self, call: Call) -> float:
        """When a shared circuit of the target of `call` last closed."""
        target = self.at(call)
        return -math.inf if target is None else max(target.model.closed_at, target.endpoint.closed_at)

    # --- for permits -----------------------------------------------------------------------------

    def opened(self, call: Call, circuit: FollowedCircuit | None) -> None:
        """`circuit`, if any, has opened because of `call`: rescue the calls that wait there."""
        if circuit is None:
            return
        if circuit.rules.mode != OBSERVED:
            self.rescue(circuit)
        self._emit(call, circuit, CLOSED, call.pipeline.clock())

    def prove(
        self, permit: VotingPermit, call: Call, circuit: FollowedCircuit, fence: int, now: float
    ) -> None:
        """Close `circuit` if the success of `call`, admitted in its generation `fence`, allows that."""
        before, snapshot = circuit.state, circuit.seen_at(now)  # it forgets its votes when it closes
        if circuit.proved(fence, now):
            circuit.link.proved(permit)
            self._emit(call, circuit, before, now, snapshot)

    def left(self, permit: VotingPermit, target: SharedTarget, call: Call, *, disproved: bool) -> None:
        """The attempt of a probe has ended."""
        now = call.pipeline.clock()
        for circuit, fence in zip((target.model, target.endpoint), permit.fences, strict=True):
            before = circuit.state
            circuit.leave(permit, now)
            circuit.link.left(permit)
            if disproved and fence and circuit.disproved(fence, now):
                circuit.link.disproved()
            self._emit(call, circuit, before, now)

    def rescue(self, circuit: FollowedCircuit) -> None:
        """Send the calls that wait at `circuit` to their next targets."""
        targets = self.theirs if circuit.tenants_keys else self.ours
        for target in targets.values():
            if circuit is target.model or circuit is target.endpoint:
                waiting, target.waiting = target.waiting, {}
                for permit in waiting:
                    permit.rescue(RESCUE_SECONDS * self.rules.spread())

    # --- events ----------------------------------------------------------------------------------

    def _emit(
        self,
        call: Call,
        circuit: FollowedCircuit,
        before: CircuitState,
        now: float,
        snapshot: SharedCircuitSnapshot | None = None,
    ) -> None:
        if circuit.state is not before and call.pipeline.events.listeners:
            event = changed(call.tenant, snapshot or circuit.seen_at(now), before, circuit.state)
            call.pipeline.events.emit(event, call.record)

    def emit_to_all(self, snapshot: SharedCircuitSnapshot, before: CircuitState, after: CircuitState) -> None:
        """Emit a change that no call of this worker has caused."""
        if before is not after:
            for events in self._listening:
                events.emit(changed("", snapshot, before, after))
