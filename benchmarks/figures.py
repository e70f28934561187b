"""Figures as they are measured: rows of repetitions, their medians and spreads, and ratios within one run."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Table:
    """One thing measured of several subjects, in turns, so that a busy moment of the machine meets them all.

    Attributes:
        key: How bounds name it.
        title: How the page names it.
        unit: Of the figures.
        base: The row that the others are compared with, if any.
        part: Of the benchmarks, where it belongs.
        rows: Every repetition, by row.
    """

    key: str
    title: str
    unit: str
    base: str | None = None
    part: str = ""
    rows: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: str, figure: float) -> None:
        """One more repetition."""
        self.rows.setdefault(row, []).append(figure)

    def median(self, row: str) -> float:
        """Of the repetitions."""
        return statistics.median(self.rows[row])

    def spread(self, row: str) -> tuple[float, float]:
        """The least and the greatest."""
        return min(self.rows[row]), max(self.rows[row])

    def ratio(self, row: str, base: str | None = None) -> float | None:
        """The median of the ratios within each repetition; `None` where there is nothing to compare with."""
        base = base or self.base
        if base is None:
            return None
        pairs = zip(self.rows[row], self.rows[base], strict=True)
        return statistics.median(figure / least for figure, least in pairs)


@dataclass
class Results:
    """One run of the benchmarks: when, where, of what, and all figures."""

    date: str
    command: str
    machine: str
    versions: dict[str, str]
    tables: list[Table] = field(default_factory=list)

    def table(self, key: str) -> Table | None:
        """The table of this key, if it was measured."""
        return next((table for table in self.tables if table.key == key), None)

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        for table in self.tables:
            table.rows = {row: [round(figure, 3) for figure in runs] for row, runs in table.rows.items()}
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what was saved."""
        found = json.loads(path.read_text(encoding="utf-8"))
        tables = [Table(**table) for table in found.pop("tables")]
        return cls(**found, tables=tables)
