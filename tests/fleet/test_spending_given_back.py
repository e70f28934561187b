"""A worker that ends gives back what it has not spent, whatever it is waiting for in that moment."""

import asyncio

import pytest

from support.fleet.shop import BOUND, Shop
from support.fleet.stores import TroubledStore, slow

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("turns", range(14))
async def test_a_worker_that_closes_in_a_question_gives_back_what_it_would_have_been_granted(
    turns: int,
) -> None:
    """After any turn of the loop from the beginning of a call: the others may spend all the rest."""
    store = TroubledStore()
    async with Shop(store, calls=10) as shop:
        assert await shop.ask(0) == "ok"
        call = asyncio.create_task(shop.ask(0))
        for _ in range(turns):
            await asyncio.sleep(0)
        await shop.workers[0].aclose(drain=0)
        await call
        spent = sum(shop.limits[0].account("acme")[1:]) // BOUND  # an attempt that was cut may cost all
        await asyncio.sleep(1)
        assert spent + await shop.ask_often(1, 11) == 10


async def test_so_does_one_whose_caller_has_gone_before_the_answer() -> None:
    """It still waits for the store when it closes."""
    store = TroubledStore()
    async with Shop(store, calls=10) as shop:
        assert await shop.ask_often(0, 2) == 2
        store.trouble = slow(0.2)
        call = asyncio.create_task(shop.ask(0))
        await asyncio.sleep(0.1)
        call.cancel()
        await asyncio.wait([call])
        await shop.workers[0].aclose()
        store.trouble = None
        assert await shop.ask_often(1, 11) == 8


async def test_what_was_spent_without_an_answer_is_reported_at_the_end() -> None:
    """The store was slow, and the worker closes before its next heartbeat."""
    store = TroubledStore()
    async with Shop(store, calls=10) as shop:
        store.trouble = slow(0.4)
        answered = [await shop.ask(0) for _ in range(5)]
        assert answered == ["ok"] * 5  # half of the limit
        store.trouble = None
        await shop.workers[0].aclose()
        assert await shop.ask_often(1, 11) == 5
