"""Measures ranvier beside a floor and its peers: `nox -s bench`, or `nox -s bench -- --short` in a minute.

The long form writes results.json, from which the table and the chart of docs/performance.md are made. The
short form measures what is bounded, and fails only where a ratio lies far outside its bound: a time says more
about the machine than about the code.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.bounds import BOUNDS, far_outside
from benchmarks.figures import Results, Table
from benchmarks.overhead.measure import measured
from benchmarks.overhead.peers import DISTRIBUTIONS
from benchmarks.overhead.weigh import weighed

HERE = Path(__file__).parent
ALSO = ("uvloop", "aiohttp", "httpx", "orjson", "opentelemetry-api", "opentelemetry-sdk")


def blank(command: str) -> Results:
    """Where and of what, without a figure yet."""
    machine = f"{os.cpu_count()} shared cores, {platform.system()}, Python {platform.python_version()}"
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return Results(today, command, machine, {name: version(name) for name in (*DISTRIBUTIONS, *ALSO)})


def show(table: Table) -> None:
    """A table, as text."""
    print(f"\n{table.title} ({table.unit})")
    for row in table.rows:
        least, most = table.spread(row)
        ratio = table.ratio(row)
        over = f"{ratio:7.2f}x" if ratio else ""
        print(f"  {row:50}{table.median(row):10.2f}  [{least:.2f} - {most:.2f}] {over}")


def main(arguments: list[str]) -> int:
    """Measure, tell, and judge; 1 when a short run finds a ratio far outside its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only what is bounded, and judge it")
    chosen = parser.parse_args(arguments)
    results = blank("nox -s bench")
    for part in (weighed, measured):
        for table in part(chosen.short):
            results.tables.append(table)
            show(table)
    print()
    for bound in BOUNDS:
        figure = bound.figure(results)
        if figure is not None:
            kept = "kept" if figure <= bound.limit else "missed"
            print(f"{bound.told}: {figure:.2f} {bound.unit}, bound {bound.limit:g}: {kept}")
    if not chosen.short:
        results.save(HERE / "results.json")
        return 0
    faults = far_outside(results)
    for fault in faults:
        print(f"FAR OUTSIDE {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
