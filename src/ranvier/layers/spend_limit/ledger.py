"""Counts what tenants have spent and reserved in the current window. Pure: the caller passes the time.

Amounts are whole numbers, so that sums are exact. Windows begin at multiples of their length in seconds. A
reservation settles in the window in which it was made; an old window is kept until its last reservation has
settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple


class Account(NamedTuple):
    """The amounts of one tenant in the current window.

    Attributes:
        tenant: The tenant.
        settled: The cost of its ended attempts.
        reserved: The most that its attempts in flight can cost.
    """

    tenant: str
    settled: float
    reserved: float


class Spent(NamedTuple):
    """The amounts of all tenants in the current window.

    Attributes:
        unit: `money` or `tokens`.
        window, ends_in: The length of the window, and the time until its end, in seconds.
        tenants: The number of tenants that have spent or reserved anything.
        settled: The cost of their ended attempts.
        reserved: The most that their attempts in flight can cost.
    """

    unit: str
    window: float
    ends_in: float
    tenants: int
    settled: float
    reserved: float


class Window:
    """The sums of one window.

    Attributes:
        number: The number of windows before it.
        committed: Settled plus reserved amounts by tenant.
        reserved: Reserved amounts by tenant, of tenants with attempts in flight.
        totals: The sums of both over all tenants.
    """

    __slots__ = ("committed", "number", "reserved", "totals")

    def __init__(self, number: float) -> None:
        self.number = number
        self.committed: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.totals = 0, 0

    def add(self, tenant: str, committed: int, reserved: int) -> None:
        """Change both sums of `tenant`; a sum of 0 takes no memory."""
        self.totals = self.totals[0] + committed, self.totals[1] + reserved
        for sums, change in ((self.committed, committed), (self.reserved, reserved)):
            total = sums.get(tenant, 0) + change
            if total:
                sums[tenant] = total
            else:
                sums.pop(tenant, None)


class Reserved:
    """The reservation of one attempt. Settle it once; further calls change nothing.

    Attributes:
        tenant, amount: The tenant, and the most that the attempt can cost.
    """

    __slots__ = ("_held", "_window", "amount", "tenant")

    def __init__(self, window: Window, held: set[Reserved], tenant: str, amount: int) -> None:
        self.amount = amount
        self.tenant = tenant
        self._held = held
        self._window: Window | None = window
        held.add(self)
        window.add(tenant, amount, amount)

    def settle(self, cost: int) -> None:
        """The attempt has cost `cost`, in the window in which it was reserved."""
        window, self._window = self._window, None
        if window is not None:
            self._held.discard(self)
            window.add(self.tenant, cost - self.amount, -self.amount)


class Ledger:
    """Admits reservations while a tenant's settled and reserved amounts stay within its limit.

    Args:
        seconds: The length of a window.
        max_tenants: The maximum number of tenants in one window; reservations of others are rejected.

    Attributes:
        held: The reservations that are not settled, including those of earlier windows.
    """

    def __init__(self, seconds: float, max_tenants: int) -> None:
        self.seconds = seconds
        self.max_tenants = max_tenants
        self.held: set[Reserved] = set()
        self._window = Window(-math.inf)

    def reserve(self, tenant: str, amount: int, limit: int, now: float) -> Reserved | None:
        """Reserve `amount`; `None` if it does not fit what is left of `limit`, or if nothing is left."""
        left = self.left(tenant, limit, now)
        if amount > left or not left:
            return None
        return Reserved(self._window, self.held, tenant, amount)

    def settle_all(self) -> None:
        """Settle all reservations at their full amount: their attempts were cut off with the event loop."""
        for reserved in tuple(self.held):
            reserved.settle(reserved.amount)

    def left(self, tenant: str, limit: int, now: float) -> int:
        """The amount of `limit` that `tenant` may still reserve; never below 0."""
        self._roll(now)
        committed = self._window.committed
        if tenant not in committed and len(committed) >= self.max_tenants:
            return 0
        return max(limit - committed.get(tenant, 0), 0)

    def window(self, now: float) -> int:
        """The number of windows before the current one."""
        self._roll(now)
        return int(self._window.number)

    def ends_in(self, now: float) -> float:
        """Seconds until the window ends."""
        self._roll(now)
        return max((self._window.number + 1) * self.seconds - now, 0.0)

    def account(self, tenant: str, now: float) -> tuple[int, int]:
        """The settled and the reserved amount of `tenant` in the window."""
        self._roll(now)
        reserved = self._window.reserved.get(tenant, 0)
        return self._window.committed.get(tenant, 0) - reserved, reserved

    def largest(self, count: int, now: float) -> Iterable[str]:
        """The tenants that have committed most."""
        self._roll(now)
        return nlargest(count, self._window.committed, key=self._window.committed.__getitem__)

    def totals(self, now: float) -> tuple[int, int, int]:
        """The number of tenants in the window, and their settled and reserved amounts."""
        self._roll(now)
        committed, reserved = self._window.totals
        return len(self._window.committed), committed - reserved, reserved

    def _roll(self, now: float) -> None:
        """Start a new window if it is time; an earlier time changes nothing, so no window starts twice."""
        number = now // self.seconds
        if number > self._window.number:
            self._window = Window(number)
