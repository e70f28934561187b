"""The slices of a spend limit that one worker holds in one window, by tenant."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from math import inf

from ranvier.pipeline.sharing.fleet import Slice
from ranvier.store.engine.limits import MAX_SPENDERS


class Leased(Slice):
    """The slice of one tenant in one window.

    Attributes:
        tenant: The tenant.
        held: The amount that this worker may spend in this window, as of the last reply.
        spent: The amount spent, including the reservations of attempts in flight.
        rest: The amount that no worker held, as of the last reply.
        limit: The limit of the tenant, as of its last call.
        answered: The number of the last command that was answered; 0 if none was.
        answered_at: The time of that answer, on the worker's clock.
        used_at: The time of the last spending, request or grant.
        asking: The round trip in flight that asks for more; `None` if there is none.
        unsure: True if the last request is unanswered: the store may have granted more than is known.
    """

    # fmt: off
    __slots__ = (
        "_active", "answered", "answered_at", "asking", "held", "limit", "rest", "spent", "tenant", "unsure",
        "used_at",
    )
    # fmt: on

    def __init__(self, tenant: str, active: OrderedDict[str, Leased]) -> None:
        self.tenant, self._active = tenant, active
        self.held = self.spent = self.rest = self.limit = self.answered = 0
        self.answered_at = self.used_at = -inf
        self.asking: asyncio.Task[None] | None = None
        self.unsure = False

    @property
    def left(self) -> int:
        """The amount that this worker may still spend."""
        return max(self.held - self.spent, 0)

    def use(self, now: float) -> None:
        """Note a use at `now`: an unused slice is given back later."""
        self.used_at = now
        self._active[self.tenant] = self
        self._active.move_to_end(self.tenant)

    def settle(self, change: int) -> None:
        """Add `change` to the amount spent: the difference between the real and the reserved cost."""
        self.spent += change
        self._active.setdefault(self.tenant, self)


class Slices:
    """The slices of one window. Attempts in flight settle in those of their own window.

    Attributes:
        active: Slices to give back after `IDLE_SECONDS`, by their last use.
        scarce: Slices to give back at once, because little is left of the limit.
        unreported: Slices with spending unknown to the store; all of them if it may have lost its data.
    """

    def __init__(self) -> None:
        self._all: OrderedDict[str, Leased] = OrderedDict()
        self.active: OrderedDict[str, Leased] = OrderedDict()
        self.scarce: dict[str, Leased] = {}
        self.unreported: dict[str, Leased] = {}

    def get(self, tenant: str) -> Leased | None:
        """The slice of `tenant`, if there is one."""
        return self._all.get(tenant)

    def of(self, tenant: str) -> Leased:
        """The slice of `tenant`, created if new; if there are too many, the oldest is dropped, as spent."""
        leased = self._all.get(tenant)
        if leased is None:
            leased = self._all[tenant] = Leased(tenant, self.active)
            if len(self._all) > MAX_SPENDERS:
                self._forget(self._all.popitem(last=False)[0])
        return leased

    def _forget(self, tenant: str) -> None:
        for some in (self.active, self.scarce, self.unreported):
            some.pop(tenant, None)

    def report_all(self) -> None:
        """Report all slices again, because the store may have lost its data."""
        self.unreported.update(self._all)
