"""The process of one worker: its wall clock is set wrong before anything can read it.

python tests/fleet_faults/worker.py '{"number": 0, "log": "worker-0.jsonl", "openai": "http://...", ...}'
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path

if __name__ == "__main__":  # in the place of this folder, whose modules have names that others have too
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from fleet_faults.orders import Orders


def set_clock(wrong_by: float) -> None:
    """Let this process believe that it is later, or earlier if negative."""
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + wrong_by
    time.time_ns = lambda: nanoseconds() + int(wrong_by * 1e9)


if __name__ == "__main__":
    orders = Orders.read(sys.argv[1])
    set_clock(orders.clock)

    from fleet_faults.working import work  # here, because libraries keep the clock that they find

    gc.collect()
    gc.freeze()  # or collections of what was imported would stop eight workers for 15 ms each
    asyncio.run(work(orders))
