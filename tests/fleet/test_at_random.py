"""Workers, calls, outages and failing stores at random: calls go on, and in the end all agree."""

import asyncio
import random
from typing import Any

import pytest

from ranvier.layers import Retry, Throttle
from ranvier.store import StoreError
from ranvier.store.commands.circuits import Beat
from ranvier.testing import after, assert_settled
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore, hangs, raises, slow

pytestmark = pytest.mark.virtual_time

TROUBLES = [None, None, None, hangs, raises(StoreError("down")), raises(OSError("x")), slow(0.1), slow(0.6)]
PATIENCE = 0.25 + 0.25  # for the circuits of the model and of the endpoint, and of a retry
LONGEST = 2.0 + 2 * PATIENCE + 5.0  # with the answer, and the waits of retries


class Chance:
    """One run, chosen by a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.store = TroubledStore()
        inner: list[Any] = [lambda: Retry(max_retries=1), lambda: Throttle(max_wait=0)]
        self.service = Service(self.store, 4, inner=inner)
        self.calls: set[asyncio.Task[str]] = set()
        self.slowest = 0.0

    async def call(self) -> str:
        loop, worker = asyncio.get_running_loop(), self.rng.randrange(4)
        began = loop.time()
        try:
            return await self.service.ask(worker, f"tenant {self.rng.randrange(12)}")
        finally:
            self.slowest = max(self.slowest, loop.time() - began)

    async def step(self) -> None:
        """Something happens."""
        rng, service = self.rng, self.service
        what = rng.random()
        if what < 0.7:
            self.calls.add(asyncio.create_task(self.call()))
        elif what < 0.75 and self.calls:
            rng.choice(sorted(self.calls, key=id)).cancel()
        elif what < 0.82:
            service.reply = rng.choice([DOWN, DOWN, "fine", after(2.0, "fine"), after(1.0, DOWN)])
        elif what < 0.88:
            self.store.trouble = rng.choice(TROUBLES)
        elif what < 0.89:
            self.store.replace()
        elif what < 0.91:
            self.store.deaf = not self.store.deaf
        elif what < 0.92 and service.asked:
            shared: Any = service.workers[rng.randrange(4)].circuits.shared
            shared.reset("p", "m")
        else:
            await asyncio.sleep(rng.choice([0.0, 0.0, 0.01, 0.3, 2.0, 12.0]))

    async def run(self) -> None:
        for _ in range(400):
            await self.step()
        await asyncio.gather(*self.calls, return_exceptions=True)
        self.store.trouble, self.store.deaf, self.service.reply = None, False, "fine"
        for second in range(60):
            await self.service.ask_all()  # those who were just served are exempt, and prove nothing
            await self.service.ask(second % 4, f"new tenant {second}")
            await asyncio.sleep(1)


@pytest.mark.parametrize("seed", range(30))
async def test_calls_go_on_and_all_workers_agree_in_the_end(seed: int) -> None:
    """Whatever happens to the store."""
    chance = Chance(seed)
    async with chance.service as service:
        await chance.run()
        assert chance.slowest <= LONGEST
        assert all(member.governs for member in service.members())
        assert service.states() == {"closed"}
        assert {member.workers for member in service.members()} == {4}
        said = [command for member in service.members() for command, _ in member.beats()]
        assert not [each for each in said if isinstance(each, Beat)]  # no lease is left
        assert set(await service.ask_all(1)) == {"ok"}
    for worker in service.workers:
        assert_settled(worker)
    assert repr(chance.store.memory) == "MemoryStore(0 workers)"
