"""Reads the token counts that providers report. A malformed report loses its counts, never the answer."""

from __future__ import annotations

from typing import Final

from ranvier.messages.usage import MAX_TOKENS, Usage
from ranvier.providers._reading.reading import Json


class Counts:
    """Reads the counts of one usage object.

    Attributes:
        complete: False once a count was malformed: a string, a list, a boolean, a fraction, or negative.
            Such a count is read as 0; the others are kept.
    """

    __slots__ = ("_usage", "complete")

    def __init__(self, usage: object, *, complete: bool = True) -> None:
        self.complete = complete and isinstance(usage, dict)
        self._usage: Json = usage if isinstance(usage, dict) else {}

    def needed(self, name: str) -> int:
        """A required count: without it the report is incomplete."""
        if self._usage.get(name) is None:
            self.complete = False
            return 0
        return self.count(name)

    def stated(self, name: str) -> int:
        """A count that is omitted if it is 0, but is never null."""
        return self.needed(name) if name in self._usage else 0

    def count(self, name: str) -> int:
        """An optional count: 0 if it is missing or null."""
        value = self._usage.get(name)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value < MAX_TOKENS:
            return value
        if value is not None:
            self.complete = False
        return 0

    def share(self, details: str, *names: str) -> tuple[int, ...]:
        """Counts from the nested object `details`, which may be missing or null."""
        value = self._usage.get(details)
        if value is None:
            return (0,) * len(names)
        within = Counts(value)
        counts = tuple(map(within.count, names))
        self.complete = self.complete and within.complete
        return counts


_SHARES: Final = frozenset(("prompt_tokens_details", "completion_tokens_details", "cached_tokens"))


def read_chat_usage(value: object) -> Usage | None:
    """The tokens in the `usage` field of a chat completion; `None` if it is empty."""
    if not value:
        return None
    counts = Counts(value)
    read, written = counts.needed("prompt_tokens"), counts.needed("completion_tokens")
    total = counts.count("total_tokens") or read + written
    if not (isinstance(value, dict) and _SHARES & value.keys()):
        return Usage(read, written, total, complete=counts.complete)
    cached, cache_write = counts.share("prompt_tokens_details", "cached_tokens", "cache_write_tokens")
    (reasoning,) = counts.share("completion_tokens_details", "reasoning_tokens")
    cached = cached or counts.count("cached_tokens")  # Kimi: at the top level
    return Usage(
        read,
        written,
        total,
        cache_read=cached,
        cache_write=cache_write,
        reasoning=reasoning,
        complete=counts.complete,
    )
