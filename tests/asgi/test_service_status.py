"""The status page of one worker among several: what it shows of all, and whom it commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ranvier import Pipeline, RanvierError
from ranvier.asgi import status_app
from ranvier.layers import Breaker, Fallback
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider
from support.asgi.serving import Served, serving

TOKEN = "a-token-of-24-characters"

pytestmark = pytest.mark.once


class Worker:
    """A pipeline with a status page."""

    def __init__(self, store: MemoryStore) -> None:
        self.pipeline = Pipeline(
            Fallback(ScriptedProvider("openai", ["hello"] * 100)),
            Breaker(failure_threshold=2, shared=SharedCircuits()),
            store=store,
            listeners=(),
        )
        self.app = status_app(self.pipeline, token=TOKEN, tenant_metrics=True)
        self.served: Served

    async def get(self, path: str) -> bytes:
        """What the page answers."""
        async with self.served.caller() as caller:
            caller.ask(path)
            status, body = await caller.answer()
        assert status == 200
        return body

    async def facts(self) -> dict[str, Any]:
        """What it says of the service."""
        found: dict[str, Any] = json.loads(await self.get("/status.json"))
        return found

    async def metrics(self) -> dict[str, float]:
        """The sums of all samples of each name."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families((await self.get("/metrics")).decode()):
            for sample in family.samples:
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    async def command(self, action: str, **fields: object) -> tuple[int, dict[str, Any]]:
        """An operator's command."""
        async with self.served.caller() as caller:
            body = json.dumps(fields).encode()
            caller.ask(f"/circuits/{action}", (b"authorization", b"Bearer " + TOKEN.encode()), body=body)
            status, answer = await caller.answer()
        return status, json.loads(answer)


@asynccontextmanager
async def service(size: int = 2) -> AsyncIterator[list[Worker]]:
    """Workers that share a store."""
    store = MemoryStore()
    async with AsyncExitStack() as stack:
        workers = [Worker(store) for _ in range(size)]
        for worker in workers:
            await stack.enter_async_context(worker.pipeline)
            worker.served = await stack.enter_async_context(serving(worker.app))
        yield workers


async def until_true(ask: Any, *, within: float = 5.0) -> None:
    """Wait until what `ask` returns is true: heartbeats come once a second."""
    async with asyncio.timeout(within):
        while not await ask():  # noqa: ASYNC110  # because: it is asked over HTTP
            await asyncio.sleep(0.05)


async def test_any_worker_answers_with_the_counters_of_all() -> None:
    """And goes on with those of one that has ended; its gauges are gone."""
    async with service() as (first, second):
        for each, calls in ((first, 2), (second, 3)):
            for _ in range(calls):
                await each.pipeline.complete("Hi", tenant="acme")

        async def all_counted() -> bool:
            shown = [await each.metrics() for each in (first, second)]
            return all(each.get("ranvier_calls_total") == 5 for each in shown)

        await until_true(all_counted)
        await second.pipeline.complete("Hi", tenant="acme")
        await second.pipeline.aclose()  # which tells of that call, too

        async def one_left() -> bool:
            return (await first.metrics())["ranvier_workers"] == 1

        await until_true(one_left)
        shown = await first.metrics()
        assert shown["ranvier_calls_total"] == 6
        assert shown["ranvier_call_duration_seconds_count"] == 6


async def test_a_tenant_is_isolated_at_every_worker_whoever_is_asked() -> None:
    """The page says who said so; another worker takes it back."""
    async with service() as (first, second):
        for each in (first, second):
            await each.pipeline.complete("Hi", tenant="acme")
        status, _ = await first.command("isolate", tenant="acme", provider="openai", process="another")
        assert status == 200

        async def rejected() -> bool:
            try:
                await second.pipeline.complete("Hi", tenant="acme")
            except RanvierError:
                return True
            return False

        await until_true(rejected)

        async def named() -> bool:  # once the circuits are read again
            said = (await second.facts())["service"]["troubles"]
            return [(each["kind"], each["what"]) for each in said] == [("tenant", "acme at openai")]

        await until_true(named)
        (said,) = (await second.facts())["service"]["troubles"]
        assert said["state"] == "isolated"
        assert said["by"] == (await first.facts())["service"]["worker"]
        assert said["host"]
        assert (await second.command("reset", tenant="acme", provider="openai"))[0] == 200

        async def answered() -> bool:
            return not await rejected()

        await until_true(answered)


async def test_an_unknown_tenant_is_shown_by_its_digest() -> None:
    """The store knows no names; and a worker that has none of its circuits resets it all the same."""
    async with service() as (first, second):
        await first.pipeline.complete("Hi", tenant="acme")
        await first.command("isolate", tenant="acme", provider="openai")

        async def seen() -> bool:
            return bool((await second.facts())["service"]["troubles"])

        await until_true(seen)
        (said,) = (await second.facts())["service"]["troubles"]
        digest, _, provider = said["what"].partition(" at ")
        assert (len(digest), provider) == (32, "openai")
        assert (await second.command("reset", tenant="acme", provider="openai"))[0] == 200

        async def reset() -> bool:
            return first.pipeline.circuits.state("acme", "openai") == "closed"

        await until_true(reset)


async def test_the_workers_are_listed() -> None:
    """With where they run, and how long ago each was heard of."""
    async with service(3) as workers:

        async def all_there() -> bool:
            return bool((await workers[0].facts())["service"]["live"] == 3)

        await until_true(all_there)
        listed = (await workers[0].facts())["service"]
        assert listed["reachable"]
        assert len({each["worker"] for each in listed["workers"]}) == 3
        assert all(each["host"] and each["pid"] and each["silent_for"] < 3 for each in listed["workers"])


async def test_a_pipeline_without_a_store_shows_itself_alone() -> None:
    """As before: its own counters, and no service."""
    pipeline = Pipeline(Fallback(ScriptedProvider("openai", ["hello"])), listeners=())
    async with pipeline, serving(status_app(pipeline)) as served, served.caller() as caller:
        caller.ask("/status.json")
        assert json.loads((await caller.answer())[1])["service"] is None
        caller.ask("/metrics")
        assert b"ranvier_workers" not in (await caller.answer())[1]
