"""Several workers with one store: what one learns, all know."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ranvier import Pipeline, RateLimitError
from ranvier.layers import Breaker, Throttle
from ranvier.store import MemoryStore
from ranvier.testing import after, assert_settled
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore

pytestmark = pytest.mark.virtual_time


async def test_without_a_store_no_shared_circuit_opens() -> None:
    """Each of 8 workers has 3 tenants, and a quorum is 5."""
    async with Service(None) as service:
        service.reply = DOWN
        for _ in range(10):
            assert set(await service.ask_all()) == {"server_error"}
            await asyncio.sleep(1)
        assert service.states() == {"closed"}


async def test_with_a_store_all_workers_reject_within_50_ms() -> None:
    """The same outage: 5 of the 24 tenants decide, wherever they are."""
    async with Service(MemoryStore()) as service:
        service.reply = DOWN
        began = asyncio.get_running_loop().time()
        await service.ask_all()
        await asyncio.sleep(0.05)
        assert set(await service.ask_all()) == {"shared_circuit_open"}
        assert {worker for _, worker, state in service.changes if state == "open"} == set(range(8))
        assert max(when for when, _, state in service.changes if state == "open") <= began + 0.05


async def test_one_probe_starts_per_cooldown_of_all_workers() -> None:
    """In three minutes of outage with calls at all of them."""
    async with Service(MemoryStore(), cooldown=10.0, max_cooldown=20.0) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(0.05)
        service.asked.clear()
        for _ in range(900):
            await service.ask_all()
            await asyncio.sleep(0.2)
        times = [when for when, _, _ in service.asked]
        assert 7 <= len(times) <= 10
        assert min(later - earlier for earlier, later in pairwise(times[1:])) >= 20.0


async def test_the_content_of_one_probe_closes_it_for_all() -> None:
    """Whoever sent it."""
    async with Service(MemoryStore()) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(13)
        service.reply = "fine"
        service.asked.clear()
        await asyncio.gather(*(service.ask(worker, "x") for worker in range(8)))
        assert len(service.asked) == 1
        await asyncio.sleep(0.01)
        assert service.states() == {"closed"}
        assert set(await service.ask_all()) == {"ok"}


async def test_those_who_wait_elsewhere_are_counted() -> None:
    """A tenant that is served well at one worker does not vote against the target at another."""
    async with Service(MemoryStore()) as service:
        service.reply = lambda call: DOWN if call.tenant.startswith("bad") else "fine"
        for _ in range(3):
            await asyncio.gather(*(service.ask(0, f"good {number}") for number in range(20)))
        await asyncio.gather(*(service.ask(worker, f"bad {worker}") for worker in range(8)))
        await asyncio.sleep(2)
        assert service.states() == {"closed"}  # 8 of 28


async def test_without_push_they_hear_within_1300_ms() -> None:
    """By looking."""
    store = TroubledStore()
    async with Service(store) as service:
        await service.ask_all()
        store.deaf = True
        service.reply = DOWN
        for worker in (0, 1):
            await asyncio.gather(*(service.ask(worker, f"tenant {worker}-{number}") for number in range(9)))
            await asyncio.sleep(1.3)  # the alarm is heard, and then the opening
        assert service.states() == {"open"}


async def test_operators_speak_to_all_workers() -> None:
    """`isolate` and `reset`, at whichever worker."""
    async with Service(MemoryStore()) as service:
        await service.ask_all(1)
        shared: Any = service.workers[3].circuits.shared
        shared.isolate("p", "m")
        await asyncio.sleep(0.02)
        assert set(await service.ask_all()) == {"shared_circuit_open"}
        other: Any = service.workers[5].circuits.shared
        assert other.reset("p", "m")
        await asyncio.sleep(0.02)
        assert set(await service.ask_all()) == {"ok"}


async def test_a_worker_that_comes_later_knows_what_is_open() -> None:
    """Before its first call there."""
    store = MemoryStore()
    async with Service(store) as service:
        service.reply = DOWN
        await service.ask_all()
        late = Service(store, 1)
        async with late:
            assert await late.ask(0, "new") == "shared_circuit_open"
            assert late.asked == []


async def test_nothing_is_sent_while_all_is_well() -> None:
    """However many calls there are; only heartbeats."""
    store = TroubledStore()
    async with Service(store) as service:
        for _ in range(20):
            await service.ask_all()
            await asyncio.sleep(0.5)
        assert store.sent == []


async def test_after_a_clean_window_nothing_is_sent_again() -> None:
    """A single failure raises an alarm, which ends by itself."""
    store = TroubledStore()
    async with Service(store) as service:
        service.reply = DOWN
        await service.ask(0, "a")
        service.reply = "fine"
        for _ in range(60):
            await service.ask_all()
            await asyncio.sleep(0.5)
        assert store.sent
        store.sent.clear()
        for _ in range(20):
            await service.ask_all()
            await asyncio.sleep(0.5)
        assert store.sent == []


def strict() -> Breaker:
    return Breaker(failure_threshold=3, cooldown=30.0)


async def test_a_tenants_circuit_that_is_open_elsewhere_opens_at_the_first_failure() -> None:
    """With what is left of the cooldown there."""
    async with Service(MemoryStore(), 2, breaker=strict) as service:
        service.reply = DOWN
        for _ in range(3):
            await service.ask(0, "acme")
        assert service.workers[0].circuits.state("acme", "p") == "open"
        await asyncio.sleep(10)
        assert await service.ask(1, "acme") == "server_error"
        await asyncio.sleep(0.02)
        assert await service.ask(1, "acme") == "circuit_open"
        await asyncio.sleep(26.5)
        assert await service.ask(1, "acme") == "server_error"  # its own probe


async def test_a_tenant_that_was_just_served_keeps_its_circuit() -> None:
    """One failure after a success here says less than that success."""
    async with Service(MemoryStore(), 2, breaker=strict) as service:
        service.reply = DOWN
        for _ in range(3):
            await service.ask(0, "acme")
        service.reply = "fine"
        await service.ask(1, "acme")
        service.reply = DOWN
        await service.ask(1, "acme")
        await asyncio.sleep(0.02)
        assert service.workers[1].circuits.state("acme", "p") == "closed"


async def test_a_tenants_circuit_that_has_closed_is_not_open_elsewhere() -> None:
    """The worker that opened it says so."""
    async with Service(MemoryStore(), 2, breaker=strict) as service:
        service.reply = DOWN
        for _ in range(3):
            await service.ask(0, "acme")
        assert await service.workers[0].circuits.reset("acme", "p")
        await asyncio.sleep(0.02)
        await service.ask(1, "acme")
        await asyncio.sleep(0.02)
        assert service.workers[1].circuits.state("acme", "p") == "closed"


@pytest.mark.parametrize("known", [True, False])
async def test_an_isolated_tenant_is_rejected_by_all_workers(known: bool) -> None:
    """Also where it has not been yet."""
    async with Service(MemoryStore(), 3, breaker=strict) as service:
        for worker in range(3 if known else 1):
            await service.ask(worker, "acme")
        await service.workers[0].circuits.isolate("acme", "p")
        await asyncio.sleep(0.02)
        assert [await service.ask(worker, "acme") for worker in range(3)] == ["circuit_open"] * 3
        assert await service.ask(1, "other") == "ok"
        await service.workers[2].circuits.reset("acme", "p")
        await asyncio.sleep(0.02)
        assert [await service.ask(worker, "acme") for worker in range(3)] == ["ok"] * 3


LIMITED = RateLimitError("slow down", provider="p", status=429, retry_after=30.0)


async def test_a_gate_that_one_worker_closes_is_closed_for_all() -> None:
    """They share the key. An operator opens it for all."""
    async with Service(MemoryStore(), 3, inner=[lambda: Throttle(max_wait=0)]) as service:
        service.reply = LIMITED
        assert await service.ask(0, "a") == "rate_limit"
        service.reply = "fine"
        await asyncio.sleep(0.02)
        assert [await service.ask(worker, "b") for worker in range(3)] == ["throttled"] * 3
        throttle: Any = service.workers[0].layers[1]
        throttle.gates.open("p")
        await asyncio.sleep(0.02)
        assert [await service.ask(worker, "b") for worker in range(3)] == ["ok"] * 3


async def test_a_gate_that_is_closed_elsewhere_opens_after_its_time() -> None:
    """And is forgotten."""
    async with Service(MemoryStore(), 2, inner=[lambda: Throttle(max_wait=0)]) as service:
        service.reply = LIMITED
        await service.ask(0, "a")
        service.reply = "fine"
        await asyncio.sleep(31)
        assert await service.ask(1, "b") == "ok"
        throttle: Any = service.workers[1].layers[1]
        assert not throttle.gates.elsewhere.unseen


async def test_limits_of_the_service_are_divided_by_the_workers_that_live() -> None:
    """And go back to those that are left."""
    store = MemoryStore()
    async with Service(store, 2) as service:
        async with Service(store, 6):
            assert [member.workers for member in service.members()] == [8, 8]
        await asyncio.sleep(5)
        assert [member.workers for member in service.members()] == [2, 2]
    assert all(member is None for member in service.members())


async def test_a_worker_is_another_one_each_time_it_opens() -> None:
    """So that the forks of a process that was loaded before are not one worker."""
    service = Service(MemoryStore(), 2)
    ids = set()
    for _ in range(2):
        async with service:
            ids |= {member.worker.id for member in service.members()}
    assert len(ids) == 4


async def test_a_pipeline_that_is_closed_leaves_nothing() -> None:
    """No task, no session, no lease."""
    store = MemoryStore()
    service = Service(store, 2)
    async with service:
        service.reply = after(1.0, DOWN)
        await service.ask_all()
    assert repr(store) == "MemoryStore(0 workers)"
    for worker in service.workers:
        assert_settled(worker)


async def test_what_is_no_store_is_told() -> None:
    """At once."""
    from ranvier import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"store=str: give a store, such as"):
        Pipeline(store="valkey://localhost")  # type: ignore[arg-type]
