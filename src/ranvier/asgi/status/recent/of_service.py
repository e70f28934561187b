"""The recent counts of all workers of a service, added up from their heartbeats."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ranvier.asgi.status.recent.numbers import Recents, add_all
from ranvier.asgi.status.recent.text import read
from ranvier.asgi.status.stats import MAX_PROVIDERS
from ranvier.store.commands.workers import RECENT, WorkerView

PORTION = 5
"""Workers that are added up without yielding to the event loop: about a millisecond."""


async def of_service(workers: Sequence[WorkerView]) -> tuple[Recents, int]:
    """The sums, and how many workers have sent numbers. The order is fixed: all workers get the same sums."""
    total: Recents = {}
    summed = 0
    for index, view in enumerate(sorted(workers, key=lambda view: view.worker)):
        if index % PORTION == PORTION - 1:
            await asyncio.sleep(0)
        numbers = read(view.about.get(RECENT, ""))
        if numbers is not None:
            add_all(total, numbers, MAX_PROVIDERS + 1)  # one more for `ALL`
            summed += 1
    return total, summed
