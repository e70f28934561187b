"""A client in a process of its own: `python -m benchmarks.wire.client NAME URL CORE`.

Each line of standard input asks for one measurement; each line of output is one. Both are JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.wire.clients import CLIENTS, PLAIN_LOOP, Ask


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _asks(ask: Ask, left: list[int], took: list[float]) -> None:
    """Ask for as long as there is something left to ask."""
    while left[0] > 0:
        left[0] -= 1
        began = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - began)


async def measure(name: str, url: str, flight: int, requests: int, streamed: bool) -> dict[str, float]:
    """So many requests, so many of them in flight at a time."""
    async with CLIENTS[name](url, streamed) as ask:
        await ask()
        before = _resident()
        await asyncio.gather(*(ask() for _ in range(flight)))  # every connection is there, and warm
        gc.collect()
        took: list[float] = []
        left = [requests]
        held = max(_resident() - before, 0) / flight
        began = time.process_time()
        await asyncio.gather(*(_asks(ask, left, took) for _ in range(flight)))
        spent = time.process_time() - began
    took.sort()
    return {
        "cpu": spent / requests * 1e6,
        "p50": took[len(took) // 2] * 1e3,
        "p99": took[int(len(took) * 0.99)] * 1e3,
        "held": held / 1024,
    }


def main(name: str, url: str, core: str) -> None:
    """Measure as asked, until nobody asks any more."""
    os.sched_setaffinity(0, {int(core)})
    factory = asyncio.new_event_loop
    if name not in PLAIN_LOOP:
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        for line in sys.stdin:
            print(json.dumps(runner.run(measure(name, url, **json.loads(line)))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
