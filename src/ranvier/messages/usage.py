"""Token counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_TOKENS: Final = 10**12
"""Larger counts are treated as malformed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, counted the same way for every provider.

    Attributes:
        input: Tokens of the prompt, including those read from and written to a cache.
        output: Tokens of the answer, including reasoning.
        total: Input and output together.
        cache_read, cache_write, reasoning: Parts of `input` (the first two) and of `output`.
        complete: False if the provider's final report did not arrive.
    """

    input: int = 0
    output: int = 0
    total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    complete: bool = True


UNKNOWN = Usage(complete=False)
"""The usage of an answer whose provider reported none."""
