"""What many workers cost one store: healthy, in an outage, and after a restart of the store.

python tests/scale/run.py                                   1,000 workers and 1,000,000 tenants
python tests/scale/run.py --workers 100 --tenants 10000

A model of the messages alone, without pipelines: the workers speak to a store in memory, in virtual time, and
everything that they say is counted. What each command costs is measured on a real Valkey server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from ranvier.store.digest import digest
from ranvier.testing import VirtualTimeLoop
from scale.meter import Phase
from scale.prices import Prices, Pricing
from scale.stage import Stage
from support.valkey.server import AbsentError, serving

WORKERS, TENANTS, CALLS, SECONDS = 1000, 1_000_000, 5.0, 10.0


def main(arguments: list[str]) -> int:
    """Count, measure, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many (default: %(default)s)")
    parser.add_argument("--tenants", type=int, default=TENANTS, help="how many (default: %(default)s)")
    parser.add_argument("--calls", type=float, default=CALLS, help="a second at each worker")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each phase takes")
    asked = parser.parse_args(arguments)
    try:
        with serving() as server:
            prices = asyncio.run(Pricing(server, asked.workers).find())
    except AbsentError as reason:
        print(reason)
        return 0
    names = [digest(f"tenant-{number}", b"of the model") for number in range(asked.tenants)]
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        phases = runner.run(Stage(asked.workers, names, asked.calls).play(asked.seconds))
    print(f"{asked.workers:,} workers, {asked.tenants:,} tenants, {asked.calls:g} calls/s at each worker\n")
    for line in (*table(phases, prices, asked.workers), "", *costs(prices)):
        print(line)
    return 0


def table(phases: Sequence[Phase], prices: Prices, workers: int) -> Iterator[str]:
    """The phases, one a line."""
    yield "| phase | round trips/s | commands/s | pushes/s | load of one CPU | saturated at |"
    yield "|---|---|---|---|---|---|"
    for each in phases:
        share = prices.of(each)
        numbers = f"{each.batches:,.0f} | {each.commands:,.0f} | {each.pushes:,.0f}"
        yield f"| {each.name} | {numbers} | {share:.0%} | {workers / share:,.0f} workers |"
    for each in phases:
        kinds = ", ".join(f"{kind} {rate:,.0f}" for kind, rate in each.kinds.items() if rate >= 0.5)
        yield f"{each.name}: {kinds}"


def costs(prices: Prices) -> Iterator[str]:
    """What each thing costs."""
    for kind, seconds in prices.seconds.items():
        yield f"{kind}: {seconds * 1e6:.0f} us of the server's processor"
    for what, size in prices.memory.items():
        yield f"each {what}: {size:,.0f} bytes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
