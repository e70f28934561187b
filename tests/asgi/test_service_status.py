"""The status page of one worker among several: what it shows of all, and whom it commands."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from ranvier import Pipeline, RanvierError
from ranvier.asgi import status_app
from ranvier.asgi.status import service as of_service
from ranvier.layers import Fallback
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider
from support.asgi.serving import serving
from support.asgi.workers import service, until_true

pytestmark = pytest.mark.once


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
            said = (await second.status())["service"]["troubles"]
            return [(each["kind"], each["what"]) for each in said] == [("tenant", "acme at openai")]

        await until_true(named)
        (said,) = (await second.status())["service"]["troubles"]
        assert said["state"] == "isolated"
        assert said["by"] == (await first.status())["service"]["worker"]
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
            return bool((await second.status())["service"]["troubles"])

        await until_true(seen)
        (said,) = (await second.status())["service"]["troubles"]
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
            return bool((await workers[0].status())["service"]["live"] == 3)

        await until_true(all_there)
        listed = (await workers[0].status())["service"]
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


async def test_an_event_loop_that_stands_still_does_not_stop_the_page_on_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page shows what its own process knows, and that the store was not asked."""
    for name, value in (("ANSWER_SECONDS", 0.2), ("FRESH", 0.0), ("SHARE", 0)):
        monkeypatch.setattr(of_service, name, value)
    pipeline = Pipeline(Fallback(ScriptedProvider("openai", ["hello"])), store=MemoryStore(), listeners=())
    opened, asked, stands_still, goes_on = (threading.Event() for _ in range(4))

    async def serve() -> None:
        async with pipeline:
            opened.set()
            await asyncio.to_thread(asked.wait, 5)
            stands_still.set()
            goes_on.wait(5)  # blocks this event loop

    app = status_app(pipeline)
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        await asyncio.to_thread(opened.wait, 5)
        async with serving(app) as served, served.caller() as caller:
            caller.ask("/status.json")
            assert json.loads((await caller.answer())[1])["service"]["reachable"]
            asked.set()
            await asyncio.to_thread(stands_still.wait, 5)
            caller.ask("/status.json")
            assert not json.loads((await caller.answer())[1])["service"]["reachable"]
    finally:
        asked.set()
        goes_on.set()
        await asyncio.to_thread(thread.join)
