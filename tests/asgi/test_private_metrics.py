"""Neither Prometheus nor the store learns who the tenants are, however circuits and places are keyed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError
from ranvier.asgi import status_app
from ranvier.errors import ServerError
from ranvier.layers import AdaptiveLimit, Breaker, Bulkhead, Fallback
from ranvier.pipeline.credentials.access import Access
from ranvier.store import MemoryStore
from ranvier.store.commands.workers import Heartbeat, ReadFleet
from ranvier.testing import ScriptedProvider
from support.asgi.status_page import ask
from support.fleet.stores import TroubledStore, slow

SECRET = "confidential"
pytestmark = pytest.mark.virtual_time

OWN = Access("a-key-of-theirs", base_url=f"https://llm.{SECRET}.test/v1")

CUSTOM_KEYS = {
    "the tenant": lambda call: call.tenant,
    "an object": lambda call: frozenset([call.tenant]),
}


class HeardStore(TroubledStore):
    """Keeps the heartbeats, too."""

    def __init__(self) -> None:
        super().__init__()
        self.heartbeats: list[Heartbeat] = []
        self.trouble = self._hear

    def _hear(self, commands: Any) -> None:
        if commands != "connect":
            self.heartbeats += [each for each in commands if isinstance(each, Heartbeat)]


async def exported(pipeline: Pipeline, app: Any, store: HeardStore) -> str:
    """The metrics, and all that the last heartbeat said."""
    await asyncio.sleep(2)
    metrics = (await ask(app, "/metrics")).body.decode()
    await pipeline.aclose()
    return metrics + repr(store.heartbeats[-1])


@pytest.mark.parametrize("key", CUSTOM_KEYS.values(), ids=CUSTOM_KEYS)
async def test_no_metric_names_the_tenant_of_a_custom_key(key: Any) -> None:
    """Its circuits are counted, also when an operator changes one."""
    store = HeardStore()
    pipeline = Pipeline(Fallback(ScriptedProvider("first")), Breaker(key=key), store=store, listeners=())
    app = status_app(pipeline)
    async with pipeline:
        await pipeline.complete("Why?", tenant=SECRET)
        [(circuit, _)] = pipeline.circuits
        await pipeline.circuits.isolate(circuit)
        found = await exported(pipeline, app, store)
    assert SECRET not in found
    assert '\'ranvier_circuits{provider="others",state="isolated"}\': 1000000' in found
    assert 'ranvier_attempts_total{provider="first",outcome="succeeded"} 1' in found


async def test_no_metric_names_the_endpoint_of_a_tenant() -> None:
    """What happens there is counted with the provider, as one series."""
    store = HeardStore()
    pipeline = Pipeline(
        Fallback(ScriptedProvider("first", lambda call: ServerError("no", provider="first"))),
        Bulkhead(5),
        AdaptiveLimit(),
        Breaker(failure_threshold=1),
        credentials=lambda tenant, provider: OWN if tenant == SECRET else "a-key",
        store=store,
        listeners=(),
    )
    app = status_app(pipeline)
    async with pipeline:
        for tenant in (SECRET, SECRET, "other"):
            with suppress(RanvierError):
                await pipeline.complete("Why?", tenant=tenant)
        found = await exported(pipeline, app, store)
    assert SECRET not in found
    assert 'ranvier_circuit_changes_total{provider="first",state="open"} 2' in found
    assert '\'ranvier_circuits{provider="first",state="open"}\': 2000000' in found
    assert "'ranvier_bulkhead_limit{places=\"first\"}': 10000000" in found


async def test_a_crowd_of_readers_does_not_lose_the_store() -> None:
    """Those who wait share a round trip, which began after all of them had come."""
    store = TroubledStore()
    store.memory = MemoryStore()
    pipeline = Pipeline(Fallback(ScriptedProvider("first")), store=store, listeners=())
    app = status_app(pipeline)
    async with pipeline:
        await asyncio.sleep(1.5)
        store.sent.clear()
        store.trouble = slow(0.1)
        first = asyncio.create_task(ask(app, "/metrics"))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(ask(app, "/metrics")) for _ in range(1000)]
        others[0].cancel()
        await asyncio.gather(first, *others[1:])
        assert sum(isinstance(each, ReadFleet) for each in store.sent) == 2
        assert all("ranvier_store_reachable{} 1" in each.result().body.decode() for each in others[1:])
