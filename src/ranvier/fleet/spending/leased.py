"""What one worker holds of a spend limit in one window, tenant by tenant."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from math import inf

from ranvier.pipeline.sharing.fleet import Slice
from ranvier.store.engine.limits import MAX_SPENDERS


class Leased(Slice):
    """The slice of one tenant in one window.

    Attributes:
        tenant: Whose it is.
        held: What may be spent here in this window, as of the last reply.
        spent: What was, with what attempts in flight may cost.
        rest: What no worker held, as of the last reply.
        limit: The limit of the tenant, as of its last call.
        answered: The number of the last command that was answered; 0 if none was.
        answered_at: When that was, on the worker's clock.
        used_at: When something was spent, asked for or granted last.
        asking: The round trip that asks for more, while there is one.
        unsure: The answer to the last question has not come: the store may have granted more than is known.
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
        """What may still be spent here."""
        return max(self.held - self.spent, 0)

    def use(self, now: float) -> None:
        """Something was spent, asked for or granted: what is left is given back some time later."""
        self.used_at = now
        self._active[self.tenant] = self
        self._active.move_to_end(self.tenant)

    def settle(self, change: int) -> None:
        """What was taken has cost so much more, or less; then the difference is left."""
        self.spent += change
        self._active.setdefault(self.tenant, self)


class Slices:
    """The slices of one window. Attempts in flight settle in those of their own window.

    Attributes:
        active: Those to be given back after a while, by their last use.
        scarce: Those to be given back at once, since little is left of the limit.
        unreported: Those of which more was spent than the store knows, or all if it may have lost its data.
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
        """The slice of `tenant`. Of too many the oldest is forgotten: what it held counts as spent."""
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
        """The store may not have the data that it had."""
        self.unreported.update(self._all)
