"""Validates the limits and prices in the settings of a spend limit."""

from __future__ import annotations

from collections.abc import Mapping

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.facts.price import Price
from ranvier.validation import MAX_FLOAT

MAX_PRICE = 1e12
"""The highest price of a million tokens."""


def amount(limit: object) -> float:
    """`limit` as a float.

    Raises:
        ConfigurationError: it is not an amount.
    """
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if not number or not 0 <= limit <= MAX_FLOAT:  # type: ignore[operator]  # because: it is a number
        raise ConfigurationError(f"SpendLimit(per_tenant)={limit!r:.60}: give a finite number, 0 or more")
    return float(limit)  # type: ignore[arg-type]  # because: it is a number


def images(tokens: Mapping[str, int] | None) -> dict[str, int]:
    """The maximum number of tokens of one image by target.

    Raises:
        ConfigurationError: they are no dict of whole numbers.
    """
    name = "SpendLimit(image_tokens)"
    for most in validation.mapping(name, tokens, "a dict of numbers by 'provider/model'").values():
        validation.count(name, most, least=1)
    return dict(tokens or {})


def check_price(price: object) -> None:
    """Raise a `ConfigurationError` unless `price` is a price."""
    if not isinstance(price, Price):
        raise ConfigurationError(
            f"SpendLimit(prices) has a {type(price).__name__}: give Price(input=, output=)"
        )
    for name in ("input", "output", "cache_read", "cache_write"):
        value = getattr(price, name)
        if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= MAX_PRICE):
            raise ConfigurationError(
                f"SpendLimit(prices): {name}={value!r:.60}: give a number from 0 to {MAX_PRICE:g}"
            )
