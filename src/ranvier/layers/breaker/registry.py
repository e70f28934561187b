"""All circuits of a breaker by key, bounded in number."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.circuit import CLOSED, HALF_OPEN, ISOLATED, OPEN, CircuitSnapshot, CircuitState
from ranvier.layers.breaker.announcements import emit_full, emit_to_all
from ranvier.layers.breaker.circuit import Circuit
from ranvier.layers.breaker.elsewhere import TenantsElsewhere
from ranvier.layers.breaker.eviction import EvictionQueue
from ranvier.layers.breaker.models import NO_PART, check_named, named
from ranvier.layers.breaker.permit import CircuitPermit, ProbePermit, UntrackedPermit, rejected
from ranvier.layers.breaker.settings import OBSERVED, OFF, CircuitSettings, Leasing
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED
from ranvier.pipeline.reporting.emitter import Events
from ranvier.pipeline.running.loops import Loops
from ranvier.wording import counted

if TYPE_CHECKING:
    from ranvier.layers.breaker.shared.registry import SharedCircuitRegistry
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime

SEVERITIES = (CLOSED, HALF_OPEN, OPEN, ISOLATED)
"""States in ascending severity; of several circuits, the most severe state is shown."""


class Circuits:
    """The circuits by key, which is `(tenant, provider)` unless the breaker has a key function.

    At most `max_circuits` are kept. A new one evicts the least recently used closed circuit, or else open and
    half-open ones without a call for ten minutes after their cooldown. If all circuits are in use, the call
    is admitted without one: no call is rejected for lack of memory.

    Operators name a circuit by the parts of its key, as in `reset("acme", "openai")`, or by the whole key, as
    in `reset(key)` for a key from iterating over the registry or from a key function.
    """

    def __init__(
        self,
        rules: CircuitSettings,
        max_circuits: int,
        rules_for: Callable[[Deployment], CircuitSettings] | None = None,
        kind: type[Circuit] = Circuit,
    ) -> None:
        self._rules, self._kind, self._max_circuits = rules, kind, max_circuits
        self._rules_for = rules_for or (lambda deployment: rules)
        self._circuits: dict[Hashable, Circuit] = {}
        self._idle: dict[Circuit, Hashable] = {}  # closed and without calls, least recently used first: keys
        self._numbers = count()
        self._eviction_queue = EvictionQueue()  # open or half-open, and without calls
        self._unclaimed: set[Hashable] = set()  # made by an operator: the first failed call sets the rules
        self._listening: weakref.WeakSet[Events] = weakref.WeakSet()  # of the pipelines with this breaker
        self._loops = Loops("Breaker", several=True)
        self.others = TenantsElsewhere(self)
        self.models: dict[str, tuple[str, ...]] = {}  # by provider: its targets that have their own circuits
        self.providers: set[str] = set()  # that a circuit may be of; empty for custom keys
        self.shared: SharedCircuitRegistry | None = None

    # --- for operators ---------------------------------------------------------------------------

    def state(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> CircuitState | None:
        """The state of a circuit, `None` before its first call. Reading never changes it."""
        keys = named(self._circuits, self.models, tenant, provider, *more)
        states = [self._circuits[key].state for key in keys if key in self._circuits]
        return max(states, key=SEVERITIES.index, default=None)

    async def reset(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> bool:
        """Close a circuit, also an isolated one, and reset its counts. False if there is no such circuit."""
        keys = named(self._circuits, self.models, tenant, provider, *more)
        found = [(key, self._circuits[key]) for key in keys if key in self._circuits]
        for key, circuit in found:
            async with circuit.lock:
                self.command(key, circuit, isolated=False)
        for key in keys:
            self.others.links.reset(key)
        return bool(found)

    async def isolate(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> None:
        """Reject every call through a circuit until it is reset.

        Raises:
            ConfigurationError: it is new, and is of no provider of the stack, or the registry is full.
        """
        for key in named(self._circuits, self.models, tenant, provider, *more):
            circuit = self._circuits.get(key) or self._made(key)
            async with circuit.lock:
                self.command(key, circuit, isolated=True)
            self.others.links.isolate(key)

    def command(self, key: Hashable, circuit: Circuit, *, isolated: bool) -> None:
        """Isolate or close a circuit, as an operator commands."""
        before = circuit.state
        if isolated:
            circuit.isolate()
            self._idle.pop(circuit, None)
        else:
            circuit.close()
            self._park(key, circuit)
        emit_to_all(self._listening, key, before, circuit.state)

    def _made(self, key: Hashable) -> Circuit:
        """A new circuit, created by an operator's command."""
        check_named(key, self.providers)
        circuit = self._add(key, self._rules, clock.now())
        if circuit is None:
            raise ConfigurationError(
                f"max_circuits={self._max_circuits} are all in use: there is no room for {key!r}"
            )
        self._unclaimed.add(key)
        return circuit

    def __iter__(self) -> Iterator[tuple[Hashable, CircuitSnapshot]]:
        now = clock.now()
        for key, circuit in list(self._circuits.items()):
            yield key, circuit.seen_at(now)

    def states(self) -> list[tuple[Hashable, CircuitState]]:
        """The state of every circuit by its key; cheaper than snapshots, and safe in any thread."""
        return [(key, circuit.state) for key, circuit in list(self._circuits.items())]

    def __len__(self) -> int:
        return len(self._circuits)

    def __repr__(self) -> str:
        troubled = sum(1 for circuit in self._circuits.values() if circuit.state is not CLOSED)
        circuits = counted(len(self._circuits), "circuit")
        return f"<{circuits} of at most {self._max_circuits}, {troubled} not closed>"

    # --- for the breaker -------------------------------------------------------------------------

    def listen(self, events: Events) -> None:
        """Send the changes that operators make to `events`."""
        self._listening.add(events)

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, drop what was in flight on it."""
        shift = self._loops.enter(pipeline)
        self.others.opened(pipeline)
        if shift is None:
            return
        self._eviction_queue = EvictionQueue()
        for key, circuit in self._circuits.items():
            circuit.start_anew(shift)
            circuit.entered_at = math.inf
            if circuit.state is not CLOSED:
                self._eviction_queue.add(key, circuit, self._circuits)
            elif circuit not in self._idle:
                self._idle[circuit] = key

    def rejects(self, call: Call, key: Hashable) -> bool:
        """True if the circuit at `key` rejects every call now."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.state is CLOSED:
            return False
        now = call.pipeline.clock()
        self._recover(call, circuit, now)
        return circuit.rejects(now)

    def probes_next(self, call: Call, key: Hashable) -> bool:
        """True if the circuit at `key` might admit `call` as a probe now."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.state is CLOSED or circuit.rules.mode == OBSERVED:
            return False
        return not self.rejects(call, key)

    def _recover(self, call: Call, circuit: Circuit, now: float) -> None:
        if self.shared is not None and circuit.state is OPEN:
            circuit.recover(self.shared.recovered_at(call), now)

    def admit(self, call: Call, key: Hashable, settings: Leasing) -> Permit:
        """Return a permit for `call` through the circuit at `key`; a new circuit gets `settings`.

        Raises:
            CircuitOpenError: the circuit rejects the call.
        """
        circuit = self._circuits.get(key)
        if circuit is None:
            if settings.rules.mode == OFF:
                return UntrackedPermit()
            circuit = self._add(key, settings.rules, call.pipeline.clock())
            if circuit is None:
                emit_full(call, self._max_circuits)
                return UntrackedPermit()
        if circuit.state is CLOSED:
            permit: Permit = CircuitPermit(self, call, key, circuit)
            circuit.in_flight += 1
        else:
            permit = self._probe(call, key, circuit, settings)
        self._idle.pop(circuit, None)
        return permit

    def _probe(self, call: Call, key: Hashable, circuit: Circuit, settings: Leasing) -> Permit:
        """Return a permit for `call` as a probe, or raise `CircuitOpenError`."""
        now, before = call.pipeline.clock(), circuit.state
        self._recover(call, circuit, now)
        if circuit.rejects(now):  # the most frequent case: do not create a permit
            return rejected(call, circuit, now)
        permit = ProbePermit(self, call, key, circuit, settings.lease)
        admitted = circuit.admit(permit, now, settings.reservation(call))
        permit.admitted()
        try:
            if circuit.state is not before:
                self.others.changed(call, key, circuit, before)
        except BaseException:  # such as a KeyboardInterrupt in a listener
            if admitted:
                permit.settle(ABANDONED)
            raise
        return permit if admitted else rejected(call, circuit, now)

    def claim(self, key: Hashable, circuit: Circuit, call: Call) -> None:
        """Give a circuit that an operator created the settings of the first target that fails in it."""
        if key in self._unclaimed:
            self._unclaimed.discard(key)
            circuit.rules = self._rules_for(call.deployment)

    def release(self, key: Hashable, circuit: Circuit) -> None:
        """A call through `circuit` has ended."""
        if circuit.in_flight > 0:
            return
        if circuit.state is CLOSED:
            self._idle[circuit] = key  # appended, because admitting the call has removed it
        else:
            self._eviction_queue.add(key, circuit, self._circuits)

    # --- room ------------------------------------------------------------------------------------

    def _park(self, key: Hashable, circuit: Circuit) -> None:
        if circuit.in_flight == 0:
            self._idle.pop(circuit, None)
            self._idle[circuit] = key

    def _add(self, key: Hashable, rules: CircuitSettings, now: float) -> Circuit | None:
        if len(self._circuits) >= self._max_circuits and not self._evict(now):
            return None
        circuit = self._circuits[key] = self._kind(rules, next(self._numbers))
        if self.others.links.isolates(key):
            circuit.isolate()
        return circuit

    def _evict(self, now: float) -> bool:
        """Evict one closed circuit, or else open and half-open ones. True if there is room now."""
        if self._idle:
            evictable = [self._idle.pop(next(iter(self._idle)))]
        else:
            evictable = self._eviction_queue.take(self._circuits, now)
        for key in evictable:
            self._circuits.pop(key, None)  # a reload may have renamed it while it had a call
            self._unclaimed.discard(key)
        return len(self._circuits) < self._max_circuits
