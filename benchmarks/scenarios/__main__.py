"""Runs scenarios of outages in virtual time, with the features of `resilient()` off and on.

python -m benchmarks.scenarios                         all of them; writes docs/scenarios.md
python -m benchmarks.scenarios --short                 one seed, features on
python -m benchmarks.scenarios --only silence --features on --seeds 1
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.scenarios.report import PAGE, lines, page
from benchmarks.scenarios.rows import ROWS
from benchmarks.scenarios.runner import results
from benchmarks.scenarios.stacks import STACKS

SEEDS = 3


def chosen(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenarios",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios, and run none")
    parser.add_argument("--only", action="append", metavar="NAME", help="scenarios whose name contains NAME")
    parser.add_argument("--features", choices=list(STACKS), help="one stack; both by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"seeds of each run; {SEEDS} by default")
    parser.add_argument("--seed", type=int, help="only this seed")
    parser.add_argument("--processes", type=int, default=2, help="runs at the same time; 2 by default")
    parser.add_argument("--short", action="store_true", help="one seed, features on; writes no page")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run, print and judge; 1 if a figure with features on is out of its bound."""
    asked = chosen(arguments)
    names = [name for name in ROWS if any(part in name for part in asked.only or [""])]
    if asked.list or not names:
        print("\n".join(f"{name:26}{row.title}" for name, row in ROWS.items()))
        return 0 if asked.list else 2
    began, ran = time.monotonic(), []
    features = ["on"] if asked.short else [asked.features] if asked.features else list(STACKS)
    seeds = [asked.seed] if asked.seed else range(1, 1 + (1 if asked.short else asked.seeds))
    for result in results(names, features, seeds, asked.processes):
        ran.append(result)
        print("\n".join(lines(result)), flush=True)
    failed = [result for result in ran if "on" in result.figures and not result.figures["on"].passed]
    took = time.monotonic() - began
    print(f"\n{len(ran)} runs in {took:.0f} s, {len(failed)} out of their bounds with features on")
    for result in failed:
        print(f"  {result.name} [{result.variant}]")
    if asked.only is None and features == list(STACKS) and len(seeds) >= SEEDS:
        PAGE.write_text(page(ran), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
