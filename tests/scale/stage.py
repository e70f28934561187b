"""The phases through which all model workers go, on one store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ranvier import clock
from ranvier.store import Store
from scale.meter import Meter, Phase, Reading, between, read
from scale.model_worker import Load, ModelWorker
from support.valkey.server import ValkeyServer

SETTLING = 12.0
"""Seconds until every worker is there, and has counted for two halves."""


class Stage:
    """Workers, a store, and what is measured of both.

    Args:
        workers: How many.
        digests: The names of the tenants.
        calls: A second at each worker.
        store: What they share.
        server: Where it is; `None` for a store in memory, which cannot be restarted.
    """

    def __init__(
        self, workers: int, digests: Sequence[str], calls: float, store: Store, server: ValkeyServer | None
    ) -> None:
        self._meter = Meter()
        self._outage = asyncio.Event()
        load = Load(digests, calls)
        self._workers = [ModelWorker(number, load, self._meter, self._outage) for number in range(workers)]
        self._store = store
        self._server = server

    async def play(self, seconds: float) -> list[Phase]:
        """All phases, each for so long."""
        work = [asyncio.create_task(each.run(self._store)) for each in self._workers]
        try:
            await asyncio.sleep(SETTLING)
            phases = [await self._phase("healthy", seconds)]
            self._outage.set()
            phases.append(await self._phase("outage, first second", 1.0))
            phases.append(await self._phase("outage, until open", seconds))
            phases.append(await self._phase("outage, open", seconds))
            if self._server is not None:
                phases += await self._rejoined(self._server, seconds)
            return phases
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _rejoined(self, server: ValkeyServer, seconds: float) -> list[Phase]:
        """The server loses its data in the middle of the outage."""
        await asyncio.to_thread(server.restart)
        return [
            await self._phase("rejoin, first two seconds", 2.0),
            await self._phase("rejoin, then", seconds),
        ]

    async def _phase(self, name: str, seconds: float) -> Phase:
        first = await self._reading()
        await asyncio.sleep(seconds)
        print(f"measured: {name}, {self._meter.failed} sessions failed so far", flush=True)
        return between(name, first, await self._reading())

    async def _reading(self) -> Reading:
        if self._server is None:
            return read(self._meter, clock.now(), {})
        return read(self._meter, clock.now(), await asyncio.to_thread(self._server.about, "all"))
