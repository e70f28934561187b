"""Token counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, counted the same way for every provider.

    Attributes:
        input: Tokens of the prompt, those read from and written to a cache included.
        output: Tokens of the answer, reasoning included.
        total: Input and output together.
        cache_read, cache_write, reasoning: Shares of the above.
        complete: False where the provider's last word on it never came.
    """

    input: int = 0
    output: int = 0
    total: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    complete: bool = True


UNKNOWN = Usage(complete=False)
"""Of an answer whose provider reported nothing."""
