"""Several workers of a service, each with its status page on a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from ranvier import Pipeline, RanvierError
from ranvier.asgi import status_app
from ranvier.errors import OverloadedError
from ranvier.layers import Breaker, Fallback
from ranvier.layers.breaker.shared.settings import SharedCircuits
from ranvier.store import MemoryStore
from ranvier.testing import ScriptedProvider
from support.asgi.serving import Served, serving

TOKEN = "a-token-of-24-characters"


class Worker:
    """A pipeline with a status page.

    Attributes:
        down: Whether its provider fails.
    """

    def __init__(self, store: Any) -> None:
        self.down = False
        self.pipeline = Pipeline(
            Fallback(ScriptedProvider("openai", lambda call: self._reply())),
            Breaker(failure_threshold=2, shared=SharedCircuits()),
            store=store,
            listeners=(),
        )
        self.app = status_app(self.pipeline, token=TOKEN, tenant_metrics=True)
        self.served: Served

    def _reply(self) -> str | OverloadedError:
        return OverloadedError("not now", provider="openai") if self.down else "hello"

    async def ask(self, times: int, tenant: str = "acme") -> None:
        """Make so many calls, whatever becomes of them."""
        for _ in range(times):
            with suppress(RanvierError):
                await self.pipeline.complete("Hi", tenant=tenant)

    async def get(self, path: str) -> bytes:
        """What the page answers."""
        async with self.served.caller() as caller:
            caller.ask(path)
            status, body = await caller.answer()
        assert status == 200
        return body

    async def status(self) -> dict[str, Any]:
        """What its page shows."""
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
async def service(size: int = 2, store: Any = None) -> AsyncIterator[list[Worker]]:
    """Workers that share a store."""
    store = store or MemoryStore()
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
