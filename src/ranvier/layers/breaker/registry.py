"""All circuits of a breaker by key, bounded in number."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.rejected import CircuitOpenError
from ranvier.events import CircuitChanged, RegistryFull
from ranvier.facts.circuit import CLOSED, CircuitSnapshot, CircuitState
from ranvier.layers.breaker.circuit import Circuit, CircuitSettings
from ranvier.layers.breaker.permit import CircuitPermit, ProbePermit, UntrackedPermit
from ranvier.layers.breaker.unasked import Unasked
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.outcome import ABANDONED
from ranvier.pipeline.reporting.announce import announce_rejected
from ranvier.pipeline.reporting.emitter import Events
from ranvier.pipeline.running.loops import Loops

if TYPE_CHECKING:
    from ranvier.layers.breaker.layer import Breaker
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.pipeline.runtime import Runtime

NO_PART: Hashable = object()
"""Stands for a part that the caller did not pass, as when the key is not a tenant and a provider."""


class Circuits:
    """The circuits by key, which is `(tenant, provider)` unless the breaker has a key function.

    At most `max_circuits` are kept. A new one evicts the least recently used closed circuit, or else open
    and half-open ones without a call for ten minutes after their cooldown. If all others are in use, the
    call is admitted without a circuit: it is never rejected for lack of memory.

    Operators name a circuit by the parts of its key, as in `reset("acme", "openai")`, or by the whole key,
    as in `reset(key)` for a key from iterating over the registry or from a key function.
    """

    def __init__(
        self,
        rules: CircuitSettings,
        max_circuits: int,
        rules_for: Callable[[Deployment], CircuitSettings] | None = None,
    ) -> None:
        self._rules = rules
        self._max_circuits = max_circuits
        self._rules_for = rules_for or (lambda deployment: rules)
        self._circuits: dict[Hashable, Circuit] = {}
        self._idle: dict[Circuit, Hashable] = {}  # closed and without calls, least recently used first: keys
        self._numbers = count()
        self._unasked = Unasked()  # open or half-open, and without calls
        self._unclaimed: set[Hashable] = set()  # made by an operator: the first failed call sets the rules
        self._listening: weakref.WeakSet[Events] = weakref.WeakSet()  # of the pipelines with this breaker
        self._loops = Loops()

    # --- for operators ---------------------------------------------------------------------------

    def state(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> CircuitState | None:
        """The state of a circuit, `None` before its first call. Reading never changes it."""
        circuit = self._circuits.get(self._named(tenant, provider, *more))
        return None if circuit is None else circuit.state

    async def reset(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> bool:
        """Close a circuit, also an isolated one, and reset its counts. False if there is no such circuit."""
        key = self._named(tenant, provider, *more)
        circuit = self._circuits.get(key)
        if circuit is None:
            return False
        async with circuit.lock:
            before = circuit.state
            circuit.close()
            self._park(key, circuit)
            self._emit_to_all(key, before, circuit.state)
        return True

    async def isolate(self, tenant: Hashable, provider: Hashable = NO_PART, *more: Hashable) -> None:
        """Reject every call through a circuit until it is reset.

        Raises:
            ConfigurationError: there is no such circuit yet, and the registry is full.
        """
        key = self._named(tenant, provider, *more)
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self._add(key, self._rules, clock.now())
            if circuit is None:
                raise ConfigurationError(
                    f"max_circuits={self._max_circuits} are all in use: there is no room for {key!r}"
                )
            self._unclaimed.add(key)
        async with circuit.lock:
            before = circuit.state
            circuit.isolate()
            self._idle.pop(circuit, None)
            self._emit_to_all(key, before, circuit.state)

    def _named(self, *parts: Hashable) -> Hashable:
        """The key that an operator's parts name."""
        key = tuple(part for part in parts if part is not NO_PART)
        return key[0] if len(key) == 1 and key not in self._circuits else key

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
        return f"<{len(self._circuits)} circuits of at most {self._max_circuits}, {troubled} not closed>"

    # --- for the breaker -------------------------------------------------------------------------

    def listen(self, events: Events) -> None:
        """Send the changes that operators make to `events`."""
        self._listening.add(events)

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: if the old event loop is closed, drop what was in flight on it."""
        shift = self._loops.enter(pipeline.loop, pipeline.clock)
        if shift is None:
            return
        self._unasked = Unasked()
        for key, circuit in self._circuits.items():
            circuit.start_anew(shift)
            circuit.entered_at = math.inf
            if circuit.state is not CLOSED:
                self._unasked.add(key, circuit, self._circuits)
            elif circuit not in self._idle:
                self._idle[circuit] = key

    def admit(self, call: Call, key: Hashable, settings: Breaker) -> Permit:
        """Return a permit for `call` through the circuit at `key`; a new circuit gets `settings`.

        Raises:
            CircuitOpenError: the circuit rejects the call.
        """
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self._add(key, settings.rules, call.pipeline.clock())
            if circuit is None:
                self._emit_full(call)
                return UntrackedPermit()
        if circuit.state is CLOSED:
            permit = CircuitPermit(self, call, key, circuit)
            circuit.in_flight += 1
        else:
            permit = self._probe(call, key, circuit, settings)
        self._idle.pop(circuit, None)
        return permit

    def _probe(self, call: Call, key: Hashable, circuit: Circuit, settings: Breaker) -> CircuitPermit:
        """Return a permit for `call` as a probe, or raise `CircuitOpenError`."""
        now, before = call.pipeline.clock(), circuit.state
        if circuit.rejects(now):  # by far the most frequent case: it creates no permit
            raise self._rejection(call, circuit, now)
        permit = ProbePermit(self, call, key, circuit, settings.lease)
        admitted = circuit.admit(permit, now, settings.reservation(call))
        permit.admitted()
        try:
            if circuit.state is not before:
                self.emit_change(call, before, circuit)
        except BaseException:  # such as a KeyboardInterrupt in a listener
            if admitted:
                permit.settle(ABANDONED)
            raise
        if not admitted:
            raise self._rejection(call, circuit, now)
        return permit

    def claim(self, key: Hashable, circuit: Circuit, call: Call) -> None:
        """Give a circuit made by an operator the rules of the target that is about to fail in it first."""
        if key in self._unclaimed:
            self._unclaimed.discard(key)
            circuit.rules = self._rules_for(call.deployment)

    def release(self, key: Hashable, circuit: Circuit) -> None:
        """A call through `circuit` has ended."""
        if circuit.in_flight > 0:
            return
        if circuit.state is CLOSED:
            self._idle[circuit] = key  # at the end: it was taken out when the call was admitted
        else:
            self._unasked.add(key, circuit, self._circuits)

    def emit_change(self, call: Call, before: CircuitState, circuit: Circuit) -> None:
        """Emit the change of state that `call` caused."""
        if call.pipeline.events.listeners:
            call.pipeline.events.emit(
                CircuitChanged(
                    tenant=call.tenant,
                    provider=call.deployment.provider.name,
                    before=before,
                    after=circuit.state,
                ),
                call.record,
            )

    # --- room ------------------------------------------------------------------------------------

    def _park(self, key: Hashable, circuit: Circuit) -> None:
        if circuit.in_flight == 0:
            self._idle.pop(circuit, None)
            self._idle[circuit] = key

    def _add(self, key: Hashable, rules: CircuitSettings, now: float) -> Circuit | None:
        if len(self._circuits) >= self._max_circuits and not self._evict(now):
            return None
        circuit = self._circuits[key] = Circuit(rules, next(self._numbers))
        return circuit

    def _evict(self, now: float) -> bool:
        """Evict one closed circuit, or else open and half-open ones. True if there is room now."""
        if self._idle:
            forgettable = [self._idle.pop(next(iter(self._idle)))]
        else:
            forgettable = self._unasked.take(self._circuits, now)
        for key in forgettable:
            del self._circuits[key]
            self._unclaimed.discard(key)
        return len(self._circuits) < self._max_circuits

    # --- events ----------------------------------------------------------------------------------

    def _rejection(self, call: Call, circuit: Circuit, now: float) -> CircuitOpenError:
        provider = call.deployment.provider.name
        error = CircuitOpenError(tenant=call.tenant, provider=provider, retry_after=circuit.retry_after(now))
        announce_rejected(call, error, provider)
        return error

    def _emit_full(self, call: Call) -> None:
        if call.pipeline.events.listeners:
            provider = call.deployment.provider.name
            event = RegistryFull(tenant=call.tenant, provider=provider, max_circuits=self._max_circuits)
            call.pipeline.events.emit(event, call.record)

    def _emit_to_all(self, key: Hashable, before: CircuitState, after: CircuitState) -> None:
        if before is after:
            return
        whole = isinstance(key, tuple) and len(key) > 1
        tenant, provider = (key[0], key[1]) if whole else ("", key)  # type: ignore[index]  # because: a tuple
        event = CircuitChanged(tenant=str(tenant), provider=str(provider), before=before, after=after)
        for events in self._listening:
            events.emit(event)
