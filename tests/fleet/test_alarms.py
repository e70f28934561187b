"""From the first failure to the decision of all workers: nobody decides before the others have spoken."""

import asyncio
import gc
import weakref
from dataclasses import replace
from typing import Any

import pytest

from ranvier.fleet import outbox
from ranvier.fleet.member import MAX_DIGESTS
from ranvier.store import MemoryStore
from ranvier.store.commands.circuits import Alarm, Count
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore

pytestmark = pytest.mark.virtual_time


async def test_the_failures_of_one_worker_do_not_outrun_what_others_have_seen() -> None:
    """Its network breaks, and all its tenants fail in one moment; those of the others are well."""
    async with Service(MemoryStore()) as service:
        await service.ask_all()
        service.reply = lambda call: DOWN if call.tenant.startswith("tenant 0") else "fine"
        await asyncio.gather(*(service.ask(0, f"tenant 0-{number}") for number in range(9)))
        await asyncio.sleep(2)
        assert service.states() == {"closed"}


async def test_an_alarm_is_never_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many tenants fail in one moment that not all of it can be sent."""
    monkeypatch.setattr(outbox, "MAX_QUEUED", 3)
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        await service.ask_all(20)
        await asyncio.sleep(0.1)
        assert any(isinstance(each, Alarm) for each in store.sent)
        assert service.states() == {"open"}


async def test_of_many_voters_a_sample_is_reported_and_more_if_they_are_few() -> None:
    """The workers believe to be many; they find that their tenants are not."""
    store = TroubledStore()
    async with Service(store) as service:
        await service.ask_all()
        for member in service.members():
            member.workers, member.divide = 50_000, lambda workers: None
        service.reply = DOWN
        await asyncio.gather(service.ask_all(), service.ask_all())
        await asyncio.sleep(0.1)
        reported = {count.tenant for each in store.sent if isinstance(each, Count) for count in each.counts}
        assert len(reported) < 8
        assert service.states() == {"closed"}
        await asyncio.sleep(1.5)
        assert service.states() == {"open"}


async def test_the_digests_of_voters_are_remembered_within_bounds() -> None:
    """An alarm may last for hours, with millions of tenants."""
    async with Service(MemoryStore(), 1) as service:
        [member] = service.members()
        for number in range(3 * MAX_DIGESTS):
            assert member.voter_digest(f"tenant {number}") == member.digest(f"tenant {number}")
        assert len(member._digests) <= MAX_DIGESTS


async def alarmed(service: Service) -> list[Any]:
    """The links of all workers, after the failure of one tenant at the first."""
    await service.ask_all(1)
    service.reply = DOWN
    await service.ask(0, "unlucky")
    await asyncio.sleep(0.1)
    links = [link for member in service.members() for link in member._links.values()]
    return [link for link in links if link.key.model == "m"]


async def test_a_late_push_does_not_turn_back_a_half() -> None:
    """The end of a half is no step; the counts of the new one must not go into the old one."""
    async with Service(MemoryStore(), 2) as service:
        [_, link] = await alarmed(service)
        pushed = link.view
        await asyncio.sleep(152)
        assert link.view.half > pushed.half
        assert link.view.step == pushed.step
        link.member.apply(pushed)
        assert link.view.half > pushed.half


async def test_the_window_of_a_lost_circuit_is_reported_again() -> None:
    """Its record was evicted, and another worker has raised the alarm before this one missed it."""
    async with Service(TroubledStore(), 2) as service:
        links = await alarmed(service)
        for half in range(2, 8):  # an old alarm
            for link in links:
                link.member.apply(replace(link.view, half=half))
        store: Any = service.members()[0].contact._store
        store.sent.clear()
        view = links[0].view
        anew = replace(view, generation=view.generation + 1, step=1, half=2)
        for link in links:
            link.reports.counted("unlucky", urgent=False)
            link.member.apply(anew)
            assert link.reports._half == 2
        await asyncio.sleep(0.1)
        counts = [each for each in store.sent if isinstance(each, Count)]
        assert {(each.worker, each.half) for each in counts} >= {(links[0].member.worker.id, 2)}


async def test_layers_that_a_reload_has_removed_are_forgotten() -> None:
    """They follow the store no more, and nothing keeps them."""

    class Listener:
        def apply(self, update: Any) -> None: ...

        def keys(self) -> list[Any]:
            return []

        def store_lost(self) -> None: ...

    async with Service(MemoryStore(), 1) as service:
        [member] = service.members()
        for follow in (member.follow_gates, member.follow_tenants, member.follow_circuits):
            listener = Listener()
            links = follow(listener)
            kept = weakref.ref(listener)
            del listener, links
            gc.collect()
            assert kept() is None
