"""Shares the circuits of single tenants with the other workers of a service.

It is a part of `Circuits`, and reads its private attributes.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from ranvier import clock
from ranvier.facts.circuit import CLOSED, OPEN, CircuitState
from ranvier.layers.breaker.announcements import emit_change, emit_to_all
from ranvier.layers.breaker.shared.recent_successes import MAX_TENANTS, RecentSuccesses
from ranvier.pipeline.sharing.fleet import TenantLinks, TenantsListener
from ranvier.pipeline.sharing.fleets import Fleets
from ranvier.pipeline.sharing.single_worker import NO_TENANT_LINKS

if TYPE_CHECKING:
    from ranvier.layers.breaker.circuit import Circuit
    from ranvier.layers.breaker.registry import Circuits
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime


class TenantsElsewhere(TenantsListener):
    """Shares the circuits of one registry with the other workers.

    Attributes:
        links: The links to the other workers.
        successes: The tenants' latest successes, if shared circuits do not track them; only with a store.
    """

    def __init__(self, circuits: Circuits) -> None:
        self._circuits = circuits
        self._fleets = Fleets(self._join)
        self.links: TenantLinks = NO_TENANT_LINKS
        self.successes: RecentSuccesses | None = None

    def opened(self, pipeline: Runtime) -> None:
        """A pipeline opens: share the circuits with its fleet, unless they are still in another one."""
        self._fleets.opened(pipeline)

    def _join(self, pipeline: Runtime) -> None:
        self.links = pipeline.fleet.follow_tenants(self)
        self.successes = RecentSuccesses() if pipeline.fleet.live and self._circuits.shared is None else None

    # --- sending ---------------------------------------------------------------------------------

    def succeeded(self, key: Hashable, now: float) -> None:
        """A call of the tenant has succeeded."""
        successes, number = self.successes, hash(key)
        assert successes is not None
        if now < successes.turns_at and len(successes.now) < MAX_TENANTS:
            successes.now[number] = now
        else:
            successes.turn(number, now)

    def failed(self, key: Hashable, call: Call) -> None:
        """Ask at the first failure if the circuit is open elsewhere, unless the tenant just succeeded."""
        if not self._fleets.current.live:
            return
        now, shared = call.pipeline.clock(), self._circuits.shared
        if self.successes is not None:
            served = self.successes.exempts(hash(key), now)
        else:
            target = None if shared is None else shared.at(call)
            served = target is not None and target.well.exempts(hash(call.tenant), now)
        if not served:
            self.links.failed(key)

    def changed(self, call: Call, key: Hashable, circuit: Circuit, before: CircuitState) -> None:
        """`call` has changed the state of the circuit: emit that, and report it to other workers."""
        if circuit.state is OPEN:
            self.links.opened(key, circuit.reopens_at - call.pipeline.clock())
        elif circuit.state is CLOSED:
            self.links.closed(key)
        emit_change(call, before, circuit)

    # --- receiving -------------------------------------------------------------------------------

    def open_elsewhere(self, key: Hashable, seconds: float) -> None:
        """Open the circuit for `seconds`, because another worker has opened it."""
        circuits = self._circuits
        circuit = circuits._circuits.get(key)
        if circuit is not None and circuit.state is CLOSED and circuit.failures:
            circuit.open_elsewhere(seconds, clock.now())
            circuits._idle.pop(circuit, None)
            circuits.release(key, circuit)
            emit_to_all(circuits._listening, key, CLOSED, circuit.state)

    def commanded(self, key: Hashable, *, isolated: bool) -> None:
        """Isolate or close the circuit, as an operator has commanded at another worker."""
        circuit = self._circuits._circuits.get(key)
        if circuit is not None:
            self._circuits.command(key, circuit, isolated=isolated)

    def keys(self) -> list[Hashable]:
        """The keys of all circuits."""
        return list(self._circuits._circuits)
