"""A service of several workers in one process: pipelines that share a store."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from ranvier import Deployment, Layer, Pipeline, RejectedError, ServerError
from ranvier.events import Event, SharedCircuitChanged
from ranvier.layers import Breaker, SharedCircuits
from ranvier.pipeline import Call, Place
from ranvier.pipeline.call import Watch
from ranvier.pipeline.reporting import recorder
from ranvier.testing import ScriptedProvider

DOWN = ServerError("internal error", provider="p", status=500)


class Direct(Layer):
    """A route to one target, which it does not ask when it is rejected."""

    place = Place.ROUTE

    def __init__(self, provider: Any) -> None:
        self.target = Deployment(provider)

    def deployments(self) -> Any:
        return [self.target]

    async def handle(self, call: Call, inner: Any) -> Any:
        directed = call.to(self.target)
        directed.watch = Watch()
        try:
            return await inner(directed)
        except RejectedError as error:
            recorder.skipped(directed, error)
            raise


class Service:
    """Workers with one provider `p`, which answers by `reply`.

    Attributes:
        asked: When each request arrived, by which worker and tenant.
        changes: When shared circuits changed, at which worker, and into which state.
    """

    def __init__(
        self, store: Any, workers: int = 8, *, inner: Any = (), breaker: Any = None, **rules: Any
    ) -> None:
        self.reply: Any = "fine"
        self.asked: list[tuple[float, int, str]] = []
        self.changes: list[tuple[float, int, str]] = []
        self.events: list[tuple[int, Event]] = []
        self.workers = [self._worker(store, number, inner, breaker, rules) for number in range(workers)]

    def _worker(self, store: Any, number: int, inner: Any, breaker: Any, rules: Any) -> Pipeline:
        def answer(call: Call) -> Any:
            self.asked.append((_now(), number, call.tenant))
            return self.reply(call) if callable(self.reply) else self.reply

        def hear(event: Event) -> None:
            self.events.append((number, event))
            if isinstance(event, SharedCircuitChanged):
                self.changes.append((_now(), number, event.after))

        own = breaker() if breaker else Breaker(failure_threshold=1000, shared=SharedCircuits(**rules))
        layers = [make() for make in inner]
        route = Direct(ScriptedProvider("p", answer, model="m"))
        return Pipeline(route, *layers, own, store=store, listeners=[hear])

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

    async def ask(self, worker: int, tenant: str) -> str:
        """The outcome of a call."""
        try:
            await self.workers[worker].complete("Why?", tenant=tenant)
        except Exception as error:
            return str(getattr(error, "kind", error))
        return "ok"

    async def ask_all(self, tenants: int = 3) -> list[str]:
        """The outcomes of one call of each tenant, of which each worker has so many of its own."""
        asking = (
            self.ask(worker, f"tenant {worker}-{number}")
            for worker in range(len(self.workers))
            for number in range(tenants)
        )
        return await asyncio.gather(*asking)

    def states(self, model: str | None = "m") -> set[str | None]:
        """The states of the shared circuit at all workers."""
        return {shared.state("p", model) for each in self.workers if (shared := each.circuits.shared)}

    def views(self, *workers: int) -> list[Any]:
        """The last states of shared circuits in the store that these workers know, or all."""
        members = self.members()
        links = (link for at in workers or range(len(members)) for link in members[at]._links.values())
        return [link.view for link in links if link.view is not None]

    def members(self) -> list[Any]:
        """What each worker is among the others."""
        return [worker.lifecycle.joining.member for worker in self.workers]


def _now() -> float:
    return asyncio.get_running_loop().time()
