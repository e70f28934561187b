"""What tenants have spent and reserved in the current window. Pure: the caller passes the time.

Amounts are whole numbers, so that sums are exact: nothing is lost or gained by rounding. A window is a number
of seconds, and begins at a multiple of it. A reservation settles in the window in which it was made; what
is left of an old window lives as long as its last reservation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple


class Account(NamedTuple):
    """What one tenant has spent in the current window.

    Attributes:
        tenant: The tenant.
        settled: What its ended attempts have cost.
        reserved: What those in flight may cost at most.
    """

    tenant: str
    settled: float
    reserved: float


class Spent(NamedTuple):
    """What all tenants have spent in the current window.

    Attributes:
        unit: `money` or `tokens`.
        window, ends_in: How long the window is, and when it ends, in seconds.
        tenants: How many have spent or reserved anything.
        settled: What their ended attempts have cost.
        reserved: What those in flight may cost at most.
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
        number: How many windows there were before it.
        committed: By tenant: settled and reserved together.
        reserved: By tenant: what is reserved, of those with attempts in flight.
        totals: Both, of all tenants together.
    """

    __slots__ = ("committed", "number", "reserved", "totals")

    def __init__(self, number: float) -> None:
        self.number = number
        self.committed: dict[str, int] = {}
        self.reserved: dict[str, int] = {}
        self.totals = 0, 0

    def add(self, tenant: str, committed: int, reserved: int) -> None:
        """Change both sums of `tenant`; what is 0 takes no memory."""
        self.totals = self.totals[0] + committed, self.totals[1] + reserved
        for sums, change in ((self.committed, committed), (self.reserved, reserved)):
            total = sums.get(tenant, 0) + change
            if total:
                sums[tenant] = total
            else:
                sums.pop(tenant, None)


class Reserved:
    """The most that one attempt may cost. Settle it once; later times change nothing.

    Attributes:
        tenant, amount: Whose it is, and that amount.
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
    """Admits reservations while all that a tenant has settled and reserved stays within its limit.

    Args:
        seconds: The length of a window.
        max_tenants: The most tenants of one window; reservations of further ones are rejected.

    Attributes:
        held: The reservations that are not settled, those of earlier windows included.
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
        """Nothing is in flight any more: what was not settled was cut, and has cost its reservation."""
        for reserved in tuple(self.held):
            reserved.settle(reserved.amount)

    def left(self, tenant: str, limit: int, now: float) -> int:
        """What `tenant` may still reserve of `limit`; never below 0."""
        self._roll(now)
        committed = self._window.committed
        if tenant not in committed and len(committed) >= self.max_tenants:
            return 0
        return max(limit - committed.get(tenant, 0), 0)

    def window(self, now: float) -> int:
        """How many windows there were before the current one."""
        self._roll(now)
        return int(self._window.number)

    def ends_in(self, now: float) -> float:
        """Seconds until the window ends."""
        self._roll(now)
        return max((self._window.number + 1) * self.seconds - now, 0.0)

    def account(self, tenant: str, now: float) -> tuple[int, int]:
        """What `tenant` has settled and reserved in the window."""
        self._roll(now)
        reserved = self._window.reserved.get(tenant, 0)
        return self._window.committed.get(tenant, 0) - reserved, reserved

    def largest(self, count: int, now: float) -> Iterable[str]:
        """The tenants that have committed most."""
        self._roll(now)
        return nlargest(count, self._window.committed, key=self._window.committed.__getitem__)

    def totals(self, now: float) -> tuple[int, int, int]:
        """How many tenants there are in the window, and what they have settled and reserved."""
        self._roll(now)
        committed, reserved = self._window.totals
        return len(self._window.committed), committed - reserved, reserved

    def _roll(self, now: float) -> None:
        """Begin a new window when it is time. An earlier time changes nothing: no window is begun twice."""
        number = now // self.seconds
        if number > self._window.number:
            self._window = Window(number)
