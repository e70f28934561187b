"""A spend limit that workers share on a real server."""

from __future__ import annotations

import asyncio

import pytest

from ranvier.fleet.patience import PARTS
from ranvier.store import ValkeyStore
from support.fleet.shop import BOUND, Shop
from support.valkey.server import ValkeyServer


async def test_workers_on_one_server_never_exceed_their_limit(
    valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what they need at once, and with keys that end some time."""
    # On a busy machine the server may be too slow, and then each worker spends its part.
    monkeypatch.setattr("ranvier.layers.spend_limit.shared_purse.PATIENCE", 10.0)
    monkeypatch.setattr("ranvier.fleet.contact.PROMPT_PARTS", PARTS)
    async with Shop(ValkeyStore(valkey_server.url), 4, calls=50, window=86_400) as shop:
        shop.takes = 0.05
        outcomes = await asyncio.gather(*(shop.ask(number % 4) for number in range(120)))
        assert 30 <= outcomes.count("ok") <= 50
        assert shop.most <= 50 * BOUND
        [key] = valkey_server.ask("KEYS", "*:spent:*")
        assert 0 < valkey_server.ask("PTTL", key) <= 86_460_000
        assert "acme" not in key


async def test_a_server_that_is_gone_leaves_each_worker_its_part(own_valkey: ValkeyServer) -> None:
    """No call fails because of it."""
    async with Shop(ValkeyStore(own_valkey.url), 2, calls=20, window=86_400) as shop:
        assert await shop.ask(0) == "ok"
        own_valkey.kill()
        assert [await shop.ask_often(worker, 30) for worker in (0, 1)] == [9, 10]
