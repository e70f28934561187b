"""Executes the commands about circuits of single tenants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ranvier.facts.circuit import CLOSED, ISOLATED, OPEN, CircuitState
from ranvier.store.commands import TenantCommand
from ranvier.store.commands.tenants import (
    IsolateTenant,
    ResetTenant,
    TenantClosed,
    TenantFailed,
    TenantKey,
    TenantOpened,
    TenantView,
)
from ranvier.store.engine.limits import DAY, KEEP_ISOLATED, MAX_TROUBLES
from ranvier.store.engine.moment import Moment
from ranvier.store.engine.records import Records
from ranvier.store.engine.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Known:
    """A tenant's circuit that is open or isolated; `until` is 0 if it is isolated."""

    state: CircuitState
    generation: int
    until: int
    by: str


class Tenants:
    """The circuits of tenants that are open in some worker, or isolated."""

    def __init__(self, troubles: Troubles) -> None:
        self.open: Records[TenantKey, Known] = Records(MAX_TROUBLES)
        self.isolated: Records[TenantKey, Known] = Records(MAX_TROUBLES)  # separate: openings evict none
        self._troubles = troubles

    def execute(self, command: TenantCommand, now: Moment) -> tuple[TenantView, list[TenantView]]:
        """Execute one command: the reply, and the changes to push."""
        return HOW[type(command)](self, command, self.at(command.tenant, now.ms), now)

    def at(self, tenant: TenantKey, ms: int) -> Known | None:
        """The record of `tenant`; one from before the clock was set back is ignored."""
        known = self.isolated.get(tenant, ms) or self.open.get(tenant, ms)
        if known is not None and known.state is OPEN and not ms < known.until <= ms + DAY:
            return None
        return known

    def _failed(self, command: TenantFailed, known: Known | None, now: Moment) -> Answer:
        return view(command.tenant, known, now.ms), []

    def _opened(self, command: TenantOpened, known: Known | None, now: Moment) -> Answer:
        until = now.ms + min(max(command.open_for, 0), DAY)
        if known is not None and (known.state is ISOLATED or known.until >= until):
            return view(command.tenant, known, now.ms), []
        if until > now.ms:
            generation = now.generation(known.generation if known else 0)
            known = Known(OPEN, generation, until, command.worker)
            self.open.put(command.tenant, known, now.ms, until - now.ms)
        return view(command.tenant, known, now.ms), []

    def _closed(self, command: TenantClosed, known: Known | None, now: Moment) -> Answer:
        if known is None or known.state is not OPEN:
            return view(command.tenant, known, now.ms), []
        if command.worker == known.by or command.generation == known.generation:
            self.open.drop(command.tenant)
            known = None
        return view(command.tenant, known, now.ms), []

    def _isolate(self, command: IsolateTenant, known: Known | None, now: Moment) -> Answer:
        if known is not None and known.state is ISOLATED:
            return view(command.tenant, known, now.ms), []
        generation = now.generation(known.generation if known else 0)
        known = Known(ISOLATED, generation, 0, command.worker)
        self.open.drop(command.tenant)
        self.isolated.put(command.tenant, known, now.ms, KEEP_ISOLATED)
        self._troubles.changed(command.tenant, generation, troubled=True)
        seen = view(command.tenant, known, now.ms)
        return seen, [seen]

    def _reset(self, command: ResetTenant, known: Known | None, now: Moment) -> Answer:
        generation = now.generation(known.generation if known else 0)
        self.open.drop(command.tenant)
        self.isolated.drop(command.tenant)
        self._troubles.changed(command.tenant, generation, troubled=False)
        seen = view(command.tenant, Known(CLOSED, generation, 0, command.worker), now.ms)
        return seen, [seen]


Answer = tuple[TenantView, list[TenantView]]

HOW: dict[type, Callable[[Tenants, Any, Known | None, Moment], Answer]] = {
    TenantFailed: Tenants._failed,
    TenantOpened: Tenants._opened,
    TenantClosed: Tenants._closed,
    IsolateTenant: Tenants._isolate,
    ResetTenant: Tenants._reset,
}


def view(key: TenantKey, known: Known | None, ms: int) -> TenantView:
    """The view of a tenant's circuit at `ms`; without a record it is closed."""
    if known is None:
        return TenantView(key, CLOSED, 0, None, "")
    retry_after = known.until - ms if known.state is OPEN else None
    return TenantView(key, known.state, known.generation, retry_after, known.by)
