"""A spend limit that workers share: together never more than the limit, and no call waits without need."""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest

from ranvier import Pipeline, SpendLimitExceededError
from ranvier.fleet.spending.spend_link import StoreSpendLink
from ranvier.layers import Deadline, Fallback, SpendLimit
from ranvier.pipeline import Price
from ranvier.store import MemoryStore, StoreError
from ranvier.store.commands.spending import SliceView, TakeSlice
from ranvier.testing import ScriptedProvider, VirtualTimeLoop, assert_settled
from support.fleet.shop import BOUND, LEAVING, PROMPT, Shop
from support.fleet.stores import TroubledStore, hangs, raises, slow

pytestmark = pytest.mark.virtual_time

DOWN = raises(StoreError("down"))


def asked(store: TroubledStore) -> list[TakeSlice]:
    """What workers have asked for."""
    return [command for command in store.sent if isinstance(command, TakeSlice)]


# --- with the store ------------------------------------------------------------------------------


async def test_all_workers_together_spend_the_limit_and_no_more() -> None:
    """However many call at once; what one does not use goes to another."""
    async with Shop(MemoryStore(), 8, calls=100) as shop:
        shop.takes = 0.5
        outcomes = await asyncio.gather(*(shop.ask(number % 8) for number in range(300)))
        answered = outcomes.count("ok")
        assert 80 <= answered <= 100
        for worker in range(8):
            await asyncio.sleep(12)
            answered += await shop.ask_often(worker, 100)
        assert answered == 100
        assert shop.most == 100 * BOUND


async def test_a_burst_at_one_worker_is_not_held_to_a_slice() -> None:
    """Calls that find too little wait for the store, all at once."""
    async with Shop(MemoryStore(), calls=100) as shop:
        shop.takes = 0.5
        outcomes = await asyncio.gather(*(shop.ask(0) for _ in range(120)))
        assert outcomes.count("ok") == 100


async def test_what_calls_wait_for_is_not_given_back() -> None:
    """A heartbeat comes after the grant, and before the calls have woken that asked for it."""
    async with Shop(MemoryStore(), 1, calls=1) as shop:
        link = shop.limits[0].fund.link
        assert isinstance(link, StoreSpendLink)
        asked = link._asked

        async def asked_before_a_heartbeat(leased: Any, command: TakeSlice) -> None:
            await asked(leased, command)
            list(link.beats())

        link._asked = asked_before_a_heartbeat  # type: ignore[method-assign]
        assert await shop.ask(0) == "ok"


async def test_an_event_loop_that_stood_still_has_its_grants() -> None:
    """They have arrived, and only have not been read."""
    loop = cast(VirtualTimeLoop, asyncio.get_running_loop())
    store = TroubledStore()
    async with Shop(store, calls=20, on_store_loss="reject") as shop:
        store.trouble = slow(0.01)
        loop.call_later(0.005, loop.jump, 0.6)
        assert await asyncio.gather(*(shop.ask(number % 2) for number in range(10))) == ["ok"] * 10


async def test_only_the_first_call_waits_for_the_store() -> None:
    """What comes next is taken ahead of need."""
    store = TroubledStore()
    async with Shop(store, calls=1000) as shop:
        store.trouble = slow(0.1)
        await asyncio.sleep(2)
        assert await shop.seconds_of(0) == ("ok", 0.1)
        for _ in range(300):
            assert await shop.seconds_of(0) == ("ok", 0.0)
            await asyncio.sleep(0.05)
        assert len(asked(store)) < 30


async def test_a_window_ends_for_all() -> None:
    """Then each may spend again, and not before."""
    async with Shop(MemoryStore(), calls=6, window=60.0) as shop:
        assert await shop.ask_often(0, 10) == 6
        assert await shop.ask(1) == "spend_limit"
        await asyncio.sleep(60)
        assert await shop.ask_often(1, 10) == 6
        assert await shop.ask(0) == "spend_limit"


async def test_windows_are_those_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the time of day is at a worker."""
    hours = iter([0, 3600, -1234])
    monkeypatch.setattr("ranvier.clock.since_epoch", lambda loop: 10_000 + loop.time() + next(hours))
    async with Shop(MemoryStore(now=asyncio.get_running_loop().time), 3, calls=6, window=100.0) as shop:
        for _ in range(3):
            answered = 0
            for worker in range(3):
                answered += await shop.ask_often(worker, 3)
                await asyncio.sleep(12)  # what was taken ahead of need is given back
            assert answered == 6
            await asyncio.sleep(64)


async def test_the_error_says_what_is_left_for_all() -> None:
    """And when the window of the store ends."""
    async with Shop(MemoryStore(), calls=2.5, window=60.0) as shop:
        assert await shop.ask_often(0, 3) == 2
        await asyncio.sleep(2)
        with pytest.raises(SpendLimitExceededError) as caught:
            await shop.workers[1].complete(PROMPT, tenant="acme", max_tokens=LEAVING)
        assert caught.value.left == BOUND // 2
        now = asyncio.get_running_loop().time()
        assert caught.value.retry_after == pytest.approx(60 - now % 60, abs=0.01)


async def test_what_is_not_used_is_given_back() -> None:
    """After some seconds, or as soon as little is left."""
    async with Shop(MemoryStore(), calls=40) as shop:
        await shop.ask(0)
        await asyncio.sleep(12)
        assert await shop.ask_often(1, 50) == 39
    async with Shop(MemoryStore(), calls=3) as shop:
        shop.cost = 10
        assert await shop.ask_often(0, 2) == 2
        await asyncio.sleep(1.1)
        shop.takes = 1.0
        assert [await shop.ask(1), await shop.ask(1)] == ["ok", "ok"]


async def test_a_worker_that_leaves_gives_back_what_it_has_not_spent() -> None:
    """At once."""
    async with Shop(MemoryStore(), calls=40) as shop:
        await shop.ask(0)
        await shop.workers[0].aclose()
        assert await shop.ask_often(1, 50) == 39


async def test_tenants_and_limits_are_apart() -> None:
    """Two limits with the same windows, too: the smaller one does not use up the larger one."""

    def worker(store: Any) -> Pipeline:
        limits = SpendLimit(20 * BOUND, 60.0), SpendLimit(3 * BOUND, 60.0)
        return Pipeline(*limits, Deadline(60), Fallback(ScriptedProvider("p", ["fine"])), store=store)

    store = MemoryStore()
    async with worker(store) as one, worker(store) as other:
        await asyncio.sleep(2)
        for tenant in "ab":
            for number in range(6):
                asking = (one, other)[number % 2].complete(PROMPT, tenant=tenant, max_tokens=LEAVING)
                if number < 3:
                    await asking
                else:
                    with pytest.raises(SpendLimitExceededError) as caught:
                        await asking
                    assert caught.value.limit == 3 * BOUND
                await asyncio.sleep(2)


async def test_limits_in_money_are_shared_to_the_last_cent() -> None:
    """Also large ones, in more parts than the numbers of a script have."""
    price = Price(input=1e9, output=1e9)  # a thousand for each token
    limits = [SpendLimit(10_000 * BOUND, 3600, prices={"p/scripted": price}) for _ in range(2)]
    store = MemoryStore()
    async with (
        Pipeline(limits[0], Fallback(ScriptedProvider("p", ["fine"])), store=store) as one,
        Pipeline(limits[1], Fallback(ScriptedProvider("p", ["fine"])), store=store) as other,
    ):
        await asyncio.sleep(2)
        for number in range(10):
            await (one, other)[number % 2].complete(PROMPT, tenant="acme", max_tokens=LEAVING)
            await asyncio.sleep(11)
        with pytest.raises(SpendLimitExceededError):
            await one.complete(PROMPT, tenant="acme", max_tokens=LEAVING)


async def test_new_settings_go_on_with_what_is_leased() -> None:
    """As a reload does: nothing is leased twice."""
    store = TroubledStore()
    async with Shop(store, calls=40) as shop:
        await shop.ask(0)
        before = shop.limits[0]
        after = SpendLimit(30 * BOUND, 3600.0, on_store_loss="reject")
        after.take_over(before)
        assert after.fund is before.fund
        assert not after.fund.goes_on
        other = SpendLimit(30 * BOUND, 60.0)
        other.take_over(before)
        assert other.fund is not before.fund


async def test_nothing_is_sent_for_calls_without_a_limit() -> None:
    """The store hears of no tenant that may spend what it likes."""
    store = TroubledStore()
    free = SpendLimit(lambda tenant: None, 60.0)
    async with Pipeline(free, Fallback(ScriptedProvider("p", ["fine"])), store=store) as pipeline:
        await asyncio.sleep(2)
        await pipeline.complete(PROMPT, tenant="acme")
        assert store.sent == []


# --- without it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [slow(0.7), hangs, DOWN], ids=["slow", "hangs", "down"])
@pytest.mark.parametrize(("setting", "outcome"), [("allow", "ok"), ("reject", "spend_limit")])
async def test_no_call_waits_longer_than_a_quarter_of_a_second(
    trouble: Any, setting: str, outcome: str
) -> None:
    """Then the setting decides, and later calls do not wait."""
    store = TroubledStore()
    async with Shop(store, on_store_loss=setting) as shop:
        store.trouble = trouble
        kind, seconds = await shop.seconds_of(0)
        assert (kind, seconds <= 0.251) == (outcome, True)
        assert await shop.seconds_of(0) == (outcome, 0.0)


@pytest.mark.parametrize(("setting", "more"), [("allow", 9), ("reject", 1)])
async def test_when_it_is_lost_a_worker_spends_its_slice_and_then_follows_the_setting(
    setting: str, more: int
) -> None:
    """Its part of the limit, divided by the workers that lived, or nothing."""
    store = TroubledStore()
    async with Shop(store, 4, calls=40, on_store_loss=setting) as shop:
        await shop.ask(0)
        await asyncio.sleep(0.1)
        held = asked(store)[-1]
        assert (held.spent, held.wanted) == (0, 2 * BOUND)
        store.trouble = DOWN
        await asyncio.sleep(2)
        assert await shop.ask_often(0, 60) == more


async def test_what_was_spent_without_it_counts_when_it_is_back() -> None:
    """Also if nobody calls there any more, and if it has lost everything."""
    for replaced in (False, True):
        store = TroubledStore()
        async with Shop(store, 2, calls=20) as shop:
            assert await shop.ask_often(0, 4) == 4
            store.trouble = DOWN
            await asyncio.sleep(2)
            assert await shop.ask_often(0, 6) == 6
            if replaced:
                store.replace()
            store.trouble = None
            await asyncio.sleep(6)  # before idle slices are given back, which reports it, too
            assert await shop.ask_often(1, 30) == 10


async def test_lost_data_cost_at_most_a_slice_for_each_worker() -> None:
    """What was spent is reported again as soon as the workers notice."""
    store = TroubledStore()
    async with Shop(store, 4, calls=40, on_store_loss="reject") as shop:
        for worker in range(4):
            assert await shop.ask_often(worker, 3) == 3
        store.replace()
        for _ in range(10):
            for worker in range(4):
                await shop.ask_often(worker, 3)
            await asyncio.sleep(2)
        assert 39 * BOUND <= shop.most <= (40 + 4 * 2) * BOUND


async def test_before_the_store_is_reached_the_setting_decides() -> None:
    """It is down when the service starts."""
    for setting, answered in (("allow", 10), ("reject", 0)):
        store = TroubledStore()
        store.trouble = DOWN
        async with Shop(store, 2, on_store_loss=setting) as shop:
            assert await shop.ask_often(0, 20) == answered
            store.trouble = None
            await asyncio.sleep(5)
            assert await shop.ask_often(1, 20) == 10 - answered


async def test_a_store_that_answers_nonsense_is_lost() -> None:
    """And no call fails with it."""
    store = TroubledStore()
    async with Shop(store) as shop:

        def nonsense(commands: Any) -> Any:
            return [SliceView(0, -5, 1 << 80, 0)] if isinstance(commands[0], TakeSlice) else None

        store.trouble = nonsense
        assert await shop.ask(0) == "ok"
        assert not shop.limits[0].fund.link.governs


# --- callers that vanish -------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.15])
async def test_a_call_cancelled_at_any_moment_holds_nothing(moment: float) -> None:
    """What it was granted is given back."""
    store = TroubledStore()
    async with Shop(store, calls=3) as shop:
        store.trouble = slow(0.1)
        shop.takes = 1.0
        task = asyncio.create_task(shop.ask(0))
        await asyncio.sleep(moment)
        task.cancel()
        await asyncio.wait([task])
        store.trouble = None
        await asyncio.sleep(12)
        spent = shop.spent()
        assert spent == 0 or moment >= 0.1
        shop.takes = 0.0
        assert await shop.ask_often(1, 5) == 3 - spent // BOUND
        for worker in shop.workers:
            assert_settled(worker)


async def test_a_deadline_ends_the_wait() -> None:
    """Before the store answers."""
    store = TroubledStore()
    async with Shop(store) as shop:
        store.trouble = slow(0.2)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(Exception, match="deadline"):
            await shop.workers[0].complete(PROMPT, tenant="acme", max_tokens=LEAVING, deadline=0.1)
        assert loop.time() - began == pytest.approx(0.1)


# --- at random -----------------------------------------------------------------------------------

TROUBLES = [None, None, None, hangs, DOWN, slow(0.05), slow(0.3), slow(0.7)]


async def storm(shop: Shop, store: TroubledStore, rng: random.Random) -> list[asyncio.Task[str]]:
    calls: list[asyncio.Task[str]] = []
    for _ in range(250):
        what = rng.random()
        if what < 0.75:
            shop.cost = rng.choice([10, BOUND // 2, BOUND])
            shop.takes = rng.choice([0.0, 0.2, 3.0])
            calls.append(asyncio.create_task(shop.ask(rng.randrange(4))))
        elif what < 0.8 and calls:
            rng.choice(calls).cancel()
        elif what < 0.9:
            store.trouble = rng.choice(TROUBLES)
        else:
            await asyncio.sleep(rng.choice([0.0, 0.013, 0.37, 2.1, 11.3]))
    return calls


@pytest.mark.parametrize("seed", range(25))
async def test_at_random_the_limit_is_never_exceeded(seed: int) -> None:
    """Whatever happens to the store, as long as it keeps its data; and all of it can be spent."""
    store, rng = TroubledStore(), random.Random(seed)
    async with Shop(store, 4, calls=rng.choice([7, 60, 400]), on_store_loss="reject") as shop:
        calls = await storm(shop, store, rng)
        await asyncio.gather(*calls, return_exceptions=True)
        limit = shop.limits[0].per_tenant
        assert isinstance(limit, float)
        assert shop.most <= limit
        store.trouble = None
        await asyncio.sleep(20)
        shop.cost, shop.takes = BOUND, 0.0
        answered = 1
        while answered:
            answered = await shop.ask_often(rng.randrange(4), 20)
            await asyncio.sleep(12)
        assert shop.most <= limit
        for worker in shop.workers:
            assert_settled(worker)
