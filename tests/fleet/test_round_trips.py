"""Round trips whose callers vanish, and what a worker leaves behind in the middle of one."""

import asyncio
import logging
from typing import Any, cast

import pytest

from ranvier.clock import clock_of
from ranvier.fleet.contact import Contact
from ranvier.store import MemoryStore, StoreError
from ranvier.store.commands.workers import Heartbeat, Leave, Look
from ranvier.store.protocol import Worker
from ranvier.testing import VirtualTimeLoop
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore, raises, slow

pytestmark = pytest.mark.virtual_time


async def test_a_reader_that_vanishes_does_not_lose_the_store(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody closes the status page before it is there."""
    store = TroubledStore()
    caplog.set_level(logging.INFO, "ranvier.fleet")
    async with Service(store, 1) as service:
        [member] = service.members()
        session = member.contact.session
        store.trouble = slow(0.1)
        for _ in range(20):
            reading = asyncio.create_task(member.read())
            await asyncio.sleep(0.05)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        await asyncio.sleep(2)
        assert member.governs
        assert member.contact.session is session
    assert caplog.records == []


async def test_counters_that_cannot_be_read_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Not with each heartbeat; and again after they could be read."""
    async with Service(MemoryStore(), 1) as service:
        [member] = service.members()
        broken, member.counters = member.counters, lambda: 1 / 0
        await asyncio.sleep(10)
        member.counters = broken
        await asyncio.sleep(2)
        member.counters = lambda: 1 / 0
        await asyncio.sleep(10)
    assert [each.getMessage() for each in caplog.records] == [
        "the counters of this worker cannot be read"
    ] * 2


@pytest.mark.parametrize("after", [0.0, 0.001, 0.006, 0.02, 0.027, 0.04, 0.5])
async def test_a_worker_says_good_bye_in_the_middle_of_a_round_trip(after: float) -> None:
    """Its last counters are known, and it does not count as living for three seconds more."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        store.trouble = slow(0.01)
        await service.ask(0, "a")
        await asyncio.sleep(after)
        await service.workers[0].aclose()
        assert sum(isinstance(each, Leave) for each in store.sent) == 1


@pytest.mark.parametrize("turns", range(16))
@pytest.mark.parametrize("trouble", [None, slow(0.0), slow(0.2)], ids=["no", "short", "long"])
async def test_a_worker_that_closes_while_it_connects_leaves_no_session(trouble: Any, turns: int) -> None:
    """After any turn of the loop, also in that in which the session comes."""
    store = TroubledStore()
    store.trouble = trouble
    [worker] = Service(store, 1).workers
    await worker.__aenter__()
    for _ in range(turns):
        await asyncio.sleep(0)
    await worker.aclose()
    assert repr(store.memory) == "MemoryStore(0 workers)"
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def late(what: Any) -> None:
    """The answer comes after a moment, and takes some turns of the loop."""
    await asyncio.sleep(0.01)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_event_loop_that_stood_still_has_not_lost_the_store() -> None:
    """The answer is there; only the worker was busy, for longer than an answer may take."""
    store, loop = TroubledStore(), cast(VirtualTimeLoop, asyncio.get_running_loop())
    store.trouble = late
    contact = Contact(store, Worker("a", "", 1, ""), loop, clock_of(loop), lambda: None)
    assert await contact.connect(print)
    loop.call_later(0.005, loop.jump, 3.0)
    assert await contact.execute([Look()]) is not None
    await contact.aclose()


async def test_a_session_that_makes_no_sense_is_closed() -> None:
    """It is not used, and not kept either."""
    closed = 0

    class Odd:
        epoch = "the first"

        async def aclose(self) -> None:
            nonlocal closed
            closed += 1

    class OddStore(MemoryStore):
        async def connect(self, worker: Any, receive: Any) -> Any:
            return Odd()

    async with Service(OddStore(), 1):
        assert closed > 0


async def test_sessions_that_do_not_last_are_asked_for_less_and_less() -> None:
    """The store answers the first round trip of each, so that it seems to be back."""
    store = TroubledStore()
    connected = 0

    def trouble(what: Any) -> Any:
        nonlocal connected
        if what == "connect":
            connected += 1
            trips.clear()
        else:
            trips.append(what)
        if len(trips) > 1:
            raise StoreError("a script has failed")

    trips: list[Any] = []
    async with Service(store, 1) as service:
        store.trouble = trouble
        await asyncio.sleep(300)
        assert 20 <= connected <= 50
        store.trouble = None
        await asyncio.sleep(20)
        assert service.members()[0].governs
        store.trouble = raises(StoreError("down"))
        await asyncio.sleep(2)
        store.trouble = None
        await asyncio.sleep(2.5)
        assert service.members()[0].governs


async def test_many_targets_do_not_make_one_large_round_trip() -> None:
    """What is made when it is sent goes in batches as well."""
    store = TroubledStore()
    sizes: list[int] = []
    async with Service(store, 1) as service:
        [member] = service.members()
        heartbeat = Heartbeat("a", {}, {}, {})
        left = [(heartbeat, lambda reply: None)] * 1000
        store.trouble = lambda what: sizes.append(len(what))

        def more() -> Any:
            made, left[:] = list(left), []
            return made

        member.outbox._more = more
        member.outbox.wake()
        await asyncio.sleep(0.02)
        assert max(sizes) == 256
        assert sum(sizes) >= 1000
