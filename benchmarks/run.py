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
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.bounds import far_outside, judged
from benchmarks.figures import Results, Table
from benchmarks.overhead.measure import measured
from benchmarks.overhead.peers import DISTRIBUTIONS
from benchmarks.overhead.weigh import weighed
from benchmarks.page import write
from benchmarks.wire.measure import LITELLM, on_the_wire, streams

SAVED = Path(__file__).with_name("results.json")
PARTS = {"weight": weighed, "overhead": measured, "wire": on_the_wire, "streams": streams}
ALSO = ("uvloop", "aiohttp", "httpx", "orjson", "opentelemetry-api", "opentelemetry-sdk")
SDKS = ("openai", "anthropic", "pydantic-ai-slim")


def blank(command: str) -> Results:
    """Where and of what, without a figure yet."""
    machine = f"{os.cpu_count()} shared cores, {platform.system()}, Python {platform.python_version()}"
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return Results(today, command, machine, _versions())


def _versions() -> dict[str, str]:
    found = {}
    for name in (*DISTRIBUTIONS, *ALSO, *SDKS):
        with suppress(PackageNotFoundError):  # the SDKs are there in the long form only
            found[name] = version(name)
    if (python := os.environ.get(LITELLM)) is not None:
        asked = [python, "-c", "from importlib.metadata import version; print(version('litellm'))"]
        found["litellm"] = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return found


def kept(part: str) -> list[Table]:
    """What the last long run has measured."""
    return [table for table in Results.load(SAVED).tables if table.part == part] if SAVED.exists() else []


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
    parser.add_argument("--only", choices=list(PARTS), help="one part; the others stay as they were measured")
    parser.add_argument("--short", action="store_true", help="only what is bounded, and judge it")
    chosen = parser.parse_args(arguments)
    results = blank("nox -s bench")
    for name, part in PARTS.items():
        for table in part(chosen.short) if chosen.only in (None, name) else kept(name):
            table.part = name
            results.tables.append(table)
            show(table)
    print()
    for bound, figure in judged(results):
        verdict = "kept" if bound.kept(figure) else "missed"
        print(f"{bound.told}: {bound.shown(figure)}, bound {bound.shown(bound.limit)}: {verdict}")
    if not chosen.short:
        results.save(SAVED)
        write(results)
        return 0
    faults = far_outside(results)
    for fault in faults:
        print(f"FAR OUTSIDE {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
