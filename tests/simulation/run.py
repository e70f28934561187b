"""Simulates worlds in virtual time, and checks that every promise holds whatever goes wrong in them.

python tests/simulation/run.py --calls 1000000      the long form; 100000 is the short one
python tests/simulation/run.py --seed 17            one world again, with the digest of its trace
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
del sys.path[1]  # the folder of this file, whose modules have names that others have too

from simulation.invariants import ViolationError  # noqa: E402  # because: the path has to be set before
from simulation.world import Result, simulate  # noqa: E402

CALLS_PER_SEED = 2000
WORKERS = 2


def attempt(seed: int) -> Result | str:
    """The world of `seed`, or what is wrong with it."""
    try:
        return simulate(seed, CALLS_PER_SEED)
    except ViolationError as violation:
        return f"{violation}\nagain: python tests/simulation/run.py --seed {seed}"
    except Exception:
        return f"{traceback.format_exc()}\nagain: python tests/simulation/run.py --seed {seed}"


def main(arguments: list[str]) -> int:
    """Simulate, and say how it went; 0 when every invariant was kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100_000, help="how many calls in all, at least")
    parser.add_argument("--seed", type=int, help="only this seed, in this process")
    parser.add_argument("--first", type=int, default=1, help="the first of the seeds")
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return replay(chosen.seed)
    seeds = -(-chosen.calls // CALLS_PER_SEED)
    return run(range(chosen.first, chosen.first + seeds))


def replay(seed: int) -> int:
    """One seed."""
    result = attempt(seed)
    if isinstance(result, str):
        print(result, flush=True)
        os._exit(1)  # a world that was stopped in the middle cannot be taken down, only left
    print(f"seed {seed}: {result.calls:,} calls, {result.requests:,} requests, {result.faults:,} faults, "
          f"trace {result.digest}")  # fmt: skip
    return 0


def run(seeds: range) -> int:
    """Many seeds, side by side, up to the first that fails."""
    began = time.monotonic()
    calls = faults = 0
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for result in pool.imap_unordered(attempt, seeds):
            if isinstance(result, str):
                print(result)
                return 1
            calls, faults = calls + result.calls, faults + result.faults
    print(f"{calls:,} calls, {faults:,} faults, {len(seeds)} seeds, {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
