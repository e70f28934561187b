"""The bounds that we have set ourselves, and how a run keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Results

FAR = 2.0
"""A short run fails beyond so many times the bound: less may be the machine."""

NEVER = math.inf
"""For calls one after the other: machines have measured from 2.0x to 6.5x of nearly the same code. A test
counts their bytecodes instead, which are the same everywhere."""

STACK, FLOOR = "ranvier: five layers and a user's", "the floor"
RESILIENT, SHARING = "ranvier: resilient()", "ranvier: resilient() and all that shares"
RAW, FASTEST, HTTPX, DEFAULT = "aiohttp, raw", "ranvier on aiohttp", "ranvier on httpx", "ranvier, no extra"
BY_HAND, GATHERED = "aiohttp and orjson, by hand", "ranvier on aiohttp, complete()"


@dataclass(frozen=True)
class Bound:
    """What one row may cost.

    Attributes:
        told: What is bounded, as the page says it.
        table, row: Where it is measured.
        limit: The most that it may be; the least, where `least` is true.
        unit: Of the limit: `x` is a ratio.
        base: The row it is divided by, or that it is divided into where `least` is true.
        least: The other costs at least so many times as much.
        far: How many times it must be missed to fail a short run.
    """

    told: str
    table: str
    row: str
    limit: float
    unit: str = "x"
    base: str | None = None
    least: bool = False
    far: float = FAR

    def figure(self, results: Results) -> float | None:
        """What was measured; `None` where nothing was."""
        table = results.table(self.table)
        if table is None or self.row not in table.rows or (self.base and self.base not in table.rows):
            return None
        if self.base is None:
            return table.median(self.row)
        return table.ratio(self.base, self.row) if self.least else table.ratio(self.row, self.base)

    def kept(self, figure: float) -> bool:
        """Whether it is."""
        return figure >= self.limit if self.least else figure <= self.limit

    def far_outside(self, figure: float) -> bool:
        """Never so by an absolute time: that is the machine's as much as ours."""
        if self.unit not in ("x", "bytes"):
            return False
        return figure < self.limit / self.far if self.least else figure > self.far * self.limit

    def shown(self, figure: float) -> str:
        """A figure of this bound, with its unit."""
        return f"{figure:.3g}x" if self.unit == "x" else f"{figure:.4g} {self.unit}"


def _floor(told: str, table: str, limit: float, far: float = FAR) -> Bound:
    return Bound(told, table, STACK, limit, base=FLOOR, far=far)


def _ahead(row: str, told: str, limits: dict[str, float]) -> list[Bound]:
    return [
        Bound(f"CPU of a request: {other} over {told}", "wire-500", row, limit, base=other, least=True)
        for other, limit in limits.items()
    ]


BOUNDS = [
    _floor("The whole stack over the floor, sequential calls, uvloop", "sequential-uvloop", 2.0, NEVER),
    _floor("The same, asyncio", "sequential-asyncio", 1.8, NEVER),
    _floor("The whole stack over the floor, 10,000 in flight, uvloop", "in-flight-10000-uvloop", 1.8),
    _floor("The same, asyncio", "in-flight-10000-asyncio", 1.7),
    Bound(
        "`resilient()` with Balance, SpendLimit, Bulkhead, AdaptiveLimit and Pacing, over `resilient()`",
        *("sequential-uvloop", SHARING, 3.0),
        base=RESILIENT,
    ),
    _floor("Memory of a call in flight, over the floor's", "memory", 1.7),
    Bound("Memory of a circuit", "circuits", "ranvier", 250, "bytes"),
    Bound("The same, with its lock in use", "circuits", "ranvier, its lock in use", 350, "bytes"),
    Bound("A rejection by an open circuit, through the whole stack", "rejection", "ranvier", 6.0, "us"),
    Bound("`import ranvier` beyond `import httpx`", "import", "ranvier", 60, "ms"),
    Bound("CPU of a request on aiohttp, over raw aiohttp", "wire-500", FASTEST, 1.4, base=RAW),
    *_ahead(FASTEST, "ranvier on aiohttp", {"litellm Router": 20, "openai SDK": 13, "anthropic SDK": 12}),
    Bound(
        "A streamed chunk in `complete()`, over a hand-written reader",
        *("wire-streamed", GATHERED, 1.1),
        base=BY_HAND,
    ),
    Bound(
        "A streamed chunk in `stream()`, over a hand-written reader",
        "wire-streamed",
        FASTEST,
        1.3,
        base=BY_HAND,
    ),
    *_ahead(DEFAULT, "ranvier without extras", {"litellm Router": 4, "openai SDK": 3, "anthropic SDK": 2.5}),
]


def growth(results: Results, row: str) -> float | None:
    """How much more a request costs at 2,000 in flight than at 50, over raw aiohttp's own growth."""
    few, many = results.table("wire-50"), results.table("wire-2000")
    if few is None or many is None or not {row, RAW} <= few.rows.keys() & many.rows.keys():
        return None
    return many.median(row) / few.median(row) / (many.median(RAW) / few.median(RAW))


def chunk(results: Results) -> float | None:
    """Microseconds that a streamed chunk costs more than the fastest engine raw."""
    table = results.table("wire-streamed")
    if table is None or not {FASTEST, RAW} <= table.rows.keys():
        return None
    return table.median(FASTEST) - table.median(RAW)


def judged(results: Results) -> Iterator[tuple[Bound, float]]:
    """Every bound of which something was measured, and what."""
    for bound in BOUNDS:
        if (figure := bound.figure(results)) is not None:
            yield bound, figure
    for row, limit in ((FASTEST, 1.3), (HTTPX, 1.6)):
        if (figure := growth(results, row)) is not None:
            yield (
                Bound(f"CPU growth from 50 to 2,000 in flight, over raw aiohttp's: {row}", "", row, limit),
                figure,
            )
    if (figure := chunk(results)) is not None:
        yield Bound("A streamed chunk, beyond raw aiohttp", "wire-streamed", FASTEST, 10, "us"), figure


def far_outside(results: Results) -> list[str]:
    """Every bound that was missed by so much that the code must have changed."""
    return [
        f"{bound.told}: {bound.shown(figure)}, where {bound.shown(bound.limit)} is the bound"
        for bound, figure in judged(results)
        if bound.far_outside(figure)
    ]
