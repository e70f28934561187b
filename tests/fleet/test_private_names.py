"""The store does not learn who the tenants are, nor where their own endpoints are."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from ranvier import Pipeline, RanvierError
from ranvier.layers import Breaker, Fallback, SharedCircuits
from ranvier.pipeline.credentials.access import Access
from ranvier.store.commands.circuits import Count
from ranvier.store.commands.tenants import TenantOpened
from ranvier.testing import ScriptedProvider
from support.fleet.service import DOWN
from support.fleet.stores import TroubledStore

pytestmark = pytest.mark.virtual_time

OWN = Access("a-key-of-theirs", base_url="https://confidential.test/v1")


class Worker:
    """A pipeline whose tenants have an endpoint of their own, which is down."""

    def __init__(self, store: Any) -> None:
        self.pipeline = Pipeline(
            Fallback(ScriptedProvider("p", lambda call: DOWN, model="m")),
            Breaker(failure_threshold=2, shared=SharedCircuits(votes=2)),
            credentials=lambda tenant, provider: OWN,
            store=store,
            listeners=(),
        )

    @property
    def state(self) -> str | None:
        """The state of the shared circuit of the model there."""
        shared: Any = self.pipeline.circuits.shared
        return next((str(each.state) for each in shared if each.model == "m"), None)

    async def ask(self, *tenants: str) -> None:
        """One call of each, that fails."""
        for tenant in tenants:
            with suppress(RanvierError):
                await self.pipeline.complete("Why?", tenant=tenant)


async def test_the_endpoints_of_tenants_are_shared_by_digest() -> None:
    """A circuit of one opens at all workers, also at one that has not used it before."""
    store = TroubledStore()
    async with AsyncExitStack() as stack:
        workers = [Worker(store) for _ in range(3)]
        for each in workers:
            await stack.enter_async_context(each.pipeline)
        await asyncio.sleep(3)
        for number, each in enumerate(workers[:2]):
            await each.ask(f"customer {number}", f"customer {number}", f"client {number}")
        await asyncio.sleep(0.1)
        assert [each.state for each in workers[:2]] == ["open"] * 2
        await workers[2].ask("another")
        await asyncio.sleep(0)
        assert workers[2].state == "open"
        kinds = {type(each) for each in store.sent}
        assert kinds >= {Count, TenantOpened}
        assert not any(word in repr(store.sent) for word in ("confidential", "customer", "a-key"))


async def test_a_circuit_that_a_worker_has_not_used_is_forgotten_when_it_closes() -> None:
    """Also if the push is lost: it must not open with the first call."""
    store = TroubledStore()
    async with AsyncExitStack() as stack:
        workers = [Worker(store) for _ in range(2)]
        for each in workers:
            await stack.enter_async_context(each.pipeline)
        await asyncio.sleep(3)
        await workers[0].ask("first", "second")
        await asyncio.sleep(0.1)
        assert workers[0].state == "open"
        store.deaf = True
        shared: Any = workers[0].pipeline.circuits.shared
        assert shared.reset(f"p@{OWN.endpoint}", "m", tenants_keys=True)
        await asyncio.sleep(3)
        await workers[1].ask("another")
        await asyncio.sleep(0)
        assert workers[1].state == "closed"
