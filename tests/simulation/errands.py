"""What callers set out to do."""

from __future__ import annotations

from random import Random
from typing import Any

from simulation.moods import TICKS


class Errand:
    """How a caller goes about one call.

    Attributes:
        deadline: Seconds that it gives the call, and `enclosing` those of a `with deadline(...)` around it.
        cancels: Seconds after which it is cancelled, each time.
        scope: Seconds of an `asyncio.timeout` around it.
        way: How it reads a stream.
        most: Texts after which it has had enough, or is in doubt.
        hold: Seconds for which it keeps each event.
        hedge: What it says about hedges.
    """

    __slots__ = ("cancels", "deadline", "enclosing", "hedge", "hold", "most", "scope", "way")

    def __init__(self, rng: Random, *, needs_deadline: bool) -> None:
        self.deadline = _choice(rng, SECONDS) if needs_deadline or rng.random() < 0.2 else None
        self.enclosing = _choice(rng, SECONDS) if rng.random() < 0.05 else None
        self.cancels: list[float] = []
        self.scope: float | None = None
        if rng.random() < 0.08:
            first = _ticks(rng, 5.0)
            again = 0.0 if rng.random() < 0.5 else _ticks(rng, 0.25)
            self.cancels = [first] if rng.random() < 0.5 else [first, first + again]
        elif rng.random() < 0.04:
            self.scope = 1 / TICKS + _ticks(rng, 5.0)
        self.way = _choice(rng, WAYS)
        self.most = int(rng.random() * 4)
        self.hold = _choice(rng, HOLDS) if rng.random() < 0.3 else 0.0
        self.hedge = _choice(rng, HEDGE)

    @property
    def mischief(self) -> bool:
        """True for one that does not simply wait for its answer."""
        return bool(
            self.cancels or self.scope is not None or self.hold or self.way in ("leave", "drop", "shut")
        )


SECONDS = [0.0, 1.0, 3.0, 3.0, 10.0, 10.0, 30.0, 30.0]
HOLDS = [1 / TICKS, 0.25, 0.375, 1.0, 3.0, 20.0]
HEDGE = [None] * 5 + [True, False]
WAYS = ["read"] * 6 + ["collect"] * 2 + ["leave", "drop", "another", "shut"]


def _choice(rng: Random, of: list[Any]) -> Any:
    return of[int(rng.random() * len(of))]


def _ticks(rng: Random, most: float) -> float:
    return int(rng.random() * most * TICKS) / TICKS
