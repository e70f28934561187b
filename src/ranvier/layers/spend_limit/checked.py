"""Validates the limits and prices in the settings of a spend limit."""

from __future__ import annotations

import math

from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.price import Price


def amount(limit: object) -> float:
    """`limit` as a float.

    Raises:
        ConfigurationError: it is not an amount.
    """
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if not number or not 0 <= limit < math.inf:  # type: ignore[operator]  # because: it is a number
        raise ConfigurationError(f"SpendLimit(per_tenant)={limit!r:.60}: give a finite number, 0 or more")
    return float(limit)  # type: ignore[arg-type]  # because: it is a number


def check_price(price: object) -> None:
    """Raise a `ConfigurationError` unless `price` is a price."""
    if not isinstance(price, Price):
        raise ConfigurationError(
            f"SpendLimit(prices) has a {type(price).__name__}: give Price(input=, output=)"
        )
    for name in ("input", "output", "cache_read", "cache_write"):
        value = getattr(price, name)
        if value is not None and not (isinstance(value, (int, float)) and 0 <= value < math.inf):
            raise ConfigurationError(
                f"SpendLimit(prices): {name}={value!r:.60}: give a finite number, 0 or more"
            )
