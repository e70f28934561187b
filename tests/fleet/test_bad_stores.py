"""A store is never the outage: whatever it does, every call goes on at once."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from ranvier.store import StoreError
from ranvier.store.commands.circuits import CircuitKey, CircuitReply, CircuitView, Probe
from ranvier.store.commands.workers import Alive, Heartbeat, Look, LookReply
from ranvier.testing import after
from support.fleet.service import DOWN, Service
from support.fleet.stores import TroubledStore, hangs, hangs_on, lies, raises, slow

pytestmark = pytest.mark.virtual_time

KEY = CircuitKey("p", "m", False)
NONSENSE = CircuitView(
    circuit=KEY,
    state="wide open",  # type: ignore[arg-type]
    generation=1 << 60,
    step=0,
    retry_after=-5,
    alarmed=True,
    half=0,
    sample=0,
    failing=0,
    active=0,
    probes=0,
    opens=0,
    by="",
)


def nonsense(commands: Any) -> Any:
    """Replies of the right kinds, with nonsense in them."""
    if commands == "connect":
        return None
    made = {Heartbeat: Alive(-3, None, 0), Look: LookReply(None, 0, False, (NONSENSE,))}  # type: ignore[arg-type]
    return [made.get(type(command), CircuitReply(True, NONSENSE)) for command in commands]


TROUBLES = {
    "hangs": hangs,
    "hangs on": hangs_on,
    "is down": raises(StoreError("down")),
    "raises anything": raises(KeyError("x")),
    "raises a cancellation": raises(asyncio.CancelledError()),  # type: ignore[arg-type]
    "is slow": slow(0.7),
    "answers nothing": lies([]),
    "answers a number": lies(42),
    "answers nonsense": nonsense,
}


@pytest.fixture(params=list(TROUBLES.values()), ids=list(TROUBLES))
def trouble(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = request.param
    return made


async def seconds_of(service: Service, worker: int, tenant: str) -> float:
    """How long a call takes."""
    began = asyncio.get_running_loop().time()
    await service.ask(worker, tenant)
    return asyncio.get_running_loop().time() - began


async def test_with_it_from_the_start_calls_go_on_and_circuits_open_alone(trouble: Any) -> None:
    """Each worker decides by its own tenants."""
    store = TroubledStore()
    store.trouble = trouble
    async with Service(store, 2) as service:
        service.reply = DOWN
        for number in range(5):
            assert await seconds_of(service, 0, f"tenant {number}") == 0
        opened = service.states()
        assert await seconds_of(service, 0, "x") == 0
        await asyncio.sleep(13)
        service.reply = "fine"
        assert await seconds_of(service, 0, "y") <= 0.25
        if trouble is not TROUBLES["is slow"]:
            assert opened == {"open"}
            assert service.states() == {"closed"}


async def test_with_it_in_an_outage_a_probe_waits_a_quarter_of_a_second(trouble: Any) -> None:
    """Once; the others do not wait."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(0.05)
        assert service.states() == {"open"}
        await asyncio.sleep(11.5)
        store.trouble = trouble
        await asyncio.sleep(0.7)
        service.reply = "fine"
        first = asyncio.create_task(seconds_of(service, 0, "x"))
        await asyncio.sleep(0)
        assert await seconds_of(service, 0, "y") == 0
        assert await first <= 0.26
        assert [who for _, _, who in service.asked].count("x") == 1  # it was sent
        store.trouble = None


async def test_when_it_is_back_its_word_counts(trouble: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And each change is one line in the log."""
    store = TroubledStore()
    caplog.set_level(logging.INFO, "ranvier.fleet")
    async with Service(store) as service:
        store.trouble = trouble
        await asyncio.sleep(60)
        store.trouble = None
        await asyncio.sleep(7 if trouble is not hangs_on else 6000)
        assert all(member.governs for member in service.members())
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(0.05)
        assert service.states() == {"open"}
        lines = [each.getMessage() for each in caplog.records if each.name == "ranvier.fleet"]
        if trouble is TROUBLES["is slow"]:
            assert lines == []
        else:
            assert sum("decides alone" in line for line in lines) == 8
            assert sum("used again" in line for line in lines) == 8
            assert len(lines) == 16


async def test_what_a_store_lost_is_reported_again() -> None:
    """A circuit that opened is closed by a new store, and opens again by the votes that still count."""
    store = TroubledStore()
    async with Service(store) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(0.05)
        assert service.states() == {"open"}
        store.replace()
        await asyncio.sleep(4)  # without a call
        assert service.states() == {"open"}
        assert "closed" in [state for _, _, state in service.changes]  # the new store did not know it
        assert {view.state for view in service.views()} == {"open"}


async def test_a_push_of_nonsense_changes_nothing() -> None:
    """The store is left, and joined again."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all()
        session = next(iter(store.memory._sessions))
        session.push(NONSENSE)
        await asyncio.sleep(0)
        assert service.states() == {"closed"}
        await asyncio.sleep(3)
        assert all(member.governs for member in service.members())


async def test_a_command_of_an_operator_is_carried_out_when_the_store_is_back() -> None:
    """And holds here until then."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all()
        store.trouble = raises(StoreError("down"))
        await asyncio.sleep(2)
        shared: Any = service.workers[0].circuits.shared
        shared.isolate("p", "m")
        assert [await service.ask(worker, "a") for worker in (0, 1)] == ["shared_circuit_open", "ok"]
        store.trouble = None
        await asyncio.sleep(5)
        assert [await service.ask(worker, "a") for worker in (0, 1)] == ["shared_circuit_open"] * 2


async def test_a_lease_that_comes_too_late_is_given_back() -> None:
    """The caller was cancelled, or has gone on without it."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(13)
        service.asked.clear()
        service.reply = after(1.0, "fine")
        store.trouble = slow(0.1)
        probe = asyncio.create_task(service.ask(0, "x"))
        await asyncio.sleep(0.05)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        await asyncio.sleep(0.3)
        assert sum(isinstance(each, Probe) for each in store.sent) == 1
        assert service.asked == []
        store.trouble = None
        service.reply = "fine"
        assert await service.ask(1, "y") == "ok"  # another may start at once
        await asyncio.sleep(0.02)
        assert service.states() == {"closed"}


@pytest.mark.parametrize("turns", range(12))
async def test_a_probe_cancelled_at_any_moment_holds_no_lease(turns: int) -> None:
    """After any turn of the loop, from its start to its answer."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        await service.ask_all()
        await asyncio.sleep(13)
        service.reply = after(1.0, "fine")
        probe = asyncio.create_task(service.ask(0, "x"))
        for _ in range(turns):
            await asyncio.sleep(0)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        await asyncio.sleep(0.1)
        views = [each for each in service.views(1) if each.circuit == KEY]
        assert [each.probes for each in views] == [0]
        for member in service.members():
            assert list(member.beats()) == []


async def test_what_a_worker_looks_up_as_it_joins_may_be_overtaken_by_a_push() -> None:
    """The answer was on its way when an operator reset the circuit."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all()
        shared: Any = service.workers[0].circuits.shared
        shared.isolate("p", "m")
        await asyncio.sleep(2)
        store.lag = 0.2
        [_, member] = service.members()
        member.lose(StoreError("the connection was reset"))
        for _ in range(3000):
            await asyncio.sleep(0.001)
            if member.contact.session is not None:
                break
        assert not member.governs  # it looks
        shared.reset("p", "m")
        states = []
        for _ in range(60):
            await asyncio.sleep(0.01)
            states.append(service.workers[1].circuits.shared.state("p", "m"))  # type: ignore[union-attr]
        assert set(states) == {"closed"}
        assert member.governs


async def test_a_circuit_that_a_push_made_known_is_not_unknown_again() -> None:
    """A worker had opened it alone, and looked it up in the moment before an operator isolated it."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        await service.ask_all()
        _, member = service.members()
        member.lose(StoreError("the connection was reset"))
        service.reply = DOWN
        await asyncio.gather(*(service.ask(1, f"tenant {number}") for number in range(5)))
        states = [service.workers[1].circuits.shared.state("p", "m")]  # type: ignore[union-attr]
        assert states == ["open"]
        store.lag = 0.2
        for _ in range(3000):
            await asyncio.sleep(0.001)
            if member.contact.session is not None:
                break
        assert not member.governs  # it looks
        shared: Any = service.workers[0].circuits.shared
        shared.isolate("p", "m")
        states.clear()
        for _ in range(60):
            await asyncio.sleep(0.01)
            states.append(service.workers[1].circuits.shared.state("p", "m"))  # type: ignore[union-attr]
        assert set(states) == {"isolated"}
        assert member.governs


async def test_a_store_lost_while_a_worker_joins_is_joined_again() -> None:
    """It knew that counts are wanted, and the next store knows nothing of that."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        service.reply = DOWN
        await service.ask(0, "a")
        await asyncio.sleep(0.05)
        store.replace()
        answered = 0

        def once(what: Any) -> None:
            nonlocal answered
            answered += 1
            if answered % 3 == 0:  # it connects, and answers the first look only
                store.replace()

        store.trouble = once
        for _ in range(40):
            await service.ask(0, "a")
            await asyncio.sleep(0.2)
        store.trouble = None
        await asyncio.sleep(5)
        assert all(member.governs for member in service.members())


@pytest.mark.parametrize("lost", [raises(StoreError("down")), slow(1.5)])
async def test_a_session_that_is_lost_while_the_pipeline_closes_is_ended(lost: Any) -> None:
    """The last words of a worker cannot be sent; its connection is closed nevertheless."""
    store = TroubledStore()
    async with Service(store, 2) as service:
        store.trouble = lost
        await service.workers[0].aclose()
        store.trouble = None
        await asyncio.sleep(2)
        assert repr(store.memory) == "MemoryStore(1 workers)"
