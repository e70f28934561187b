"""The providers that the soak asks: the simulator, in a process of its own, until its input ends.

It prints its port, and at the end what is left on its side: requests in progress and connections, and
how many requests it has served. Its input is a pipe of the soak, so that it never outlives it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator

from ranvier.simulator import (
    Cut,
    Drop,
    EarlyFinish,
    Empty,
    ErrorIn200,
    Fault,
    Gzip,
    HalfCharacters,
    Malformed,
    Page,
    Pings,
    Reset,
    Rule,
    SetCookie,
    Shredded,
    Silence,
    Simulator,
    Slow,
    Stall,
    Status,
    Truncated,
    Unended,
)

FAULTS: dict[Fault, float] = {
    Status(503): 0.015,
    Status(429, retry_after=0.2): 0.015,
    Status(500): 0.005,
    Status(400): 0.005,
    Reset(): 0.005,
    Reset(after=2): 0.005,
    Drop(3): 0.01,
    Cut(3): 0.01,
    Truncated(2): 0.005,
    Unended(): 0.005,
    Malformed(): 0.005,
    ErrorIn200(): 0.005,
    Page(502): 0.005,
    Empty(): 0.005,
    Stall(2): 0.003,
    Silence(): 0.003,
    Pings(): 0.002,
    Slow(pace=0.02, pings=0.01): 0.01,
    Gzip(): 0.02,
    Shredded(): 0.02,
    EarlyFinish(): 0.02,
    HalfCharacters(): 0.02,
    SetCookie(): 0.02,
}
"""What goes wrong, and how often; some of it leaves the answer whole."""

GRACE = 5.0
"""Seconds that requests may take to end once their client has gone."""


def rules() -> Iterator[Rule]:
    """Outages, a refused key, a limit on the rate, and each of the faults now and then."""
    yield Rule(Status(401), key="refused")
    yield Rule(Status(429), provider="anthropic", key="busy", above=5)
    yield Rule(Status(503), provider="anthropic", start=5, cycle=(2, 10))
    yield Rule(Reset(), provider="openai", start=9, cycle=(1, 12))
    for fault, probability in FAULTS.items():
        yield Rule(fault, probability=probability)


async def serve(seed: int) -> None:
    """Answer until the input ends."""
    async with Simulator(rules(), seed=seed, latency=0.03, pace=0.002, log_size=100) as simulator:
        print(simulator.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        try:
            await simulator.idle(within=GRACE)
        finally:
            print(simulator.in_progress, simulator.open_connections, simulator.total, flush=True)


if __name__ == "__main__":
    # asyncio tells of each write to a client that has gone, and here they go all the time.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(serve(int(sys.argv[1])))
