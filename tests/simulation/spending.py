"""A spend limit, and the books of those who check it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from ranvier.layers import SpendLimit

if TYPE_CHECKING:
    from simulation.exchange import Exchange

LEAST = 1_000
"""The tokens that any request reserves at least."""

FOR_EVER = 1e9
"""The seconds of a window in which every world ends."""


class Spending:
    """The spend limit of one stack; `layer` is `None` in most of them.

    Its chance is its own, so that stacks without a limit are what they were without it.
    """

    def __init__(self, rng: Random) -> None:
        self.layer: SpendLimit | None = None
        self._sent: dict[str, list[Exchange]] = {}
        if rng.random() < 0.35:
            self.window = rng.choice([FOR_EVER, 20.0, 300.0])
            self.limit = rng.choice([5_000.0, 20_000.0, 200_000.0])
            self.layer = SpendLimit(self.limit, self.window)

    def sent(self, exchange: Exchange) -> str | None:
        """A request is sent: what is wrong with what its tenant has settled and reserved?"""
        if self.layer is None:
            return None
        tenant = exchange.story.tenant
        account = self.layer.account(tenant)
        if account.settled + account.reserved > self.limit:
            return f"{account} exceeds {self.limit}"
        sent = self._sent.setdefault(tenant, [])
        sent.append(exchange)
        if self.window != FOR_EVER:
            return None
        least = sum(map(_least_cost, sent))
        if account.settled + account.reserved < least:
            return f"{account}, but the requests so far cost {least}"
        return None

    def left(self) -> Iterator[str]:
        """Nobody calls: what is wrong with what is left?"""
        if self.layer is None:
            return
        yield from self.layer.unsettled()
        for tenant, sent in self._sent.items() if self.window == FOR_EVER else ():
            least, account = sum(map(_least_cost, sent)), self.layer.account(tenant)
            if account.settled < least:
                yield f"{account}, but the requests have cost {least}"


def _least_cost(exchange: Exchange) -> int:
    """What a request has cost at least, as far as its provider knows, or what it reserves."""
    if exchange.usage is not None:
        return exchange.usage.input + exchange.usage.output
    return LEAST if exchange.ending in (None, "cancelled", "closed") else 0
