"""What all workers of a service have counted lately, added up from what each tells the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ranvier.asgi.status.recent.numbers import Recents, add_all
from ranvier.asgi.status.recent.text import read
from ranvier.asgi.status.stats import MAX_PROVIDERS
from ranvier.store.commands.workers import RECENT, WorkerView

PORTION = 5
"""Workers that are added up in one go: a millisecond."""


async def of_service(workers: Sequence[WorkerView]) -> tuple[Recents, int]:
    """The sums, and how many workers have sent their numbers. All workers find the same sums."""
    total: Recents = {}
    summed = 0
    for index, each in enumerate(sorted(workers, key=lambda each: each.worker)):
        if index % PORTION == PORTION - 1:
            await asyncio.sleep(0)
        numbers = read(each.about.get(RECENT, ""))
        if numbers is not None:
            add_all(total, numbers, MAX_PROVIDERS + 1)  # and all together
            summed += 1
    return total, summed
