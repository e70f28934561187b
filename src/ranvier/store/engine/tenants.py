"""Carries out the commands about circuits of single tenants."""

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
    """What is known of a tenant's circuit that is not closed; `until` is 0 if it is isolated."""

    state: CircuitState
    generation: int
    until: int
    by: str


class Tenants:
    """The circuits of tenants that are open in some worker, or isolated."""

    def __init__(self, troubles: Troubles) -> None:
        self.records: Records[TenantKey, Known] = Records(MAX_TROUBLES)
        self._troubles = troubles

    def execute(self, said: TenantCommand, now: Moment) -> tuple[TenantView, list[TenantView]]:
        """Carry out one command; returns what is pushed, too."""
        known = self.records.get(said.tenant, now.ms)
        if known is not None and known.state is OPEN and not now.ms < known.until <= now.ms + DAY:
            known = None
        return HOW[type(said)](self, said, known, now)

    def _failed(self, said: TenantFailed, known: Known | None, now: Moment) -> Answer:
        return view(said.tenant, known, now.ms), []

    def _opened(self, said: TenantOpened, known: Known | None, now: Moment) -> Answer:
        until = now.ms + min(max(said.open_for, 0), DAY)
        if known is not None and (known.state is ISOLATED or known.until >= until):
            return view(said.tenant, known, now.ms), []
        if until > now.ms:
            generation = now.generation(known.generation if known else 0)
            known = Known(OPEN, generation, until, said.worker)
            self.records.put(said.tenant, known, now.ms, until - now.ms)
        return view(said.tenant, known, now.ms), []

    def _closed(self, said: TenantClosed, known: Known | None, now: Moment) -> Answer:
        if known is None or known.state is not OPEN:
            return view(said.tenant, known, now.ms), []
        if said.worker == known.by or said.generation == known.generation:
            self.records.drop(said.tenant)
            known = None
        return view(said.tenant, known, now.ms), []

    def _isolate(self, said: IsolateTenant, known: Known | None, now: Moment) -> Answer:
        if known is not None and known.state is ISOLATED:
            return view(said.tenant, known, now.ms), []
        generation = now.generation(known.generation if known else 0)
        known = Known(ISOLATED, generation, 0, said.worker)
        self.records.put(said.tenant, known, now.ms, KEEP_ISOLATED)
        self._troubles.changed(said.tenant, generation, troubled=True)
        seen = view(said.tenant, known, now.ms)
        return seen, [seen]

    def _reset(self, said: ResetTenant, known: Known | None, now: Moment) -> Answer:
        generation = now.generation(known.generation if known else 0)
        self.records.drop(said.tenant)
        self._troubles.changed(said.tenant, generation, troubled=False)
        seen = view(said.tenant, Known(CLOSED, generation, 0, said.worker), now.ms)
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
    """How a tenant's circuit is now; `None`: nothing is known."""
    if known is None:
        return TenantView(key, CLOSED, 0, None, "")
    retry_after = known.until - ms if known.state is OPEN else None
    return TenantView(key, known.state, known.generation, retry_after, known.by)
