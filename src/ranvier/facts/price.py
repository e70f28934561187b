"""What tokens cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ranvier.messages.usage import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of one target cost, in any currency.

    Attributes:
        input, output: The price of prompt tokens, and of answer tokens with reasoning.
        cache_read, cache_write: The price of prompt tokens read from or written to a cache; `None` means
            the same as `input`.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    def of(self, usage: Usage) -> float:
        """What `usage` costs."""
        plain = usage.input - usage.cache_read - usage.cache_write
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        parts = plain * self.input + usage.cache_read * read + usage.cache_write * write
        return (parts + usage.output * self.output) / 1_000_000


Prices = Mapping[str, Price]
"""By target, `"provider/model"`."""

P = TypeVar("P")


def of_target(prices: Mapping[str, P], target: str) -> P | None:
    """The entry of a target, else for a version, as `"vertex/claude-x@20250929"`, the plain name's."""
    entry = prices.get(target)
    return prices.get(target.partition("@")[0]) if entry is None and "@" in target else entry
