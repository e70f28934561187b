"""An outage of one target, as eight workers with the recommended stack see it together."""

import asyncio
import random
from typing import Any

import pytest

from ranvier import Pipeline, ServerError
from ranvier.pipeline import Call
from ranvier.presets import resilient
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider

pytestmark = pytest.mark.virtual_time

MAX_SHARE = 0.25
"""Of the offered calls that may reach the target that is down."""


class Outage:
    """Two targets, of which the first may be down, and eight workers."""

    def __init__(self) -> None:
        self.is_down = False
        self.reached = 0
        self.rng = random.Random(5)
        store = MemoryStore()
        self.workers = [self._worker(store) for _ in range(8)]

    def _worker(self, store: MemoryStore) -> Pipeline:
        first = ScriptedProvider("a", self._answer, model="m")
        second = ScriptedProvider("b", lambda call: "fine", model="m")
        return resilient(first, second, store=store, listeners=())

    def _answer(self, call: Call) -> Any:
        if not self.is_down:
            return "fine"
        self.reached += 1
        return ServerError("unavailable", provider="a", status=503)

    async def offer(self, seconds: float, tenants: int) -> int:
        """Twenty calls a second, at any worker; returns how many, if all are answered."""
        calls = []
        for _ in range(int(20 * seconds)):
            worker, tenant = self.rng.choice(self.workers), f"tenant {self.rng.randrange(tenants)}"
            calls.append(asyncio.create_task(worker.complete("Why?", tenant=tenant)))
            await asyncio.sleep(0.05)
        return len(await asyncio.gather(*calls))


@pytest.mark.parametrize("tenants", [50, 5000])
async def test_few_calls_reach_a_target_that_is_down(tenants: int) -> None:
    """However many tenants there are, and every call is answered by the other target."""
    outage = Outage()
    for worker in outage.workers:
        await worker.__aenter__()
    await outage.offer(60, tenants)
    outage.is_down = True
    offered = await outage.offer(80, tenants)
    assert 0 < outage.reached <= MAX_SHARE * offered
    for worker in outage.workers:
        await worker.aclose()
