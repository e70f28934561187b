"""Workers that share a spend limit, and who counts what they spend."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from ranvier import Pipeline, RanvierError, Response, Usage
from ranvier.layers import Deadline, Fallback, SpendLimit
from ranvier.layers.spend_limit.bounds import ADDED, ADDED_PER_PART
from ranvier.testing import ScriptedProvider, after

PROMPT = "Why?"
LEAVING = 100
BOUND = ADDED + 2 * ADDED_PER_PART + len(PROMPT) + LEAVING
"""The most tokens of one call."""


class Shop:
    """Workers with one limit, of `calls` calls in a window.

    Attributes:
        cost: The tokens of an answer.
        takes: The seconds of an answer.
        most: The most that all workers together had spent and reserved when a request was sent.
    """

    def __init__(
        self, store: Any, workers: int = 2, *, calls: float = 10, window: float = 3600.0, **rules: Any
    ) -> None:
        self.cost, self.takes, self.most = BOUND, 0.0, 0.0
        self.limits = [SpendLimit(int(calls * BOUND), window, **rules) for _ in range(workers)]
        self.workers = [self._worker(store, limit) for limit in self.limits]

    def _worker(self, store: Any, limit: SpendLimit) -> Pipeline:
        def answer(call: Any) -> Any:
            self.most = max(self.most, self.spent(call.tenant))
            return after(self.takes, Response("fine", usage=Usage(self.cost - 1, 1, self.cost)))

        return Pipeline(limit, Deadline(60), Fallback(ScriptedProvider("p", answer)), store=store)

    def spent(self, tenant: str = "acme") -> float:
        """What all workers have spent and reserved."""
        return sum(sum(limit.account(tenant)[1:]) for limit in self.limits)

    async def __aenter__(self) -> Self:
        for worker in self.workers:
            await worker.__aenter__()
        await asyncio.sleep(3)  # all have met
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            await worker.aclose()

    async def ask(self, worker: int, tenant: str = "acme") -> str:
        """The outcome of a call."""
        try:
            await self.workers[worker].complete(PROMPT, tenant=tenant, max_tokens=LEAVING)
        except RanvierError as error:
            return error.kind
        return "ok"

    async def ask_often(self, worker: int, times: int, tenant: str = "acme") -> int:
        """How many of so many calls, one after the other, are answered."""
        return sum([await self.ask(worker, tenant) == "ok" for _ in range(times)])

    async def seconds_of(self, worker: int, tenant: str = "acme") -> tuple[str, float]:
        """The outcome of a call, and how long it takes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await self.ask(worker, tenant), round(loop.time() - began, 3)
