"""What calls cost, as bars: the figures are those of benchmarks/results.json."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from drawing import Picture

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results.json"
CHARTS = {
    "in-flight-10000-uvloop": "CPU of a call, 10,000 in flight on 50 ms timers, uvloop (us)",
    "wire-500": "CPU of a request over loopback, 500 in flight (us)",
}
LEFT, WIDTH, HEIGHT = 310, 800, 24


def draw() -> Picture:
    """One bar for each row; the median is its length."""
    tables = {table["key"]: table["rows"] for table in json.loads(RESULTS.read_text())["tables"]}
    charts = [(told, tables[key]) for key, told in CHARTS.items() if key in tables]
    height = 20 + sum(44 + HEIGHT * len(rows) for _, rows in charts)
    picture = Picture(WIDTH, height, "CPU of calls through ranvier and others: " + "; ".join(CHARTS.values()))
    top = 32.0
    for told, rows in charts:
        picture.words(16, top, told, "strong")
        top = _bars(picture, top + 12, {row: statistics.median(runs) for row, runs in rows.items()}) + 32
    return picture


def _bars(picture: Picture, top: float, medians: dict[str, float]) -> float:
    longest = max(medians.values())
    for row, median in sorted(medians.items(), key=lambda each: each[1]):
        picture.words(LEFT - 8, top + 15, row, "small", anchor="end")
        length = max((WIDTH - LEFT - 80) * median / longest, 2)
        picture.box(LEFT, top + 3, length, HEIGHT - 8, kind="ours" if row.startswith("ranvier") else "box")
        picture.words(LEFT + length + 6, top + 15, f"{median:,.0f}", "small")
        top += HEIGHT
    return top
