"""The recent counts of all workers of a service, added up from their heartbeats."""

from __future__ import annotations

from collections.abc import Sequence

from ranvier.asgi.status.recent.numbers import Recents, add_all
from ranvier.asgi.status.recent.portions import in_portions
from ranvier.asgi.status.recent.text import read
from ranvier.asgi.status.stats import MAX_PROVIDERS
from ranvier.store.commands.workers import RECENT, WorkerView

PORTION = 5
"""Workers that are added up without yielding to the event loop: about a millisecond."""


async def of_service(workers: Sequence[WorkerView]) -> tuple[Recents, int]:
    """The sums, and how many workers have sent numbers. The order is fixed: all workers get the same sums."""
    total: Recents = {}
    summed = 0
    async for portion in in_portions(sorted(workers, key=lambda view: view.worker), PORTION):
        for numbers in (read(view.about.get(RECENT, "")) for view in portion):
            if numbers is not None:
                add_all(total, numbers, MAX_PROVIDERS + 1)  # one more for `ALL`
                summed += 1
    return total, summed
