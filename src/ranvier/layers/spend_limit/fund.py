"""The amounts that tenants may spend at this worker: their limits, or with a store the leased slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from ranvier.layers.spend_limit.ledger import Ledger, Reserved
from ranvier.layers.spend_limit.rates import UNIT
from ranvier.pipeline.sharing.fleet import Slice, SpendLink
from ranvier.pipeline.sharing.fleets import Fleets
from ranvier.pipeline.sharing.single_worker import NO_SPEND_LINK

if TYPE_CHECKING:
    from ranvier.pipeline.runtime import Runtime

OnStoreLoss = Literal["allow", "reject"]

STORE_UNIT = UNIT // 10**6
"""The store counts money in millionths of its unit: it has exact numbers up to 2^53."""

UNLIMITED = 1 << 100
"""Passed to the ledger as limit while the store decides: it only counts then."""


class LeasedReservation:
    """The reservation of one attempt in a slice; settle it once.

    Attributes:
        amount: The reserved amount.
    """

    __slots__ = ("_reserved", "_slice", "amount")

    def __init__(self, reserved: Reserved, slice: Slice) -> None:
        self._reserved, self._slice = reserved, slice
        self.amount = reserved.amount

    def settle(self, cost: int) -> None:
        """The attempt has cost `cost`."""
        self._reserved.settle(cost)
        self._slice.settle(cost - self.amount)


class Fund:
    """Reserves amounts, from slices of the store if there is one.

    Attributes:
        ledger: The amounts spent and reserved at this worker, in windows by the local time of day.
        goes_on: True if spending continues with this worker's part of the limits while the store is lost.
        link: The limit in the store.
    """

    def __init__(self, ledger: Ledger, *, goes_on: bool) -> None:
        self.ledger = ledger
        self.goes_on = goes_on
        self.link: SpendLink = NO_SPEND_LINK
        self._fleets = Fleets(self._join)
        self._names: WeakKeyDictionary[Runtime, tuple[str, int, float]] = WeakKeyDictionary()

    def follow(self, pipeline: Runtime, name: str, *, in_money: bool, now: float) -> None:
        """A pipeline opens: share the limit with its fleet, unless it is still in another one."""
        self._names[pipeline] = name, STORE_UNIT if in_money else 1, now - pipeline.clock()
        self._fleets.opened(pipeline)

    def _join(self, pipeline: Runtime) -> None:
        name, unit, offset = self._names[pipeline]
        now = pipeline.clock() + offset
        window = self.ledger.window(now), self.ledger.ends_in(now)
        self.link = pipeline.fleet.follow_spending(name, self.ledger.seconds, unit, window)

    # --- reading ---------------------------------------------------------------------------------

    def left(self, tenant: str, limit: int, now: float, *, alone: bool = False) -> int:
        """The amount of `limit` that `tenant` may reserve now; `alone` if the store did not answer."""
        link = self.link
        if not link.live:
            return self.ledger.left(tenant, limit, now)
        left = link.left(tenant)
        if self.goes_on and (alone or not link.governs):
            left = max(left, self.ledger.left(tenant, limit // link.workers, now))
        return min(left, self.ledger.left(tenant, UNLIMITED, now))  # 0 if there are too many tenants

    def expected(self, tenant: str, amount: int, limit: int, now: float) -> int:
        """The amount it may reserve; if that is less than `amount`, what it might get from the store."""
        link = self.link
        left = link.left(tenant)
        if amount <= left and left:
            return left
        if not link.governs:
            return self.left(tenant, limit, now)
        return min(link.expected(tenant, limit), self.ledger.left(tenant, UNLIMITED, now))

    def ends_in(self, now: float) -> float:
        """Seconds until the window ends."""
        return self.link.ends_in() if self.link.live else self.ledger.ends_in(now)

    # --- spending --------------------------------------------------------------------------------

    def reserve(
        self, tenant: str, amount: int, limit: int, now: float, *, alone: bool = False
    ) -> LeasedReservation | int:
        """Reserve `amount`; if too little is left, return the amount left instead."""
        left = self.link.left(tenant)
        if amount > left or not left:
            left = self.left(tenant, limit, now, alone=alone)
        if amount > left or not left:
            return left
        reserved = self.ledger.reserve(tenant, amount, UNLIMITED, now)
        return 0 if reserved is None else LeasedReservation(reserved, self.link.take(tenant, amount, limit))
