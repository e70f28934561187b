"""Shares the circuits of single tenants with the other workers."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from functools import partial
from typing import TypeVar

from ranvier.facts.circuit import ISOLATED, OPEN
from ranvier.fleet.port import MemberPort, milliseconds
from ranvier.fleet.validation import check_change
from ranvier.pipeline.sharing.fleet import TenantLinks, TenantsListener
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantKey,
    TenantOpened,
    TenantView,
)

K = TypeVar("K")

MAX_KNOWN = 10_000
"""Maximum number of remembered openings and isolations; beyond that, the oldest are dropped."""

AT_ONCE = 200
"""Circuits that are compared with an isolated one without yielding to the event loop."""


class StoreTenantLinks(TenantLinks):
    """The links of all circuits of one registry."""

    def __init__(self, member: MemberPort, tenants: TenantsListener) -> None:
        self._member, self._tenants = member, tenants
        self._open: dict[Hashable, int] = {}  # opened here (0) or elsewhere (its generation)
        self._isolated: dict[TenantKey, int] = {}  # with the generation
        self._due: dict[TenantKey, int] = {}  # to be isolated here (1), or closed (0)
        self._obeying: asyncio.Task[None] | None = None

    # --- sending ---------------------------------------------------------------------------------

    def failed(self, key: Hashable) -> None:
        """Ask the store, at the first failure, whether the circuit is open elsewhere."""
        if (named := self._named(key)) is not None:
            command = TenantFailed(named, self._member.worker.id)
            self._member.send(command, partial(self._replied, key))

    def opened(self, key: Hashable, seconds: float) -> None:
        """The circuit has opened for `seconds`."""
        if (named := self._named(key)) is not None:
            _remember(self._open, key, 0)
            command = TenantOpened(named, self._member.worker.id, milliseconds(seconds))
            self._member.send(command, _ignored)

    def closed(self, key: Hashable) -> None:
        """The circuit has closed."""
        generation = self._open.pop(key, None)
        if generation is not None and (named := self._named(key)) is not None:
            self._member.send(TenantClosed(named, self._member.worker.id, generation), _ignored)

    def isolate(self, key: Hashable) -> None:
        """An operator has isolated the circuit."""
        if (named := self._named(key)) is not None:
            _remember(self._isolated, named, 0)
            self._member.command(named, IsolateTenant(named, self._member.worker.id), self._member.apply)

    def reset(self, key: Hashable) -> None:
        """An operator has closed the circuit."""
        self._open.pop(key, None)
        if (named := self._named(key)) is not None:
            self._isolated.pop(named, None)
            self._member.command(named, ResetTenant(named, self._member.worker.id), self._member.apply)

    def isolates(self, key: Hashable) -> bool:
        """True if an operator has isolated the circuit."""
        return bool(self._isolated) and self._named(key) in self._isolated

    def _named(self, key: Hashable) -> TenantKey | None:
        """The circuit's key in the store; `None` if its key is no tuple of a tenant and texts."""
        if isinstance(key, tuple) and len(key) > 1 and all(isinstance(part, str) for part in key):
            return TenantKey(self._member.digest(key[0]), "\n".join(map(self._member.server_name, key[1:])))
        return None

    # --- receiving -------------------------------------------------------------------------------

    def _replied(self, key: Hashable, view: TenantView) -> None:
        check_change(view)
        if view.state is OPEN and view.by != self._member.worker.id:
            _remember(self._open, key, view.generation)
            self._tenants.open_elsewhere(key, max(view.retry_after or 0, 0) / 1000)
        elif view.state is ISOLATED:
            self.apply(view)

    def apply(self, view: TenantView) -> None:
        """Apply an operator's command, given at another worker, to isolate or reset a circuit."""
        known = self._isolated.get(view.tenant, -1)
        if view.generation and view.generation < known:
            return
        if known < 0 and (view.state is OPEN or not view.generation):
            return  # nothing was isolated, or closed by an operator
        isolated = view.state is ISOLATED
        if isolated:
            _remember(self._isolated, view.tenant, view.generation)
        else:
            self._isolated.pop(view.tenant, None)
        is_own = view.by == self._member.worker.id  # it holds here, unless another command came between
        if isolated is not (known >= 0) if is_own else known != view.generation:
            self._due.pop(view.tenant, None)
            _remember(self._due, view.tenant, int(isolated))
            if self._obeying is None or self._obeying.done():
                self._obeying = self._member.background(self._obey())

    def generation(self, key: TenantKey) -> int:
        """That of an isolation; 0 if there is none, or if the store does not know it."""
        return self._isolated.get(key, 0)

    def known(self) -> list[TenantKey]:
        """What operators have isolated, as far as the store knows it."""
        return [key for key, generation in self._isolated.items() if generation]

    def forget(self) -> None:
        """The store may be a new one, which does not know what holds here until an operator ends it."""
        self._isolated = dict.fromkeys(self._isolated, 0)

    async def _obey(self) -> None:
        """Find the circuits of the commands that are due, in one pass: the store sends only digests."""
        while self._due:
            due, self._due = self._due, {}
            for number, key in enumerate(self._tenants.keys()):
                named = self._named(key)
                if named is not None and named in due:
                    self._tenants.commanded(key, isolated=bool(due[named]))
                if number % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)


def _remember(known: dict[K, int], key: K, number: int) -> None:
    known[key] = number
    if len(known) > MAX_KNOWN:
        del known[next(iter(known))]


def _ignored(view: TenantView) -> None:
    """Ignore a reply: it does not change what this worker has decided."""
