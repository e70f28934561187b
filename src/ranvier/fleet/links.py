"""Passes changes in the store to the circuits and gates of one worker, and collects their reports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import cast
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from ranvier.facts.circuit import CLOSED
from ranvier.fleet.circuit_link import StoreLink
from ranvier.fleet.gate_links import StoreGateLinks
from ranvier.fleet.outbox import OnReply, Outbox
from ranvier.fleet.port import MemberPort
from ranvier.fleet.spending.spend_link import StoreSpendLink
from ranvier.fleet.tenant_links import StoreTenantLinks
from ranvier.fleet.validation import check_change
from ranvier.pipeline.sharing.fleet import (
    Ballot,
    CircuitLink,
    CircuitsListener,
    FleetUser,
    GateLinks,
    GatesListener,
    Linked,
    SpendLink,
    TenantLinks,
    TenantsListener,
)
from ranvier.store.commands import Change, Command
from ranvier.store.commands.circuits import CircuitKey, CircuitView
from ranvier.store.commands.gates import GateView
from ranvier.store.commands.tenants import TenantView
from ranvier.store.commands.workers import Trouble
from ranvier.store.engine.limits import MAX_NUMBER

MAX_UNSEEN = 1000
"""Maximum number of circuits that this worker has not used yet, and that are alarmed or not closed."""


class Links:
    """The part of `Member` that has the links of one worker."""

    outbox: Outbox
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        self._links: WeakValueDictionary[CircuitKey, StoreLink] = WeakValueDictionary()
        self._unseen: dict[CircuitKey, CircuitView] = {}
        # Those of layers that a reload has removed end by themselves; the others are in the order of coming.
        self._circuits: WeakKeyDictionary[CircuitsListener, None] = WeakKeyDictionary()
        self._tenants: WeakKeyDictionary[StoreTenantLinks, None] = WeakKeyDictionary()
        self._gates: WeakKeyDictionary[StoreGateLinks, None] = WeakKeyDictionary()
        self._users: WeakSet[FleetUser] = WeakSet()
        self._spending: WeakValueDictionary[str, StoreSpendLink] = WeakValueDictionary()

    # --- for layers ------------------------------------------------------------------------------

    def notify_at_end(self, user: FleetUser) -> None:
        """Notify `user` when the pipeline closes."""
        self._users.add(user)

    def link(self, circuit: Linked, ballot: Ballot) -> CircuitLink:
        """The link of a shared circuit; it ends the link of any other circuit of the same name."""
        link = StoreLink(cast(MemberPort, self), circuit, ballot)
        if (before := self._links.get(link.key)) is not None:
            before.retired = True
        self._links[link.key] = link
        view = self._unseen.pop(link.key, None) if before is None else before.view
        if view is not None:
            self.loop.call_soon(self.apply, view)
        return link

    def follow_circuits(self, circuits: CircuitsListener) -> None:
        """Notify `circuits` of changes of shared circuits."""
        self._circuits[circuits] = None

    def follow_tenants(self, tenants: TenantsListener) -> TenantLinks:
        """Notify `tenants` of changes of the circuits of single tenants."""
        links = StoreTenantLinks(cast(MemberPort, self), tenants)
        self._tenants[links] = None
        return links

    def follow_gates(self, gates: GatesListener) -> GateLinks:
        """Notify `gates` of changes of gates."""
        links = StoreGateLinks(cast(MemberPort, self), gates)
        self._gates[links] = None
        return links

    def follow_spending(self, limit: str, seconds: float, unit: int, window: tuple[int, float]) -> SpendLink:
        """Share a spend limit, named `limit` by all workers; see `Fleet.follow_spending`."""
        length = max(round(min(seconds * 1000, MAX_NUMBER)), 1)
        name = f"{limit}-{length}"
        link = self._spending[name] = StoreSpendLink(cast(MemberPort, self), name, length, unit, window)
        return link

    # --- receiving -------------------------------------------------------------------------------

    def apply(self, change: Change, *, again: bool = False) -> None:
        """Take over a state of the store.

        Args:
            change: The state of a circuit, a tenant or a gate.
            again: True if the store was unreachable before, or is a new one.

        Raises:
            StoreError: `change` is not valid.
        """
        check_change(change)
        if isinstance(change, CircuitView):
            self._apply_circuit(change, again=again)
        elif isinstance(change, GateView):
            for gates in list(self._gates):
                gates.apply(change)
        elif isinstance(change, TenantView):
            for tenants in list(self._tenants):
                tenants.apply(change)

    def is_overtaken(self, change: Change, version: int) -> bool:
        """True if `change` says "unknown" as of `version`, but a later push has shown it."""
        generations: Iterator[int] = iter(())
        if isinstance(change, CircuitView) and not change.generation:
            link = self._links.get(change.circuit)
            generations = iter(() if link is None else (link.generation,))
        elif isinstance(change, TenantView) and not change.generation:
            generations = (each.generation(change.tenant) for each in list(self._tenants))
        elif isinstance(change, GateView) and not change.generation:
            generations = (each.generation(change.gate) for each in list(self._gates))
        return any(generation > version for generation in generations)

    def _apply_circuit(self, view: CircuitView, *, again: bool) -> None:
        key, troubled = view.circuit, view.alarmed or view.state is not CLOSED
        is_named = "@" not in key.provider  # the name of a tenant's own endpoint is known once it is used
        if key not in self._links and view.state is not CLOSED and is_named:
            for circuits in list(self._circuits)[-1:]:
                circuits.know(key)
        link = self._links.get(key)
        if link is not None:
            link.apply(view, again=again)
        elif troubled and len(self._unseen) < MAX_UNSEEN:
            self._unseen[key] = view
        else:
            self._unseen.pop(key, None)

    # --- reporting -------------------------------------------------------------------------------

    def news(self) -> list[tuple[Command, OnReply]]:
        """The commands for alarms that are due, and for counts that have changed."""
        links = (link.reports for link in list(self._links.values()) if link.reports.has_news)
        return list(chain.from_iterable(reports.news() for reports in links))

    def beats(self) -> Iterator[tuple[Command, OnReply]]:
        """The commands for each heartbeat: probes in flight, turns of halves, and amounts spent."""
        for link in list(self._links.values()):
            for beat in link.probes.beats():
                yield beat, link.replied
            yield from link.reports.beat()
        for limit in list(self._spending.values()):
            yield from limit.beats()

    def give_back(self) -> list[Command]:
        """The commands that return unused slices of spend limits."""
        return [command for limit in list(self._spending.values()) for command, _ in limit.give_back()]

    def troubled(self) -> list[Trouble]:
        """The circuits and gates that may have changed in the store."""
        circuits = (key for key, link in list(self._links.items()) if link.troubled)
        tenants = (each.known() for each in list(self._tenants))
        gates = (each.known() for each in list(self._gates))
        return [*circuits, *self._unseen, *chain.from_iterable(tenants), *chain.from_iterable(gates)]

    def report_again(self) -> None:
        """Report all counts of the current window again."""
        for link in list(self._links.values()):
            link.reports.again()
        self.outbox.wake()

    # --- losing the store, and ending ------------------------------------------------------------

    def store_lost(self) -> None:
        """Notify circuits that the store cannot be reached."""
        for link in list(self._links.values()):
            link.store_lost()
        for circuits in list(self._circuits):
            circuits.store_lost()

    def forget(self) -> None:
        """Forget the state of the store, which may have lost its data."""
        self._unseen.clear()
        for link in list(self._links.values()):
            link.forget_view()
        for tenants in list(self._tenants):
            tenants.forget()
        for gates in list(self._gates):
            gates.forget()
        for limit in list(self._spending.values()):
            limit.forget()

    def ended(self) -> None:
        """Notify users that the pipeline is closed: its layers may move to another fleet."""
        for user in list(self._users):
            user.fleet_ended()
