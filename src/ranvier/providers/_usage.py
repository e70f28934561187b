"""Token counts as providers report them. A malformed report costs its counts, never the answer."""

from __future__ import annotations

from typing import Final

from ranvier.providers._reading import Json

MAX_TOKENS: Final = 10**12
"""A larger count is no count."""


class Counts:
    """Reads the counts of one usage object.

    Attributes:
        complete: False once a count was malformed: a text, a list, a truth value, a fraction, negative.
            Such a count is read as 0; the others are kept.
    """

    __slots__ = ("_usage", "complete")

    def __init__(self, usage: object, *, complete: bool = True) -> None:
        self.complete = complete and isinstance(usage, dict)
        self._usage: Json = usage if isinstance(usage, dict) else {}

    def needed(self, name: str) -> int:
        """A count that belongs to every report: without it the report is incomplete."""
        if self._usage.get(name) is None:
            self.complete = False
            return 0
        return self.count(name)

    def stated(self, name: str) -> int:
        """A count that is left out where it is 0, but never null."""
        return self.needed(name) if name in self._usage else 0

    def count(self, name: str) -> int:
        """A count that may be missing, or null, where there is nothing to count."""
        value = self._usage.get(name)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value < MAX_TOKENS:
            return value
        if value is not None:
            self.complete = False
        return 0

    def share(self, details: str, *names: str) -> tuple[int, ...]:
        """Counts from the object `details` within the report, which may be missing or null."""
        value = self._usage.get(details)
        if value is None:
            return (0,) * len(names)
        within = Counts(value)
        counts = tuple(map(within.count, names))
        self.complete = self.complete and within.complete
        return counts
