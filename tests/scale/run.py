"""What many workers cost one store: healthy, in an outage, and after a restart of the store.

python tests/scale/run.py                                   1,000 workers and 1,000,000 tenants
python tests/scale/run.py --workers 100 --tenants 10000

Each worker is a model of the messages alone, without a pipeline; the server is a real one, of its own. The
last lines say how many workers would keep one processor busy for the server.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from ranvier.store import Store, ValkeyStore
from scale.meter import Phase
from scale.stage import Stage
from support.valkey.server import AbsentError, serving

WORKERS, TENANTS, CALLS, SECONDS = 1000, 1_000_000, 5.0, 10.0

PATIENCE = 5.0
"""Seconds for a round trip: a thousand workers in one process may have to wait for each other."""

MIB = 1 << 20


def main(arguments: list[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many (default: %(default)s)")
    parser.add_argument("--tenants", type=int, default=TENANTS, help="how many (default: %(default)s)")
    parser.add_argument("--calls", type=float, default=CALLS, help="a second at each worker")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each phase takes")
    asked = parser.parse_args(arguments)
    print(
        f"{asked.workers:,} workers, {asked.tenants:,} tenants, {asked.calls:g} calls a second at each worker"
    )
    try:
        with serving() as server:
            store: Store = ValkeyStore(server.url, prefix="scale", secret="of the model", timeout=PATIENCE)
            digests = [store.digest(f"tenant-{number}") for number in range(asked.tenants)]
            stage = Stage(asked.workers, digests, asked.calls, store, server)
            phases = asyncio.run(stage.play(asked.seconds))
    except AbsentError as reason:
        print(reason)
        return 0
    print("\n".join(table(phases)))
    print("\n".join(ends(phases, asked.workers)))
    return 0


def table(phases: Sequence[Phase]) -> Iterator[str]:
    """The phases, one a line."""
    yield "| phase | round trips/s | commands/s | pushes/s | one processor | memory | network |"
    yield "|---|---|---|---|---|---|---|"
    for each in phases:
        yield (
            f"| {each.name} | {each.batches:,.0f} | {each.commands:,.0f} | {each.pushes:,.0f} "
            f"| {each.processor:.0%} | {each.memory / MIB:.1f} MiB | {each.network / MIB:.2f} MiB/s |"
        )


def ends(phases: Sequence[Phase], workers: int) -> Iterator[str]:
    """Which commands each phase consists of, and how many workers would fill one processor."""
    for each in phases:
        kinds = ", ".join(f"{kind} {rate:,.0f}" for kind, rate in each.kinds.items() if rate >= 0.5)
        most = (
            f"; one processor would be full at {workers / each.processor:,.0f} workers"
            if each.processor
            else ""
        )
        yield f"{each.name}: {kinds} a second{most}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
