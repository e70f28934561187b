"""What was asked and spent in a storm, apart from what the layers know, and what must hold of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ranvier import LayerError, RanvierError
from ranvier.events import Event, SharedCircuitChanged
from support.fleet.shop import BOUND
from support.fleet.stacks import LIMIT, VOTES, WORKERS

REMEMBERED = 330.0
"""Seconds in which a failure may count: two halves of a window, and the silence before it."""

SLICE = max(LIMIT // 20, BOUND)


class Books:
    """The books of one storm.

    Attributes:
        limits: The spend limits of all workers.
        losses: How often the store has lost its data.
        reopened: How often a worker has ended and begun anew.
        wrong: What did not hold.
    """

    def __init__(self) -> None:
        self.limits: list[Any] = []
        self.losses = self.reopened = 0
        self.wrong: list[str] = []
        self.requests: list[tuple[float, str, str]] = []
        self._failed: dict[str, dict[str, float]] = {}
        self._cost: Counter[str] = Counter()
        self._now = 0.0

    def asked(self, target: str, tenant: str, now: float, *, well: bool) -> None:
        """A request is sent."""
        self._now = now
        self.requests.append((now, target, tenant))
        if not well:
            self._failed.setdefault(target, {})[tenant] = now
        spent = self.spent(tenant)
        if tenant.startswith("t") and self.most is not None and spent > self.most:
            self.wrong.append(f"{tenant} has spent {spent} of {self.most}")

    @property
    def most(self) -> float | None:
        """What a tenant may spend; `None` if what was spent by workers that are gone may be forgotten."""
        if self.losses and self.reopened:
            return None
        return LIMIT + self.losses * WORKERS * SLICE

    def answered(self, tenant: str, answer: Any) -> None:
        """A call was answered, and its provider bills it."""
        self._cost[tenant] += answer.usage.total

    def failed(self, error: RanvierError) -> None:
        """A call has failed: the error says why, and does not blame the library."""
        if not str(error) or isinstance(error, LayerError):
            self.wrong.append(repr(error))

    def hear(self, event: Event) -> None:
        """A shared circuit opens only by a quorum of tenants, over all workers."""
        if isinstance(event, SharedCircuitChanged) and (event.before, event.after) == ("closed", "open"):
            name = event.target.partition("/")[0]
            known = self._failed.get(name, {})
            failed = [tenant for tenant, when in known.items() if when >= self._now - REMEMBERED]
            if len(failed) < VOTES:
                self.wrong.append(f"{event.target} has opened by {failed}")

    def spent(self, tenant: str) -> float:
        """What all workers have settled and reserved."""
        ledgers = {id(limit.ledger): limit for limit in self.limits}
        return float(sum(sum(limit.account(tenant)[1:]) for limit in ledgers.values()))

    def unpaid(self) -> list[str]:
        """The tenants that have paid less than their answers have cost."""
        costs = [(tenant, cost) for tenant, cost in self._cost.items() if tenant.startswith("t")]
        return [
            f"{tenant}: {self.spent(tenant)} of {cost}" for tenant, cost in costs if self.spent(tenant) < cost
        ]
