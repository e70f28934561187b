"""All circuits of a breaker: found by key, bounded in number."""

from __future__ import annotations

import math
import weakref
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.errors import CircuitOpenError, ConfigurationError
from ranvier.layers.breaker.circuit import CLOSED, HALF_OPEN, OPEN, Circuit, CircuitState, Rules
from ranvier.layers.breaker.permit import CircuitPermit, UntrackedPermit
from ranvier.pipeline.events import CallRejected, CircuitChanged, Events, RegistryFull
from ranvier.pipeline.guard import Permit
from ranvier.pipeline.loops import Loops

if TYPE_CHECKING:
    from ranvier.layers.breaker.layer import Breaker
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.pipeline import Pipeline

IDLE_OPEN_SECONDS = 600.0
"""How long after its cooldown an open circuit that nobody asks for is remembered."""


@dataclass(frozen=True, slots=True)
class CircuitSnapshot:
    """A circuit as it was when it was looked at.

    Attributes:
        state: closed, open, half_open or isolated.
        failures: In a row, while closed.
        in_flight: Calls admitted and not yet ended.
        total_opens: How often it has opened.
        retry_after: Seconds until a refused call is worth another try, if anybody can say.
    """

    state: CircuitState
    failures: int
    in_flight: int
    total_opens: int
    retry_after: float | None


class Circuits:
    """The circuits by key, `(tenant, provider)` unless the breaker has a key function.

    At most `max_circuits` are kept. For a new one the least recently used closed circuit goes, then open
    and half-open ones that nobody has asked for ten minutes after their cooldown. Where all others are in
    use, the new call passes without a circuit: it is never refused for want of memory.
    """

    def __init__(self, rules: Rules, max_circuits: int) -> None:
        self._rules = rules
        self._max_circuits = max_circuits
        self._circuits: dict[Hashable, Circuit] = {}
        self._idle: dict[Hashable, Circuit] = {}  # closed and without calls, least recently used first
        self._nothing_to_evict_before = -math.inf  # no other can go earlier: the scan is spared
        self._listening: weakref.WeakSet[Events] = weakref.WeakSet()  # of the pipelines with this breaker
        self._loops = Loops()

    # --- for operators ---------------------------------------------------------------------------

    def state(self, tenant: Hashable, provider: Hashable, *more: Hashable) -> CircuitState | None:
        """The state of a circuit, `None` before its first call. Looking never changes it."""
        circuit = self._circuits.get((tenant, provider, *more))
        return None if circuit is None else circuit.state

    async def reset(self, tenant: Hashable, provider: Hashable, *more: Hashable) -> None:
        """Close a circuit, isolated or not, with nothing held against the provider."""
        key = (tenant, provider, *more)
        circuit = self._circuits.get(key)
        if circuit is None:
            return
        async with circuit.lock:
            before = circuit.state
            circuit.close()
            self._park(key, circuit)
            self._tell_all(key, before, circuit.state)

    async def isolate(self, tenant: Hashable, provider: Hashable, *more: Hashable) -> None:
        """Refuse every call through a circuit until it is reset.

        Raises:
            ConfigurationError: there is no such circuit yet, and no room for another.
        """
        key = (tenant, provider, *more)
        circuit = self._circuits.get(key) or self._add(key, self._rules, clock.now())
        if circuit is None:
            raise ConfigurationError(
                f"max_circuits={self._max_circuits} are all in use: there is no room for {key!r}"
            )
        async with circuit.lock:
            before = circuit.state
            circuit.isolate()
            self._idle.pop(key, None)
            self._tell_all(key, before, circuit.state)

    def __iter__(self) -> Iterator[tuple[Hashable, CircuitSnapshot]]:
        now = clock.now()
        for key, circuit in list(self._circuits.items()):
            yield (
                key,
                CircuitSnapshot(
                    circuit.state,
                    circuit.failures,
                    circuit.in_flight,
                    circuit.total_opens,
                    circuit.retry_after(now),
                ),
            )

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
        """Tell `events` of what operators do."""
        self._listening.add(events)

    def opened(self, pipeline: Pipeline) -> None:
        """A pipeline opens: where the old event loop is closed, nothing is in flight any more."""
        shift = self._loops.enter(pipeline.loop, pipeline.clock)
        if shift is None:
            return
        self._nothing_to_evict_before = -math.inf
        for key, circuit in self._circuits.items():
            circuit.start_anew(shift)
            if circuit.state is CLOSED:
                self._idle.setdefault(key, circuit)

    def admit(self, call: Call, key: Hashable, settings: Breaker) -> Permit:
        """A permit for `call` through the circuit at `key`, which is made by `settings` if it is new.

        Raises:
            CircuitOpenError: the circuit lets nobody through now.
        """
        circuit = self._circuits.get(key)
        if circuit is None:
            circuit = self._add(key, settings.rules, call.pipeline.clock())
            if circuit is None:
                self._tell_full(call)
                return UntrackedPermit()
        if circuit.state is CLOSED:
            permit = CircuitPermit(self, call, key, circuit)
            circuit.in_flight += 1
        else:
            permit = self._probe(call, key, circuit, settings)
        self._idle.pop(key, None)
        return permit

    def _probe(self, call: Call, key: Hashable, circuit: Circuit, settings: Breaker) -> CircuitPermit:
        """A permit for `call` as a probe, or a `CircuitOpenError`."""
        now, before = call.pipeline.clock(), circuit.state
        if circuit.refuses(now):  # by far the most frequent, so that nothing is made for it
            raise self._refusal(call, circuit, now)
        permit = CircuitPermit(self, call, key, circuit)
        admitted = circuit.admit(permit, now, settings.lease(call))
        if circuit.state is not before:
            self.moved(call, before, circuit)
        if not admitted:
            raise self._refusal(call, circuit, now)
        permit.probes()
        return permit

    def release(self, key: Hashable, circuit: Circuit) -> None:
        """A call through `circuit` has ended."""
        if circuit.in_flight > 0:
            return
        if circuit.state is CLOSED:
            self._idle[key] = circuit  # behind all others: it was taken out when the call was admitted
        else:
            forgettable = circuit.reopens_at + IDLE_OPEN_SECONDS
            self._nothing_to_evict_before = min(self._nothing_to_evict_before, forgettable)

    def moved(self, call: Call, before: CircuitState, circuit: Circuit) -> None:
        """Tell of a change of state that `call` brought about."""
        if call.pipeline.events.listeners:
            call.pipeline.events.emit(
                CircuitChanged(
                    tenant=call.tenant,
                    provider=call.deployment.provider.name,
                    before=before,
                    after=circuit.state,
                ),
                call,
            )

    # --- room ------------------------------------------------------------------------------------

    def _park(self, key: Hashable, circuit: Circuit) -> None:
        if circuit.in_flight == 0:
            self._idle.pop(key, None)
            self._idle[key] = circuit

    def _add(self, key: Hashable, rules: Rules, now: float) -> Circuit | None:
        if len(self._circuits) >= self._max_circuits and not self._evict(now):
            return None
        circuit = self._circuits[key] = Circuit(rules)
        return circuit

    def _evict(self, now: float) -> bool:
        if self._idle:
            oldest = next(iter(self._idle))
            del self._idle[oldest], self._circuits[oldest]
            return True
        if now < self._nothing_to_evict_before:
            return False
        forgettable = {
            key: circuit.reopens_at + IDLE_OPEN_SECONDS
            for key, circuit in self._circuits.items()
            if circuit.state in (OPEN, HALF_OPEN) and circuit.in_flight == 0
        }
        for key, when in forgettable.items():
            if when <= now:
                del self._circuits[key]
        # The next that can go opened before now, or opens from now on.
        waits = [when for when in forgettable.values() if when > now]
        self._nothing_to_evict_before = min(waits, default=now + IDLE_OPEN_SECONDS)
        return len(self._circuits) < self._max_circuits

    # --- telling ---------------------------------------------------------------------------------

    def _refusal(self, call: Call, circuit: Circuit, now: float) -> CircuitOpenError:
        error = CircuitOpenError(
            tenant=call.tenant, provider=call.deployment.provider.name, retry_after=circuit.retry_after(now)
        )
        if call.pipeline.events.listeners:
            call.pipeline.events.emit(
                CallRejected(
                    tenant=call.tenant,
                    provider=error.provider,
                    model=call.deployment.model,
                    kind=error.kind,
                    retry_after=error.retry_after,
                ),
                call,
            )
        return error

    def _tell_full(self, call: Call) -> None:
        if call.pipeline.events.listeners:
            call.pipeline.events.emit(
                RegistryFull(
                    tenant=call.tenant,
                    provider=call.deployment.provider.name,
                    max_circuits=self._max_circuits,
                ),
                call,
            )

    def _tell_all(self, key: tuple[Hashable, ...], before: CircuitState, after: CircuitState) -> None:
        if before is not after:
            event = CircuitChanged(tenant=str(key[0]), provider=str(key[1]), before=before, after=after)
            for events in self._listening:
                events.emit(event)
