"""The tables of docs/performance.md and its chart, made from the figures and from nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.bounds import judged
from benchmarks.figures import Results, Table

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
START, END = "<!-- figures: {} -->\n", "<!-- end of figures -->"


def bounds(results: Results) -> Iterator[str]:
    """A table of every bound, and whether it is kept."""
    yield "| measurement | limit | measured | |"
    yield "|---|---|---|---|"
    for bound, figure in judged(results):
        limit = f"{'>=' if bound.least else '<='} {bound.shown(bound.limit)}"
        verdict = "met" if bound.kept(figure) else "**missed**"
        yield f"| {bound.told} | {limit} | {bound.shown(figure)} | {verdict} |"


def figures(results: Results, keys: tuple[str, ...]) -> Iterator[str]:
    """Tables of medians, with the least and the greatest, and the ratio to the base."""
    for table in filter(None, map(results.table, keys)):
        yield from _one(table)


def _one(table: Table) -> Iterator[str]:
    over = f" | over {table.base}" if table.base else ""
    yield f"\n| {table.title} | {table.unit}, median | min to max{over} |"
    yield "|---|---|---|" + ("---|" if table.base else "")
    for row in sorted(table.rows, key=table.median):
        least, most = table.spread(row)
        ratio = table.ratio(row)
        end = f" {ratio:.2f}x |" if ratio else ""
        yield f"| {row} | {table.median(row):,.1f} | {least:,.1f} to {most:,.1f} |{end}"


LAYERS = ("sequential-uvloop", "sequential-asyncio", "in-flight-10000-uvloop", "in-flight-10000-asyncio")
WEIGHT = ("memory", "circuits", "rejection", "import")
WIRE = ("wire-500", "wire-500-p50", "wire-500-p99", "wire-50", "wire-2000", "wire-500-held", "wire-streamed")


def rendered(text: str, results: Results) -> str:
    """The page with its figures replaced by these."""
    parts = {
        "run": [f"`{results.command}` on {results.date}: {results.machine}.", "", _versions(results)],
        "bounds": bounds(results),
        "layers": figures(results, LAYERS),
        "weight": figures(results, WEIGHT),
        "wire": figures(results, WIRE),
    }
    for name, lines in parts.items():
        before, start, rest = text.partition(START.format(name))
        _, end, after = rest.partition(END)
        text = before + start + "\n" + "\n".join(lines).strip() + "\n\n" + end + after
    return text


def _versions(results: Results) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(results.versions.items())) + "."


def write(results: Results) -> None:
    """Put them into the page, and draw the chart."""
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    sys.path.insert(0, str(DOCS / "pictures"))
    drawn: str = import_module("performance").draw().svg()
    (DOCS / "pictures" / "performance.svg").write_text(drawn, encoding="utf-8")
