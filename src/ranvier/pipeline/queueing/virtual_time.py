"""Charges the tenants of a fair queue."""

from __future__ import annotations

from ranvier.pipeline.queueing.tenants import Entry, ItemT, Tenant

LEAST = 0.25
"""The minimum charge of a call, as a fraction of its expected cost, even if the call cost nothing.

Otherwise a tenant whose calls fail without usage would stay at the head of the queue forever.
"""


class VirtualTime:
    """Charges tenants by their weight.

    The virtual time is the counter of the tenant served last, before it was charged. Lower counters are
    raised to it: a tenant that was idle starts where the others are, and saves up nothing.

    Attributes:
        now: The virtual time.
    """

    __slots__ = ("_furthest", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._furthest = 0.0  # the largest counter

    def charge(self, tenant: Tenant[ItemT], entry: Entry[ItemT]) -> None:
        """A call of `tenant`, the next in the queue, is served."""
        if tenant.counter <= self.now:
            tenant.counter = self.now
            tenant.era += 1
        self.now = tenant.counter
        entry.charge, entry.era = entry.cost / tenant.weight, tenant.era
        self._add(tenant, entry.charge)

    def settle(self, tenant: Tenant[ItemT], entry: Entry[ItemT], cost: float) -> None:
        """Replace the charge of a call by its real cost.

        An overcharge is refunded only in the era in which it was charged: see `Tenant`.
        """
        correction = max(cost / tenant.weight, LEAST * entry.charge) - entry.charge
        if correction > 0 or entry.era == tenant.era:
            self._add(tenant, correction)

    def forget(self) -> None:
        """Raise the virtual time to the largest counter if no call waits: earlier charges no longer count."""
        self.now = self._furthest

    def _add(self, tenant: Tenant[ItemT], amount: float) -> None:
        tenant.counter = max(tenant.counter + amount, self.now)
        self._furthest = max(self._furthest, tenant.counter)
