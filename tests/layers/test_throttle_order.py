"""Calls that wait at a gate are admitted in fair order across tenants, and hold nothing meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError, RateLimitError, Response, ServerError
from ranvier.layers import (
    Breaker,
    Bulkhead,
    Deadline,
    Fallback,
    Retry,
    SharedCircuits,
    Throttle,
    Timeout,
)
from ranvier.layers.throttle import layer as module
from ranvier.testing import ScriptedProvider, after, stall
from support.scenes import time, turns

pytestmark = pytest.mark.virtual_time

Reply = Callable[[Any], Any]


def limited(retry_after: float | None = 2.0) -> RateLimitError:
    return RateLimitError("no", provider="one", retry_after=retry_after)


def fine(call: Any) -> Any:
    return after(0.5, "fine")


class Scene:
    """One provider, whose first request is rate limited for two seconds; all tenants share a key."""

    def __init__(
        self, reply: Reply = fine, *, second: Any = None, outside: Any = (), inside: Any = ()
    ) -> None:
        self.reply = reply
        self.one = ScriptedProvider("one", lambda call: self.reply(call) if self.is_closed else limited())
        self.two = ScriptedProvider("two", second or (lambda call: "other"))
        self.is_closed = False
        self.throttle = Throttle()
        self.pipeline = Pipeline(
            Deadline(100),
            Fallback(*([self.one, self.two] if second else [self.one])),
            *outside,
            self.throttle,
            *inside,
        )

    async def close(self) -> None:
        """Let the first call be limited."""
        await self.ask("first")
        self.is_closed = True
        self.one.calls.clear()

    def start(self, tenant: str = "acme", prompt: str = "Why?") -> asyncio.Task[str]:
        return asyncio.create_task(self.ask(tenant, prompt))

    async def ask(self, tenant: str = "acme", prompt: str = "Why?") -> str:
        try:
            return (await self.pipeline.complete(prompt, tenant=tenant)).text
        except RanvierError as error:
            return error.kind

    def sent(self) -> list[str]:
        return [call.tenant for call in self.one.calls]

    def waiting(self) -> int:
        return sum(gate.waiting for gate in self.throttle.gates)

    def at_rest(self) -> bool:
        return all(queue.gate.idle for queue in self.throttle.gates.known.values())


# --- fair order ----------------------------------------------------------------------------------


async def test_a_burst_of_one_tenant_does_not_hold_up_the_others() -> None:
    """1,000 calls of one tenant wait at a shared key; those of the others pass with the next ones."""
    scene = Scene()
    await scene.close()
    loud = [scene.start("loud") for _ in range(1000)]
    await asyncio.sleep(1)
    quiet = [scene.start(f"quiet-{number}") for number in range(10)]
    assert await asyncio.gather(*quiet) == ["fine"] * 10
    assert time() <= 2 + 4 * 0.5 + 0.5  # of rounds of 1, 2, 4 and 8 every second call is a quiet one
    assert sum(tenant == "loud" for tenant in scene.sent()) <= 21
    assert set(await asyncio.gather(*loud)) == {"fine"}
    assert scene.at_rest()


async def test_the_calls_of_one_tenant_keep_their_order() -> None:
    """First come, first served."""
    scene = Scene()
    await scene.close()
    calls = [scene.start(prompt=f"{number}") for number in range(20)]
    await asyncio.gather(*calls)
    assert [call.request.messages[0].text for call in scene.one.calls] == [str(each) for each in range(20)]


async def test_long_requests_are_served_less_often() -> None:
    """By the tokens that a call is expected to use."""
    scene = Scene()
    await scene.close()
    prompts = {"long": "word " * 4000, "short": "Why?"}
    calls = [scene.start(tenant, prompt) for tenant, prompt in prompts.items() for _ in range(15)]
    await asyncio.gather(*calls)
    assert scene.sent()[:16].count("long") == 1


@pytest.mark.parametrize("inner", [[], [Bulkhead(100)]])
async def test_weights_and_priorities_of_the_bulkhead_count_at_the_gate_too(
    inner: list[Bulkhead],
) -> None:
    """A tenant of weight 3 passes three times as often; an urgent call passes first."""
    bulkhead = Bulkhead(
        100,
        weight=lambda tenant: 3.0 if tenant == "paying" else 1.0,
        priority=lambda call: 0 if call.tenant == "urgent" else 1,
        max_wait=40,
    )
    scene = Scene(outside=[bulkhead, *inner])
    scene.throttle.max_wait = 40
    await scene.close()
    calls = [scene.start(tenant) for tenant in ("free", "paying", "urgent") for _ in range(8)]
    await asyncio.gather(*calls)
    sent = scene.sent()
    assert sent[:8] == ["urgent"] * 8
    assert sent[8:16].count("paying") == 6


async def test_a_full_queue_rejects_the_tenant_with_most_waiting_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its newest call, and not the newcomer."""
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    scene = Scene()
    await scene.close()
    loud = [scene.start("loud") for _ in range(5)]
    await asyncio.sleep(1)
    quiet = scene.start("quiet")
    await turns()
    assert [call.done() for call in loud] == [False] * 4 + [True]
    assert (await quiet, await loud[4]) == ("fine", "throttled")
    assert await asyncio.gather(*loud[:4]) == ["fine"] * 4


# --- who waits, and for how long -----------------------------------------------------------------


async def test_a_waiting_call_goes_on_when_a_later_target_would_take_it() -> None:
    """As soon as it would, and not when the wait is over."""
    scene = Scene(second=lambda call: "other")
    await scene.close()
    scene.throttle.gates.close(("two", "scripted", hash(None)), module.Reason.RATE_LIMIT, 60.0, 0.0)
    call = scene.start()
    await asyncio.sleep(1)
    scene.throttle.gates.open("two")
    assert await call == "other"
    assert time() <= 1.3


async def test_a_waiting_call_goes_on_when_its_circuit_opens() -> None:
    """No wait at a gate helps then."""
    breaker = Breaker()
    scene = Scene(inside=[breaker])
    await scene.close()
    ill, well = scene.start("ill"), scene.start("well")
    await asyncio.sleep(1)
    await breaker.circuits.isolate("ill", "one")
    assert await ill == "throttled"
    assert time() <= 1.3
    assert await well == "fine"


async def test_a_circuit_that_is_only_observed_sends_nobody_on() -> None:
    """It rejects nothing, also while it is open."""
    breaker = Breaker(failure_threshold=1, mode="observed")
    scene = Scene(lambda call: ServerError("down", provider="one"), inside=[breaker])
    scene.is_closed = True
    assert await scene.ask() == "server_error"
    scene.reply = fine
    scene.throttle.gates.close(("one", "scripted", hash(None)), module.Reason.RATE_LIMIT, 2.0, time())
    call = scene.start()
    assert breaker.circuits.state("acme", "one") == "open"
    assert (await call, time()) == ("fine", 2.5)


async def test_a_waiting_call_goes_on_when_the_gate_stays_closed_for_longer_than_it_may_wait() -> None:
    """A call in flight has been told so."""
    scene = Scene()
    await scene.close()
    call = scene.start()
    await asyncio.sleep(1)
    scene.throttle.gates.close(("one", "scripted", hash(None)), module.Reason.RATE_LIMIT, 60.0, time())
    assert await call == "throttled"
    assert time() <= 1.3


@pytest.mark.parametrize("retries", [0, 3])
async def test_one_max_wait_bounds_the_waits_of_all_attempts_at_a_target(retries: int) -> None:
    """A retry does not wait for as long as the first attempt once more."""
    scene = Scene(
        lambda call: limited(4) if call.attempt == 1 else "fine",
        outside=[Retry(retries, jitter="none", base_delay=0.1, budget=None)],
    )
    scene.throttle.max_wait = 3
    await scene.close()
    began, call = time(), scene.start()
    if not retries:
        assert await call == "rate_limit"
        return
    await asyncio.sleep(3)
    scene.throttle.gates.close(("one", "scripted", hash(None)), module.Reason.RATE_LIMIT, began + 7.5, time())
    assert await call == "rate_limit"  # the first attempt waited for 2 s, and the second may wait for 1 s
    assert time() - began == 2 + 4


async def test_a_call_that_is_sent_back_again_and_again_waits_max_wait_in_all() -> None:
    """While it waits for a connection its gate closes each time."""
    scene = Scene(lambda call: after(0.4, limited(1)))
    scene.one.slots = asyncio.Semaphore(1)
    scene.throttle.max_wait = 3
    await scene.close()
    records: list[Any] = []

    async def ask() -> None:
        with pytest.raises(RanvierError) as raised:
            await scene.pipeline.complete("Why?")
        records.append(raised.value.record)

    await asyncio.gather(*(ask() for _ in range(20)))
    waits = [sum(each.seconds for each in record.waits if each.kind == "gate") for record in records]
    assert len(waits) == 20
    assert max(waits) <= 3


async def test_a_probe_does_not_wait_at_a_gate() -> None:
    """Its circuit is half-open: others would wait for what it finds out."""
    breaker = Breaker(failure_threshold=1, cooldown=1)
    scene = Scene(inside=[breaker])
    scene.is_closed = True
    scene.reply = lambda call: ServerError("down", provider="one")
    assert await scene.ask("ill") == "server_error"
    await asyncio.sleep(1)
    scene.throttle.gates.close(("one", "scripted", hash(None)), module.Reason.RATE_LIMIT, 2.0, time())
    scene.reply = fine
    well = scene.start("well")
    assert (await scene.ask("ill"), time()) == ("throttled", 1)
    assert (await well, time()) == ("fine", 2.5)


async def test_a_hedge_does_not_wait_at_a_gate() -> None:
    """It is not sent, and the first target answers."""
    one = ScriptedProvider("one", lambda call: after(3, "slow"))
    two = ScriptedProvider("two", [limited(30)], streaming=False)
    throttle = Throttle(max_wait=60)
    pipeline = Pipeline(Fallback(one, two, hedge_after=1), throttle, Timeout(60, first_token=50, idle=50))
    with pytest.raises(RateLimitError):
        await pipeline.complete("Why?", to="two")
    answer = await pipeline.complete("Why?")
    assert (answer.text, len(two.calls), time()) == ("slow", 1, 3)
    assert not [each for each in answer.record.waits if each.kind == "gate"]


async def test_a_rescued_call_does_not_wait_at_a_gate() -> None:
    """It left a target whose shared circuit opened: the next one admits it now, or is not asked."""
    one = ScriptedProvider("one", lambda call: stall())
    two = ScriptedProvider("two", lambda call: "other")
    throttle = Throttle(max_wait=60)
    pipeline = Pipeline(
        Deadline(100),
        Fallback(one, two, reserve=20, hedge_after=90),
        throttle,
        Breaker(shared=SharedCircuits(votes=2)),
        Timeout(None, first_token=40, idle=15),
    )
    calls = [asyncio.create_task(pipeline.complete("Why?", tenant=tenant)) for tenant in "ab"]
    await asyncio.sleep(9)
    throttle.gates.close(("two", "scripted", hash(None)), module.Reason.RATE_LIMIT, 30.0, time())
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert 10 <= time() <= 11
    for error in results:
        assert isinstance(error, RanvierError)
        assert error.record is not None
        assert not [each for each in error.record.waits if each.kind == "gate"]
    assert two.calls == []


# --- a call that waits holds nothing -------------------------------------------------------------


class Placed(Scene):
    """One place, inside which the key is limited."""

    def __init__(self, reply: Reply = fine, limit: int = 1) -> None:
        self.bulkhead = Bulkhead(limit, max_wait=60)
        super().__init__(reply, outside=[self.bulkhead])
        self.throttle.max_wait = 60

    def state(self) -> tuple[int, int, int]:
        """Places that are taken, calls that wait for one, and calls that wait at the gate."""
        places = list(self.bulkhead.places)
        return sum(each.in_flight for each in places), sum(each.waiting for each in places), self.waiting()


async def test_calls_at_a_gate_hold_no_place_however_many_they_are() -> None:
    """All of them wait at the gate, and none in front of the bulkhead."""
    scene = Placed()
    await scene.close()
    calls = [scene.start(name) for name in "abcd" for _ in range(5)]
    await asyncio.sleep(1)
    assert scene.state() == (0, 0, 20)
    assert await asyncio.gather(*calls) == ["fine"] * 20
    assert scene.state() == (0, 0, 0)
    assert scene.at_rest()


async def test_a_call_that_is_admitted_without_a_free_place_holds_up_nobody_at_the_gate() -> None:
    """It comes to the place as the first of its tenant, and then asks the gate anew."""
    scene = Placed(lambda call: after(5 if call.credential == "other" else 0.5, "fine"))
    scene.pipeline = Pipeline(
        Deadline(100),
        Fallback(scene.one),
        scene.bulkhead,
        scene.throttle,
        credentials=lambda tenant, provider: "other" if tenant == "other" else "ours",
    )
    await scene.close()
    waiting = [scene.start(name) for name in "aab"]
    await asyncio.sleep(1)
    other = scene.start("other")
    await asyncio.sleep(1.5)
    assert scene.state() == (1, 3, 0)  # the gate admits them one by one, and there is no place for any
    assert (await other, time()) == ("fine", 6)
    assert await asyncio.gather(*waiting) == ["fine"] * 3
    assert scene.sent() == ["other", "a", "b", "a"]
    assert scene.state() == (0, 0, 0)
    assert scene.at_rest()


async def test_calls_that_are_admitted_without_a_free_place_keep_their_order() -> None:
    """However often they go from the gate to the bulkhead and back."""
    scene = Placed(lambda call: after(5 if call.tenant == "other" else 0.5, "fine"))
    scene.pipeline = Pipeline(
        Deadline(100),
        Fallback(scene.one),
        scene.bulkhead,
        scene.throttle,
        credentials=lambda tenant, provider: "other" if tenant == "other" else "ours",
    )
    await scene.close()
    calls = [scene.start(prompt=f"{number}") for number in range(6)]
    await asyncio.sleep(1)
    calls.append(scene.start("other"))
    await asyncio.sleep(2)
    assert scene.state() == (1, 6, 0)
    scene.throttle.gates.close(("one", "scripted", hash("ours")), module.Reason.RATE_LIMIT, 8.0, time())
    await asyncio.sleep(4)
    assert scene.state() == (0, 0, 6)
    assert set(await asyncio.gather(*calls)) == {"fine"}
    assert [call.request.messages[0].text for call in scene.one.calls[1:]] == [f"{each}" for each in range(6)]


async def test_a_call_that_was_sent_back_goes_ahead_of_the_later_calls_of_its_tenant() -> None:
    """It came first. Its gate had closed while it waited for a connection."""
    scene = Scene(lambda call: after(1.0, "fine"))
    scene.pipeline = Pipeline(
        Fallback(scene.one),
        scene.throttle,
        credentials=lambda tenant, provider: "other" if tenant == "other" else "ours",
    )
    scene.one.slots = asyncio.Semaphore(1)
    await scene.close()
    calls = [scene.start(prompt=f"{number}") for number in range(3)]
    await asyncio.sleep(1.5)
    other = scene.start("other")
    await asyncio.sleep(0.75)  # the first one passes at 2 s, and waits for the connection until 2.5 s
    scene.throttle.gates.close(("one", "scripted", hash("ours")), module.Reason.RATE_LIMIT, 3.0, time())
    assert set(await asyncio.gather(other, *calls)) == {"fine"}
    assert [call.request.messages[0].text for call in scene.one.calls] == ["Why?", "0", "1", "2"]


async def test_an_open_circuit_behind_the_gate_leaves_no_place_taken() -> None:
    """Gate and place are passed on when the circuit rejects the call that both have admitted."""
    scene = Placed()
    breaker = Breaker(failure_threshold=1, cooldown=60)
    scene.pipeline = Pipeline(Deadline(100), Fallback(scene.one), scene.bulkhead, scene.throttle, breaker)
    await scene.close()
    calls = [scene.start("ill"), scene.start("well"), scene.start("ill")]
    await asyncio.sleep(1.999)
    await breaker.circuits.isolate("ill", "one")
    assert await asyncio.gather(*calls) == ["circuit_open", "fine", "throttled"]
    assert scene.state() == (0, 0, 0)
    assert scene.at_rest()


@pytest.mark.parametrize("moment", [1.0, 2.0, 2.25])
@pytest.mark.parametrize("steps", range(6))
async def test_no_cancellation_keeps_a_place_or_a_turn(moment: float, steps: int) -> None:
    """Waiting, woken, sent back or in flight, at whatever point: both go to the next."""
    scene = Placed()
    await scene.close()
    calls = [scene.start(name) for name in "abc"]
    await asyncio.sleep(moment)
    for _ in range(steps):
        await asyncio.sleep(0)
    calls[0].cancel()
    await asyncio.wait(calls)
    assert [call.result() for call in calls[1:]] == ["fine", "fine"]
    assert scene.state() == (0, 0, 0)
    assert scene.at_rest()


async def test_a_cancelled_crowd_leaves_nothing_behind() -> None:
    """Neither tenants nor calls."""
    scene = Scene(lambda call: stall())
    await scene.close()
    calls = [scene.start(f"tenant-{number % 50}") for number in range(500)]
    await asyncio.sleep(2.5)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert [list(queue.gate.queue) for queue in scene.throttle.gates.known.values()] in ([], [[]])
    assert scene.at_rest()


def test_calls_that_waited_on_a_closed_event_loop_are_forgotten() -> None:
    """Those of the new loop pass, in order."""
    scene = Scene()

    async def wait() -> None:
        await scene.close()
        scene.start("left")
        await turns()
        assert scene.waiting() == 1

    async def use_again() -> Response:
        answer = await scene.pipeline.complete("Why?", tenant="new")
        assert scene.sent() == ["new"]
        return answer

    for use in (wait, use_again):
        with asyncio.Runner() as runner:
            runner.run(use())
    assert scene.at_rest()
