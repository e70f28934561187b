"""The bounds that we have set ourselves, and how a run keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figures import Results

FAR = 2.0
"""A short run fails beyond so many times the bound: less may be the machine."""


@dataclass(frozen=True)
class Bound:
    """What one row may cost.

    Attributes:
        told: What is bounded, as the page says it.
        table, row: Where it is measured.
        limit: The most that it may be.
        base: The row it is divided by; without one it is absolute.
        judged: Whether a short run may fail on it: never on an absolute time.
    """

    told: str
    table: str
    row: str
    limit: float
    unit: str = "x"
    base: str | None = None

    @property
    def judged(self) -> bool:
        """A ratio, or bytes, which no other process of the machine can change."""
        return self.unit in ("x", "bytes")

    def figure(self, results: Results) -> float | None:
        """What was measured; `None` where nothing was."""
        table = results.table(self.table)
        if table is None or self.row not in table.rows or (self.base and self.base not in table.rows):
            return None
        return table.ratio(self.row, self.base) if self.base else table.median(self.row)


STACK, FLOOR = "ranvier: five layers and a user's", "the floor"


def _over_the_floor(told: str, table: str, limit: float) -> Bound:
    return Bound(told, table, STACK, limit, base=FLOOR)


BOUNDS = [
    _over_the_floor(
        "The full stack over the floor, one call after the other, uvloop", "sequential-uvloop", 2.0
    ),
    _over_the_floor("The same, asyncio", "sequential-asyncio", 1.8),
    _over_the_floor("The full stack over the floor, 10,000 in flight, uvloop", "in-flight-10000-uvloop", 1.8),
    _over_the_floor("The same, asyncio", "in-flight-10000-asyncio", 1.7),
    _over_the_floor("Memory of a call in flight over the floor's", "memory", 1.7),
    Bound("Memory of a circuit", "circuits", "ranvier", 250, "bytes"),
    Bound("The same, with its lock in use", "circuits", "ranvier, its lock in use", 350, "bytes"),
    Bound("A rejection by an open circuit, through the whole stack", "rejection", "ranvier", 6.0, "us"),
    Bound("`import ranvier` beyond `import httpx`", "import", "ranvier", 60, "ms"),
]


def far_outside(results: Results) -> list[str]:
    """Every bound that was missed by so much that the code must have changed."""
    told = []
    for bound in BOUNDS:
        figure = bound.figure(results)
        if figure is not None and bound.judged and figure > FAR * bound.limit:
            told.append(f"{bound.told}: {figure:.2f} {bound.unit}, where {bound.limit:g} is the bound")
    return told
