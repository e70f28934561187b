"""What tokens cost, in whole numbers: in millionths of millionths of the currency, or in tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ranvier.facts.price import Price
    from ranvier.messages.usage import Usage

UNIT = 10**12
"""Parts of one unit of money that are counted: a token's price is a whole number of them."""


class Rates(NamedTuple):
    """What one token costs.

    Attributes:
        input, output, read, written: Of each kind; the last two are input read from and written to a cache.
        dearest: The highest of the kinds of input.
    """

    input: int
    output: int
    read: int
    written: int
    dearest: int

    def most(self, entering: int, leaving: int) -> int:
        """What so many tokens cost at most."""
        return entering * self.dearest + leaving * self.output


FREE = Rates(0, 0, 0, 0, 0)
"""Of a target without a price."""

TOKENS = Rates(1, 1, 1, 1, 1)
"""Where the limit is in tokens."""


def rates_of(price: Price) -> Rates:
    """The rates of `price`, rounded up."""
    plain, output = _per_token(price.input), _per_token(price.output)
    read = plain if price.cache_read is None else _per_token(price.cache_read)
    written = plain if price.cache_write is None else _per_token(price.cache_write)
    return Rates(plain, output, read, written, max(plain, read, written))


def real_cost(usage: Usage | None, rates: Rates) -> int | None:
    """What `usage` has cost; `None` if it does not say: it is not the last one, or makes no sense."""
    if usage is None or not usage.complete:
        return None
    entered, left, total = int(usage.input), int(usage.output), int(usage.total)
    read, written = int(usage.cache_read), int(usage.cache_write)
    if min(entered, left, total, read, written) < 0:
        return None
    if rates is TOKENS:
        return max(total, entered + left) or None
    if not entered and not left:
        return None
    cost = max(entered - read - written, 0) * rates.input + left * rates.output
    return cost + read * rates.read + written * rates.written


def _per_token(price_per_million: float) -> int:
    return math.ceil(price_per_million * UNIT / 1_000_000 - 1e-6)
