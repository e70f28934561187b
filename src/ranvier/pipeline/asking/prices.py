"""Checks the prices of targets that a user gives."""

from __future__ import annotations

from dataclasses import fields

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.price import Price, Prices

MAX_PRICE = 1e12
"""The highest price of a million tokens."""


def checked_prices(name: str, prices: Prices | None) -> dict[str, Price]:
    """A copy of `prices`, the parameter `name`.

    Raises:
        ConfigurationError: a key is not a target, a value is no `Price`, or a price is negative or absurd.
    """
    for target, price in validation.mapping(name, prices, "Price(...) by 'provider/model'").items():
        if not isinstance(target, str) or not isinstance(price, Price):
            kind = type(price).__name__ if isinstance(target, str) else f"key of {type(target).__name__}"
            raise ConfigurationError(f"{name} has a {kind}: give Price(input=, output=) by 'provider/model'")
        for field in fields(price):
            value = getattr(price, field.name)
            if value is not None or field.name in ("input", "output"):
                price_name = f"{name}[{target!r:.80}].{field.name}"
                if validation.number(price_name, value) > MAX_PRICE:
                    raise ConfigurationError(f"{price_name}={value!r:.60}: give at most {MAX_PRICE:g}")
    return dict(prices or {})
