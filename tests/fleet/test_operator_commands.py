"""What operators command reaches all workers, whatever happens to the store in this moment."""

import asyncio
from typing import Any

import pytest

from ranvier import RateLimitError
from ranvier.fleet import outbox
from ranvier.layers import Throttle
from ranvier.store import StoreError
from ranvier.store.commands.circuits import Isolate
from ranvier.store.commands.gates import OpenGate
from ranvier.store.commands.tenants import IsolateTenant, ResetTenant
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore

pytestmark = pytest.mark.virtual_time

LIMITED = RateLimitError("slow down", provider="p", status=429, retry_after=200.0)


def fails_with(kind: type, times: int) -> Any:
    """The first round trips with such a command fail."""
    left = times

    def trouble(what: Any) -> None:
        nonlocal left
        if what != "connect" and any(isinstance(each, kind) for each in what) and left:
            left -= 1
            raise StoreError("the connection was reset")

    return trouble


async def test_a_command_is_sent_again_if_the_store_is_lost_with_it() -> None:
    """Of a shared circuit, and of a tenant's."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        shared: Any = service.workers[0].circuits.shared
        store.trouble = fails_with(Isolate, 1)
        shared.isolate("p", "m")
        await asyncio.sleep(2)
        assert service.states() == {"isolated"}
        store.trouble = fails_with(IsolateTenant, 2)
        await service.workers[0].circuits.isolate("acme", "p")
        await asyncio.sleep(4)
        shared.reset("p", "m")
        await asyncio.sleep(0.1)
        assert await service.ask(1, "acme") == "circuit_open"


async def test_a_command_that_a_store_cannot_carry_out_is_given_up() -> None:
    """Or the store would be lost with it again and again."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        shared: Any = service.workers[0].circuits.shared
        store.trouble = fails_with(Isolate, 1_000_000)
        shared.isolate("p", "m")
        await asyncio.sleep(10)
        assert all(member.governs for member in service.members())


async def test_a_command_is_sent_once_if_it_is_answered() -> None:
    """However often the worker beats meanwhile."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        shared: Any = service.workers[0].circuits.shared
        store.trouble = lambda what: asyncio.sleep(0.1)
        shared.isolate("p", "m")
        await asyncio.sleep(5)
        assert sum(isinstance(each, Isolate) for each in store.sent) == 1
        store.trouble = None


@pytest.mark.parametrize("lost", [True, False], ids=["a worker was away", "pushes are lost"])
async def test_what_an_operator_ends_ends_also_where_nobody_heard_of_it(lost: bool) -> None:
    """An isolation of a tenant, and a closed gate: each worker asks about what it knows."""
    store = TroubledStore()
    store.deaf = not lost
    async with Service(store, 2, inner=[lambda: Throttle(max_wait=0)]) as service:
        away: Any = service.members()[1]
        await service.workers[0].circuits.isolate("acme", "p")
        service.reply = LIMITED
        await service.ask(0, "other")
        service.reply = "fine"
        await asyncio.sleep(2)
        assert [await service.ask(1, tenant) for tenant in ("acme", "other")] == ["throttled"] * 2
        if lost:
            away.contact.lose(OSError("the connection was reset"))
        throttle: Any = service.workers[0].layers[1]
        throttle.gates.open("p")
        await asyncio.sleep(3)
        assert [await service.ask(1, tenant) for tenant in ("acme", "other")] == ["circuit_open", "ok"]
        if lost:
            away.contact.lose(OSError("the connection was reset"))
        await service.workers[0].circuits.reset("acme", "p")
        await asyncio.sleep(3)
        assert await service.ask(1, "acme") == "ok"


async def test_an_isolation_outlives_the_data_of_the_store() -> None:
    """The new store does not know it, and no operator has ended it."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.workers[0].circuits.isolate("acme", "p")
        await asyncio.sleep(2)
        store.replace()
        await asyncio.sleep(5)
        service.reply = DOWN
        await service.ask_all(1)  # something changes, so that the workers look
        service.reply = "fine"
        await asyncio.sleep(5)
        assert [await service.ask(worker, "acme") for worker in range(2)] == ["circuit_open"] * 2
        await service.workers[0].circuits.reset("acme", "p")
        await asyncio.sleep(0.1)
        assert [await service.ask(worker, "acme") for worker in range(2)] == ["ok"] * 2


async def test_many_isolated_tenants_are_found_in_one_search() -> None:
    """A worker knows only their digests, and makes those of its own tenants once for all of them."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await asyncio.gather(*(service.ask(1, f"tenant {number}") for number in range(300)))
        made = 0
        digest = store.digest

        def counted(name: str) -> str:
            nonlocal made
            made += 1
            return digest(name)

        store.digest = counted  # type: ignore[method-assign]
        for number in range(100):
            await service.workers[0].circuits.isolate(f"tenant {number}", "p")
        await asyncio.sleep(0.1)
        assert made <= 3 * 300 + 4 * 100
        asked = [await service.ask(1, f"tenant {number}") for number in (0, 99, 100)]
        assert asked == ["circuit_open", "circuit_open", "ok"]


@pytest.mark.parametrize("last", [IsolateTenant, ResetTenant])
async def test_of_two_commands_at_once_the_last_holds_everywhere(last: type) -> None:
    """Also at the worker that gave it, and heard of the other before its own was carried out."""

    def late(what: Any) -> Any:
        return asyncio.sleep(0.1) if what != "connect" and type(what[0]) is last else None

    store = TroubledStore()
    async with Service(store, 2) as service:
        for worker in range(2):
            await service.ask(worker, "acme")
        store.trouble = late
        first, second = (each.circuits for each in service.workers)
        if last is IsolateTenant:
            await first.isolate("acme", "p")
            await second.reset("acme", "p")
        else:
            await second.isolate("acme", "p")
            await asyncio.sleep(2)
            await first.reset("acme", "p")
            await second.reset("acme", "p")
            await second.isolate("acme", "p")
        await asyncio.sleep(2)
        expected = "circuit_open" if last is IsolateTenant else "ok"
        assert [await service.ask(worker, "acme") for worker in range(2)] == [expected] * 2


async def test_no_full_queue_drops_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much happens in the moment in which it is given."""
    monkeypatch.setattr(outbox, "MAX_QUEUED", 3)
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        shared: Any = service.workers[0].circuits.shared
        shared.isolate("p", "m")
        [member, _] = service.members()
        for number in range(10):
            member.send(OpenGate(f"gate {number}", member.worker.id, 1), lambda view: None)
        await asyncio.sleep(0.1)
        assert service.states() == {"isolated"}
