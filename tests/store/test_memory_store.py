"""The store in memory: several pipelines, on one event loop or on several."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ranvier.facts.circuit import ISOLATED
from ranvier.store import MemoryStore, StoreError, memory
from ranvier.store.commands import Change
from ranvier.store.commands.circuits import CircuitReply, Isolate, Reset
from ranvier.store.commands.tenants import TenantKey, TenantOpened, TenantView
from ranvier.store.commands.workers import Heartbeat, Look, Missed
from ranvier.store.protocol import Session, Store, Worker
from support.store.clocked import KEY, tenant
from support.store.sessions import session_with


async def test_changes_are_pushed_in_the_next_iteration() -> None:
    """To all workers, and never from within `execute`."""
    store: Store = MemoryStore()
    async with session_with(store, "a") as (session, mine), session_with(store, "b") as (_, theirs):
        [reply] = await session.execute([Isolate(KEY, "a")])
        assert isinstance(reply, CircuitReply)
        assert mine == theirs == []
        await asyncio.sleep(0)
        assert mine == theirs == [reply.circuit]


async def test_a_closed_session_hears_and_says_nothing() -> None:
    """Also of a change that was on its way."""
    store = MemoryStore()
    async with session_with(store) as (session, _), session_with(store) as (other, received):
        await session.execute([Isolate(KEY, "a")])
        await other.aclose()
        await asyncio.sleep(0)
        assert received == []
        with pytest.raises(StoreError, match="connect again"):
            await other.execute([Look()])
        assert repr(store) == "MemoryStore(1 workers)"


async def test_a_forked_process_has_a_store_of_its_own() -> None:
    """Without the sessions of its parent, whose loops it does not run; a thread may have had the lock."""
    store = MemoryStore()
    async with session_with(store):
        store._lock.acquire()
        store._pid = -1
        async with session_with(store, "b") as (session, _):
            assert repr(store) == "MemoryStore(1 workers)"
            await session.execute([Isolate(KEY, "b")])


@pytest.mark.virtual_time
async def test_its_time_is_that_of_the_loop() -> None:
    """A worker that sleeps for an hour of virtual time is gone."""
    async with session_with(MemoryStore()) as (session, _):
        await session.execute([Heartbeat("a")])
        await asyncio.sleep(3_600)
        [alive] = await session.execute([Heartbeat("b")])
        assert alive.workers == 1  # type: ignore[union-attr]


async def test_no_two_generations_are_the_same() -> None:
    """Not even of commands within one microsecond."""
    key = TenantKey(tenant(1), "openai")
    async with session_with(MemoryStore(now=lambda: 5.0)) as (session, _):
        replies = await session.execute([TenantOpened(key, "a", 1_000 * each) for each in range(1, 9)])
        generations = [reply.generation for reply in replies if isinstance(reply, TenantView)]
        assert len(set(generations)) == 8


def test_pipelines_on_different_loops_share_it() -> None:
    """Each hears of changes on its own loop; one whose loop is closed is forgotten."""
    store = MemoryStore()
    heard: dict[int, list[Change]] = {}
    begin = threading.Barrier(3)

    async def work() -> None:
        here = threading.get_ident()
        heard[here] = []

        def receive(change: Change) -> None:
            assert threading.get_ident() == here
            heard[here].append(change)

        session: Session = await store.connect(Worker(str(here), "here", 1, "1"), receive)
        await asyncio.to_thread(begin.wait)
        for number in range(100):
            await session.execute([Isolate(KEY._replace(model=f"{here}/{number}"), str(here))])
        async with asyncio.timeout(30):
            while len(heard[here]) < 300:  # noqa: ASYNC110  # because: a push sets no event
                await asyncio.sleep(0.001)

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(changes) for changes in heard.values()] == [300, 300, 300]
    assert asyncio.run(_isolated(store)) == 301
    assert repr(store) == "MemoryStore(0 workers)"


async def _isolated(store: Store) -> int:
    async with session_with(store) as (session, _):
        await session.execute([Isolate(KEY, "a")])
        [looked] = await session.execute([Look()])
        return sum(change.state is ISOLATED for change in looked.changes)  # type: ignore[union-attr]


async def test_a_worker_whose_loop_stands_still_is_told_that_it_missed_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So many are kept, and no more."""
    monkeypatch.setattr(memory, "MAX_PUSHED", 3)
    async with session_with(MemoryStore(), "a") as (session, received):
        await session.execute([(Isolate, Reset)[number % 2](KEY, "a") for number in range(8)])
        await asyncio.sleep(0)
        assert len(received) == 4
        assert received[-1] == Missed()
        await session.execute([Isolate(KEY, "a")])
        await asyncio.sleep(0)
        assert len(received) == 5
