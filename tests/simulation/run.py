"""Simulates worlds in virtual time, and checks that every promise holds whatever goes wrong in them.

python tests/simulation/run.py --calls 1000000      the long form; 100000 is the short one
python tests/simulation/run.py --seed 17            one world again, with the digest of its trace
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from simulation.invariants import ViolationError  # because: the path has to be set before
from simulation.world import Result, simulate

CALLS_PER_SEED = 2000
WORKERS = 2


def attempt(seed: int, calls: int) -> Result | str:
    """The world of `seed`, or what is wrong with it and how to see it again."""
    try:
        return simulate(seed, calls)
    except ViolationError as violation:
        told = str(violation)
    except Exception:
        told = traceback.format_exc()
    smaller = "" if calls == CALLS_PER_SEED else f" --calls {calls}"
    return f"{told}\nagain: python tests/simulation/run.py --seed {seed}{smaller}"


def main(arguments: list[str]) -> int:
    """Simulate, and say how it went; 0 when every invariant was kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, help="how many calls in all, at least; 100,000 by default")
    parser.add_argument("--seed", type=int, help="only the world of this seed, in this process")
    parser.add_argument("--first", type=int, default=1, help="the first of the seeds")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return replay(chosen.seed, chosen.calls or CALLS_PER_SEED)
    seeds = -(-(chosen.calls or 100_000) // CALLS_PER_SEED)
    return run(range(chosen.first, chosen.first + seeds))


def replay(seed: int, calls: int) -> int:
    """One seed."""
    result = attempt(seed, calls)
    if isinstance(result, str):
        print(result, flush=True)
        os._exit(1)  # a world that was stopped in the middle cannot be taken down, only left
    counts = f"{result.calls:,} calls, {result.requests:,} requests, {result.faults:,} faults"
    print(f"seed {seed}: {counts}, trace {result.digest}")
    return 0


def run(seeds: range) -> int:
    """Many seeds, side by side, up to the first that fails."""
    began = time.monotonic()
    calls = faults = 0
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for result in pool.imap_unordered(functools.partial(attempt, calls=CALLS_PER_SEED), seeds):
            if isinstance(result, str):
                print(result)
                return 1
            calls, faults = calls + result.calls, faults + result.faults
    print(f"{calls:,} calls, {faults:,} faults, {len(seeds)} seeds, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
