"""Two pipelines of one process have the same layers. One of them closes: the layers stay in the service."""

import asyncio
from typing import Any

import pytest

from ranvier import Pipeline, RateLimitError, Response, ServerError, Usage
from ranvier.layers import Breaker, Deadline, Fallback, SharedCircuits, SpendLimit, Throttle
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider
from support.fleet.shop import BOUND, LEAVING, PROMPT

pytestmark = pytest.mark.virtual_time

DOWN = ServerError("internal error", provider="p", status=500)
LIMITED = RateLimitError("slow down", provider="p", status=429, retry_after=30)


class Process:
    """Pipelines with the same layers, with a store each or without one.

    Attributes:
        reply: What the provider answers.
    """

    def __init__(self, *stores: Any) -> None:
        self.reply: Any = Response("fine", usage=Usage(BOUND - 1, 1, BOUND))
        self.limit = SpendLimit(10 * BOUND, 3600.0)
        self.throttle = Throttle(max_wait=0)
        self.breaker = Breaker(failure_threshold=2, shared=SharedCircuits())
        route = Fallback(ScriptedProvider("p", lambda call: self.reply, model="m"))
        layers = self.limit, Deadline(60), route, self.throttle, self.breaker
        self.pipelines = [Pipeline(*layers, store=store, listeners=()) for store in stores]

    async def open(self) -> None:
        for pipeline in self.pipelines:
            await pipeline.__aenter__()
        await asyncio.sleep(3)  # all have met

    async def close(self) -> None:
        for pipeline in self.pipelines:
            await pipeline.aclose()

    async def ask(self, number: int = 1, tenant: str = "acme") -> str:
        """The outcome of a call."""
        try:
            await self.pipelines[number].complete(PROMPT, tenant=tenant, max_tokens=LEAVING)
        except Exception as error:
            return str(getattr(error, "kind", error))
        return "ok"

    def state(self) -> Any:
        shared: Any = self.breaker.circuits.shared
        return shared.state("p", "m")


async def one_that_goes_on(store: MemoryStore, *others: Any) -> tuple[Process, Process]:
    """A process of which one pipeline has closed, and another process."""
    here, there = Process(store, store, *others), Process(store, store)
    await here.open()
    await there.open()
    assert await here.ask(0) == "ok"
    await here.pipelines[0].aclose()
    await asyncio.sleep(2)
    return here, there


async def end(*processes: Process) -> None:
    for process in processes:
        await process.close()


async def test_a_spend_limit_is_still_that_of_all() -> None:
    """What the others have spent is not spent once more."""
    here, there = await one_that_goes_on(MemoryStore())
    spent = 1 + sum([await there.ask() == "ok" for _ in range(8)])
    await asyncio.sleep(12)  # what is left is given back
    spent += sum([await here.ask() == "ok" for _ in range(10)])
    assert spent == 10
    await end(here, there)


async def test_votes_are_still_counted_together() -> None:
    """Two tenants here and three there open the circuit for both, as five of them do."""
    here, there = await one_that_goes_on(MemoryStore())
    await asyncio.sleep(400)  # what worked is forgotten
    here.reply = there.reply = DOWN
    for number in range(5):
        await (here, there)[number % 2].ask(1, f"t{number}")
    await asyncio.sleep(0.1)
    assert (here.state(), there.state()) == ("open", "open")
    await end(here, there)


async def test_an_isolated_tenant_and_a_closed_gate_are_still_heard_of() -> None:
    """Both are commands or findings of another worker."""
    here, there = await one_that_goes_on(MemoryStore())
    await there.pipelines[1].circuits.isolate("acme", "p")
    await asyncio.sleep(0.1)
    assert [await here.ask(1, tenant) for tenant in ("acme", "new")] == ["circuit_open", "ok"]
    there.reply = LIMITED
    assert await there.ask(1, "other") == "rate_limit"
    await asyncio.sleep(0.1)
    assert await here.ask(1, "new") == "throttled"
    await end(here, there)


async def test_layers_go_on_alone_when_only_a_pipeline_without_a_store_is_left() -> None:
    """Nothing of the service holds there."""
    here, there = await one_that_goes_on(MemoryStore(), None)
    await here.pipelines[1].aclose()
    there.reply = DOWN
    await asyncio.sleep(400)
    for number in range(5):
        await there.ask(1, f"t{number}")
    await asyncio.sleep(0.1)
    assert (here.state(), there.state()) == ("closed", "open")
    assert await here.ask(2) == "ok"
    await end(here, there)
