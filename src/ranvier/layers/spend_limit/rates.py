"""The cost of tokens in whole numbers: in millionths of millionths of the currency, or in tokens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ranvier.facts.price import Price
    from ranvier.messages.usage import Usage

UNIT = 10**12
"""Parts of one unit of money: a token's price is a whole number of them."""


class Rates(NamedTuple):
    """The cost of one token.

    Attributes:
        input, output: The cost of an input and of an output token.
        read, written: The cost of an input token that is read from, or written to, a cache.
        dearest: The highest cost of an input token.
    """

    input: int
    output: int
    read: int
    written: int
    dearest: int

    def most(self, entering: int, leaving: int) -> int:
        """The most that `entering` input and `leaving` output tokens can cost."""
        return entering * self.dearest + leaving * self.output


FREE = Rates(0, 0, 0, 0, 0)
"""The rates of a target without a price."""

TOKENS = Rates(1, 1, 1, 1, 1)
"""The rates for a limit in tokens."""


def rates_of(price: Price) -> Rates:
    """The rates of `price`, rounded up."""
    plain, output = _per_token(price.input), _per_token(price.output)
    read = plain if price.cache_read is None else _per_token(price.cache_read)
    written = plain if price.cache_write is None else _per_token(price.cache_write)
    return Rates(plain, output, read, written, max(plain, read, written))


def real_cost(usage: Usage | None, rates: Rates) -> int | None:
    """The cost of `usage`; `None` if it is unknown: the usage is not complete, or is invalid."""
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
