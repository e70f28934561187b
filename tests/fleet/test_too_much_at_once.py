"""More happens at once than is kept: what is left out is said, and nothing of weight is."""

import asyncio
import logging
from typing import Any

import pytest

from ranvier import RateLimitError
from ranvier.fleet import operator_commands, outbox
from ranvier.fleet.spending import leased
from ranvier.layers import Breaker, Throttle
from ranvier.store import MemoryStore, StoreError
from ranvier.store.commands.gates import CloseGate
from ranvier.store.commands.tenants import TenantFailed
from support.fleet.service import DOWN, Service
from support.fleet.shop import Shop
from support.fleet.stores import TroubledStore, raises

pytestmark = pytest.mark.virtual_time

LIMITED = RateLimitError("slow down", provider="p", status=429, retry_after=30.0)
INF = float("inf")


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "ranvier.fleet"]


@pytest.fixture(autouse=True)
def warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ranvier.fleet")


# --- the queue -----------------------------------------------------------------------------------


async def test_the_failures_of_many_tenants_displace_no_closed_gate(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They ask whether their circuits are open elsewhere. One line says that not all of them could."""
    monkeypatch.setattr(outbox, "MAX_HINTS", 20)
    monkeypatch.setattr(outbox, "MAX_QUEUED", 40)
    store = TroubledStore()
    async with Service(store, 2, inner=[lambda: Throttle(max_wait=0)]) as service:
        service.reply = lambda call: LIMITED if call.tenant == "last" else DOWN
        asking = (service.ask(0, f"tenant {number}") for number in range(100))
        await asyncio.gather(*asking, service.ask(0, "last"))
        await asyncio.sleep(0.1)
        assert sum(isinstance(each, TenantFailed) for each in store.sent) <= 20
        assert any(isinstance(each, CloseGate) for each in store.sent)
        assert await service.ask(1, "b") == "throttled"
        assert service.members()[0].outbox.dropped >= 80
        assert sum("the queue for the store is full" in line for line in lines(caplog)) == 1


async def test_a_later_flood_is_said_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once each time."""
    monkeypatch.setattr(outbox, "MAX_HINTS", 20)
    async with Service(MemoryStore(), 2) as service:
        service.reply = DOWN
        for flood in range(3):
            await asyncio.gather(*(service.ask(0, f"tenant {flood} {number}") for number in range(100)))
            service.reply = "fine"
            await asyncio.sleep(60)
            service.workers[0].circuits.shared.reset("p", "m")  # type: ignore[union-attr]
            await asyncio.sleep(1)
            service.reply = DOWN
    assert sum("the queue for the store is full" in line for line in lines(caplog)) == 3


# --- operators -----------------------------------------------------------------------------------


async def test_a_command_that_is_given_up_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """The store fails with it each time: it holds at this worker only."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        store.trouble = _fails_with_isolations
        shared: Any = service.workers[0].circuits.shared
        shared.isolate("p", "m")
        await asyncio.sleep(30)
        assert service.members()[0].governs
        [line] = [line for line in lines(caplog) if "holds at this worker only" in line]
        assert "Isolate(" in line
        store.trouble = None


async def test_commands_that_are_too_many_for_a_lost_store_are_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The oldest are; the others arrive when it is back."""
    monkeypatch.setattr(operator_commands, "MAX_PENDING", 2)
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all(1)
        store.trouble = raises(StoreError("down"))
        await asyncio.sleep(2)
        for name in ("t0", "t1", "t2"):
            await service.workers[0].circuits.isolate(name, "p")
        store.trouble = None
        await asyncio.sleep(5)
        outcomes = [await service.ask(1, name) for name in ("t0", "t1", "t2")]
        assert outcomes == ["ok", "circuit_open", "circuit_open"]
        assert sum("holds at this worker only" in line for line in lines(caplog)) == 1


async def test_a_gate_that_an_operator_opens_while_the_store_is_lost_opens_for_all() -> None:
    """As any other command of an operator."""
    store = TroubledStore()
    async with Service(store, 2, inner=[lambda: Throttle(max_wait=0)]) as service:
        service.reply = LIMITED
        await service.ask(0, "a")
        service.reply = "fine"
        await asyncio.sleep(0.1)
        store.trouble = raises(StoreError("down"))
        await asyncio.sleep(2)
        throttle: Any = service.workers[0].layers[1]
        throttle.gates.open("p")
        store.trouble = None
        await asyncio.sleep(5)
        assert [await service.ask(worker, "b") for worker in range(2)] == ["ok", "ok"]


def _fails_with_isolations(what: Any) -> None:
    if what != "connect" and any(type(each).__name__ == "Isolate" for each in what):
        raise StoreError("the connection was reset")


# --- times and amounts ---------------------------------------------------------------------------


async def test_circuits_that_never_probe_are_shared_like_others(caplog: pytest.LogCaptureFixture) -> None:
    """A cooldown without an end: calls are answered, and the store is not lost with it."""

    def own() -> Breaker:
        return Breaker(failure_threshold=2, cooldown=INF, max_cooldown=INF)

    async with Service(MemoryStore(), 2, breaker=own) as service:
        service.reply = DOWN
        outcomes = [await service.ask(0, "acme") for _ in range(3)]
        assert outcomes == ["server_error", "server_error", "circuit_open"]
        await asyncio.sleep(1)
        assert [await service.ask(1, "acme") for _ in range(2)] == ["server_error", "server_error"]
    async with Service(MemoryStore(), 2, cooldown=INF, max_cooldown=INF) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(0.1)
        assert service.states() == {"open"}
        assert all(member.governs for member in service.members())
    assert lines(caplog) == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_gate_is_closed_for_as_long_as_errors_close_it_here(known: bool) -> None:
    """The clock of the store was set back by an hour, so that a gate seems to be closed for that long."""
    async with Service(MemoryStore(), 2, inner=[lambda: Throttle(max_wait=0, max_closed=60)]) as service:
        throttle: Any = service.workers[1].layers[1]
        if known:
            service.reply = LIMITED
            await service.ask(1, "a")
            service.reply = "fine"
            await asyncio.sleep(31)
        other: Any = service.members()[0]
        key = next(iter(throttle.gates.elsewhere._names.values()), None) or other.digest("p\n\n")
        other.send(CloseGate(key, other.worker.id, 3_600_000, "rate_limit"), lambda view: None)
        await asyncio.sleep(0.1)
        if known:
            assert await service.ask(1, "b") == "throttled"
        await asyncio.sleep(61)
        assert await service.ask(1, "b") == "ok"


async def test_the_slices_of_many_tenants_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever list they are in."""
    monkeypatch.setattr(leased, "MAX_SPENDERS", 10)
    async with Shop(MemoryStore(), calls=1.5) as shop:
        for number in range(50):
            await shop.ask(0, f"tenant {number}")
        [link] = shop.workers[0].lifecycle.joining.member._spending.values()
        slices = link._slices
        sizes = [len(each) for each in (slices._all, slices.active, slices.scarce, slices.unreported)]
        assert max(sizes) <= 10
