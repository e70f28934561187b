"""The phases through which all model workers go, on one store, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from scale.meter import Meter, Phase, between
from scale.model_worker import Load, ModelWorker
from scale.restartable import RestartableStore

SETTLING = 12.0
"""Seconds in which every worker connects, and counts for two halves."""

FIRST = 1.0
"""Seconds of an outage, or of a rejoin, that are looked at apart: then most is said."""


class Stage:
    """Workers and what they share.

    Args:
        workers: How many.
        digests: The names of the tenants.
        calls: A second at each worker.
    """

    def __init__(self, workers: int, digests: Sequence[str], calls: float) -> None:
        self._meter = Meter()
        self._outage = asyncio.Event()
        load = Load(digests, calls)
        self._workers = [ModelWorker(number, load, self._meter, self._outage) for number in range(workers)]
        self._store = RestartableStore()

    async def play(self, seconds: float) -> list[Phase]:
        """All phases, each for so long."""
        work = [asyncio.create_task(each.run(self._store)) for each in self._workers]
        try:
            await asyncio.sleep(SETTLING)
            phases = [await self._phase("healthy", seconds)]
            self._outage.set()
            phases.append(await self._phase("outage, first second", FIRST))
            phases.append(await self._phase("outage, until open", seconds))
            phases.append(await self._phase("outage, open", seconds))
            self._store.restart()
            phases.append(await self._phase("rejoin, first second", FIRST))
            phases.append(await self._phase("rejoin, then", seconds))
            return phases
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _phase(self, name: str, seconds: float) -> Phase:
        first = self._meter.copy()
        await asyncio.sleep(seconds)
        return between(name, seconds, first, self._meter)
