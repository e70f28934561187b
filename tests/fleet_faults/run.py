"""Lets workers share a store, breaks what can be broken, and judges what their logs prove.

python tests/fleet_faults/run.py              every fault
python tests/fleet_faults/run.py --short      a few of them, in a minute or two
python tests/fleet_faults/run.py --only FLUSHALL --only partition

The exit status is 1 if anything was violated, and each violation is told on a line of its own.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from fleet_faults.programme import SCENES, SHORT, played
from fleet_faults.stage import Stage, staged
from fleet_faults.verdicts import Verdict, judge
from support.valkey.server import AbsentError

WORKERS = 8


def main(arguments: list[str]) -> int:
    """Play the scenes, print and judge; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a few faults")
    parser.add_argument("--only", action="append", metavar="NAME", help="faults whose name contains NAME")
    parser.add_argument("--workers", type=int, default=WORKERS, help="how many (default: %(default)s)")
    parser.add_argument("--keep", type=Path, help="a folder for the logs, which are lost otherwise")
    chosen = parser.parse_args(arguments)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it tells of each client that has gone
    gc.disable()  # the way to the store leads through this process, and a collection of all logs stops it
    names = SHORT if chosen.short else [n for n in SCENES if any(o in n for o in chosen.only or [""])]
    with tempfile.TemporaryDirectory(prefix="ranvier-fleet-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        try:
            with staged(folder) as stage:
                verdict = fleet(stage, chosen.workers, names)
        except AbsentError as reason:
            print(reason)
            return 0
    for line in verdict.lines:
        print(line)
    for violation in verdict.violations:
        print(f"VIOLATED {violation}")
    return 1 if verdict.violations else 0


def fleet(stage: Stage, workers: int, names: tuple[str, ...] | list[str]) -> Verdict:
    """Start the workers, play the scenes, end the workers, and judge."""
    stage.start(workers)
    print(f"workers: {workers}", flush=True)
    before, scenes = _processors(), []
    for name in names:
        scenes.append(played(stage, name))
        print(f"fault: {name}{' - ' + scenes[-1].trouble if scenes[-1].trouble else ''}", flush=True)
    idle, total = (after - was for after, was in zip(_processors(), before, strict=True))
    ended = {worker.orders.number: worker.end() for worker in stage.living}
    verdict = judge(stage, scenes, idle / total if total else 1.0)
    for number, status in ended.items():
        verdict.expect(status == 0, f"worker {number} ended with {status}")
    for worker in stage.workers:
        verdict.expect(not worker.complaints, f"worker {worker.orders.number}: {worker.complaints[-500:]}")
    return verdict


def _processors() -> tuple[int, int]:
    """Ticks in which the processors were idle, and all ticks; zeros where nobody counts them."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0, 0
    return ticks[3] + ticks[4], sum(ticks)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
