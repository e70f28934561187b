"""A worker subscribes before it learns whether the data are those of before, and may hear of both."""

import asyncio
from typing import Any

import pytest

from ranvier.store import MemoryStore
from ranvier.store.commands.circuits import Alarm, CircuitKey
from ranvier.store.protocol import Receive, Worker
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore

pytestmark = pytest.mark.virtual_time

KEY = CircuitKey("p", "m", False)


class AlarmedStore(TroubledStore):
    """A store in which another worker raises an alarm in the moment in which one connects."""

    alarming = False

    async def connect(self, worker: Worker, receive: Receive) -> Any:
        session = await super().connect(worker, receive)
        if self.alarming:
            await session.execute([Alarm(KEY, "another", 0)])
            await asyncio.sleep(0.01)  # in which it is pushed
        return session


async def test_a_worker_stays_when_an_alarm_is_pushed_before_it_knows_that_the_data_are_new() -> None:
    """It watches the target once it has looked, and votes as before."""
    store = AlarmedStore()
    async with Service(store, 8) as service:
        service.reply = DOWN
        await service.ask(0, "one tenant")
        store.alarming = True
        store.replace()
        assert isinstance(store.memory, MemoryStore)
        await asyncio.sleep(5)
        assert {member.workers for member in service.members()} == {8}
        for _ in range(3):
            await service.ask_all(3)
        await asyncio.sleep(1)
        assert service.states() == {"open"}
