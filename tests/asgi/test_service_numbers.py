"""Whichever worker answers an operator, it answers for all: no number jumps from reload to reload."""

from __future__ import annotations

from typing import Any

import pytest

from ranvier import Pipeline
from ranvier.asgi.status.circuits import CircuitViewer
from ranvier.asgi.status.names import Names
from ranvier.layers import Breaker, Fallback
from ranvier.store import StoreError
from ranvier.store.commands.workers import RECENT, Heartbeat
from ranvier.store.protocol import Worker as Who
from ranvier.testing import ScriptedProvider
from support.asgi.workers import Worker, service, until_true
from support.fleet.stores import TroubledStore, raises

pytestmark = pytest.mark.once

COUNTS = ("succeeded", "failed", "abandoned", "failures", "running")
"""What does not change while nobody calls; a rate does, with each second of a worker's first minute."""


def numbers(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """What is counted, of the calls and of each provider."""
    parts = [facts["calls"], *facts["providers"]]
    return [{name: part[name] for name in (*COUNTS, "seconds")} for part in parts]


async def test_no_number_jumps_between_workers() -> None:
    """Each of four has made other calls, some of which failed; all of them answer alike, and for all."""
    async with service(4) as workers:
        for number, each in enumerate(workers):
            await each.ask(number + 1, tenant=f"tenant-{number}")
        workers[3].down = True
        await workers[3].ask(2)
        shown = [await told(each, calls=10) for each in workers]
        assert all(numbers(each) == numbers(shown[0]) for each in shown)
        for part in (shown[0]["calls"], *shown[0]["providers"]):
            assert (part["succeeded"], part["failures"]) == (10, {"overloaded": 2})
            assert part["seconds"]["p99"] is not None
        assert [each["findings"] for each in shown] == [shown[0]["findings"]] * 4
        assert {each["text"] for each in shown[0]["findings"]} == {
            "1 circuit open at openai",
            "17% of attempts at openai fail, most often overloaded",
            "2 calls failed, 16.7% of all",
        }
        assert {(each["service"]["summed"], each["service"]["live"]) for each in shown} == {(4, 4)}


async def told(worker: Worker, *, calls: int) -> dict[str, Any]:
    """What it shows, once it has heard of so many that succeeded, and of all that failed."""

    async def heard() -> bool:
        facts = await worker.status()
        counted = facts["calls"]["succeeded"] == calls and facts["calls"]["failed"] == 2
        return bool(counted and "open" in facts["providers"][0]["circuits"])

    await until_true(heard)
    return await worker.status()


async def test_a_worker_that_has_made_no_call_shows_the_trouble_of_the_others() -> None:
    """In its headline, and in `ranvier watch`, which reads the same; its own circuits are all well."""
    async with service(2) as (idle, failing):
        failing.down = True
        for tenant in ("acme", "beta", "gamma"):
            await failing.ask(2, tenant)

        async def seen() -> bool:
            return bool((await idle.status())["level"] == "trouble")

        await until_true(seen)

        async def circuits_seen() -> bool:  # they are read in the background
            return bool((await idle.status())["providers"][0]["circuits"] == {"open": 3})

        await until_true(circuits_seen)
        facts = await idle.status()
        assert facts["circuits"]["total"] == 0
        assert facts["calls"]["failed"] == 6
        assert "3 circuits open at openai" in {each["text"] for each in facts["findings"]}


async def test_the_numbers_of_a_worker_vanish_with_it() -> None:
    """Unlike those of `/metrics`: they are about the service as it is now."""
    async with service(2) as (first, second):
        await first.ask(1)
        await second.ask(2)

        async def all_counted() -> bool:
            return bool((await first.status())["calls"]["succeeded"] == 3)

        await until_true(all_counted)
        await second.pipeline.aclose()

        async def one_left() -> bool:
            facts = await first.status()
            return (facts["service"]["live"], facts["calls"]["succeeded"]) == (1, 1)

        await until_true(one_left)


async def test_without_the_store_a_worker_shows_its_own_numbers_and_says_so() -> None:
    """When the store is back it answers for all again."""
    store = TroubledStore()
    async with service(2, store) as (first, second):
        await first.ask(1)
        await second.ask(2)

        async def all_counted() -> bool:
            return bool((await first.status())["calls"]["succeeded"] == 3)

        await until_true(all_counted)
        store.trouble = raises(StoreError("refused"))

        async def alone() -> bool:
            return not (await first.status())["service"]["reachable"]

        await until_true(alone)
        facts = await first.status()
        assert facts["service"]["summed"] == 0
        assert facts["calls"]["succeeded"] == 1
        store.trouble = None
        await until_true(all_counted)


async def test_a_worker_of_another_kind_is_not_summed() -> None:
    """Its numbers cannot be read; the page says of how many workers they are."""
    store = TroubledStore()
    async with service(2, store) as (first, _):
        session = await store.memory.connect(Who("stranger", "elsewhere", 1, "9"), lambda change: None)

        async def seen() -> bool:
            await session.execute([Heartbeat("stranger", {RECENT: '{"":{"rate":"much"}}'})])
            told = (await first.status())["service"]
            return (told["summed"], told["live"]) == (2, 3)

        await until_true(seen)
        await session.aclose()


async def test_a_command_does_not_hide_the_circuits_of_a_worker() -> None:
    """They are read again in the background; until then it tells of those that it knew."""
    pipeline = Pipeline(Fallback(ScriptedProvider("openai")), Breaker())
    await pipeline.circuits.isolate("acme", "openai")
    viewer = CircuitViewer(pipeline.circuits, Names(hashed=False), ["openai"])
    await viewer.overview()
    await pipeline.circuits.isolate("beta", "openai")
    viewer.forget()
    assert viewer.latest().total == 1
    assert (await viewer.overview()).total == 2


async def test_a_worker_of_a_service_of_one_answers_for_itself() -> None:
    """With what it has told, at most a second late."""
    async with service(1) as (only,):
        await only.ask(3)

        async def counted() -> bool:
            facts = await only.status()
            return (facts["calls"]["succeeded"], facts["service"]["summed"]) == (3, 1)

        await until_true(counted)
