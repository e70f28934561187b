"""Workers with every layer that share a store, and what may happen to them, step by step."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import Any

from ranvier import Layer, Pipeline, RanvierError, RateLimitError, Response, ServerError, Usage
from ranvier.errors import ConfigurationError
from ranvier.pipeline.running.replacing import replace
from ranvier.pipeline.running.stack import Stack
from ranvier.store import StoreError
from ranvier.testing import ScriptedProvider, after, cut, stall, stream
from support.fleet.books import Books
from support.fleet.shop import BOUND, LEAVING, PROMPT
from support.fleet.stacks import DEADLINE, WORKERS, layers_of
from support.fleet.stores import TroubledStore, hangs, raises, slow

TARGETS = "abc"
TENANTS = ["t0", "t1", "t2", "u0", "u1", "u2", "u3", "u4"]
"""Those that begin with `t` have a spend limit."""

PATIENCE = 3.0
"""Seconds after its deadline in which a call has ended: waits for the store, and for cleanup."""

FINE = Response("fine", usage=Usage(BOUND // 2, 8, BOUND // 2 + 8))
MATCHING = Response('{"why": "so"}', usage=Usage(BOUND // 2, 8, BOUND // 2 + 8))
SCHEMA = {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}
DOWN = ServerError("internal error", provider="", status=500)
LIMITED = RateLimitError("slow down", provider="", status=429, retry_after=4)

MOODS: list[Any] = [
    FINE,
    DOWN,
    after(0.4, FINE),
    after(3.0, FINE),
    after(12.0, FINE),
    after(1.0, DOWN),
    LIMITED,
    stall(),
    stream("one ", after(0.5, "two "), after(0.5, "three")),
    stream("one ", after(0.5, "two "), cut()),
    MATCHING,
]
WELL = (MOODS[0], MOODS[2], MOODS[3], MOODS[8], MATCHING)
"""Replies for which nobody votes against a target."""

TROUBLES = [None, None, None, hangs, raises(StoreError("down")), raises(OSError("x")), slow(0.1), slow(0.6)]

PAUSES = [0.0, 0.0, 0.01, 0.3, 2.0, 13.0]


class Storm:
    """Four workers, of which the last two are pipelines of one process with the same layers.

    Attributes:
        moods: What each provider answers.
        books: What was asked and spent, and what must hold of it.
        store: What they share.
        ended: The outcomes of calls.
    """

    def __init__(self) -> None:
        self.store = TroubledStore()
        self.moods: dict[str, Any] = dict.fromkeys(TARGETS, FINE)
        self.books = Books()
        self.providers = [[self._provider(name) for name in TARGETS] for _ in range(WORKERS)]
        self.layers = [self._layers(number) for number in range(WORKERS - 1)]
        self.layers.append([*self.layers[-1][:2], *self._layers(WORKERS - 1)[2:4], *self.layers[-1][4:]])
        self.workers = [self._worker(number) for number in range(WORKERS)]
        self.calls: dict[asyncio.Task[str], None] = {}
        self.changes: list[asyncio.Task[None]] = []
        self.ended: list[str] = []

    def _provider(self, name: str) -> ScriptedProvider:
        def answer(call: Any) -> Any:
            mood = self.moods[name]
            well = mood in WELL and (call.request.schema is None or mood is MATCHING)
            self.books.asked(name, call.tenant, asyncio.get_running_loop().time(), well=well)
            return mood

        return ScriptedProvider(name, answer, model="m")

    def _layers(self, number: int) -> list[Layer]:
        layers = layers_of(self.providers[number])
        self.books.limits.append(layers[1])
        return layers

    def _worker(self, number: int) -> Pipeline:
        return Pipeline(*self.layers[number], store=self.store, listeners=[self.books.hear])

    # --- calls -----------------------------------------------------------------------------------

    async def ask(self, worker: int, tenant: str, how: int = 0) -> str:
        """The outcome of a call, which is read in one of several ways."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            outcome = await self._asked(self.workers[worker], tenant, how)
        except RanvierError as error:
            outcome = "closed" if isinstance(error, ConfigurationError) else error.kind
            self.books.failed(error)
        finally:
            assert loop.time() - began <= DEADLINE + PATIENCE
        self.ended.append(outcome)
        return outcome

    async def _asked(self, worker: Pipeline, tenant: str, how: int) -> str:
        if how == 0:
            answer = await worker.complete(PROMPT, tenant=tenant, max_tokens=LEAVING)
        elif how in (4, 5):
            answer = await worker.complete(PROMPT, tenant=tenant, max_tokens=LEAVING, hedge=how == 5)
        elif how == 6:
            answer = await worker.complete(PROMPT, tenant=tenant, max_tokens=LEAVING, schema=SCHEMA, repair=1)
        else:
            reading = await worker.stream(PROMPT, tenant=tenant, max_tokens=LEAVING)
            if how == 1:
                async for _ in reading:
                    pass
                answer = reading.response
            else:
                await anext(reading)
                if how == 2:
                    await reading.aclose()
                return "left"  # or dropped
        self.books.answered(tenant, answer)
        return "ok"

    # --- steps -----------------------------------------------------------------------------------

    async def step(self, kind: str, number: int) -> None:
        """Something happens; `number` says what exactly."""
        await STEPS[kind](self, number)

    async def _call(self, number: int) -> None:
        how = number // WORKERS % 7
        tenant = TENANTS[number // WORKERS // 7 % len(TENANTS)]
        self.calls[asyncio.create_task(self.ask(number % WORKERS, tenant, how))] = None

    async def _cancel(self, number: int) -> None:
        if self.calls:
            list(self.calls)[number % len(self.calls)].cancel()

    async def _mood(self, number: int) -> None:
        self.moods[TARGETS[number % 3]] = MOODS[number // 3 % len(MOODS)]

    async def _trouble(self, number: int) -> None:
        self.store.trouble = TROUBLES[number % len(TROUBLES)]
        self.store.deaf = number % 5 == 0

    async def _empty(self, number: int) -> None:
        self.store.replace()
        self.books.losses += 1

    async def _operate(self, number: int) -> None:
        shared: Any = self.workers[number % WORKERS].circuits.shared
        target = TARGETS[number // WORKERS % 3]
        if number // 12 % 2 and shared.state(target, "m") is not None:
            shared.isolate(target, "m")
        else:
            shared.reset(target, "m")

    async def _reload(self, number: int) -> None:
        observed = number // WORKERS % 3 == 0
        self._reloaded(number % WORKERS, observed=observed)

    def _reloaded(self, number: int, *, observed: bool) -> None:
        worker = self.workers[number]
        if worker.lifecycle.state != "open":
            return
        running = worker.stack
        fresh = layers_of(self.providers[number], observed=observed)
        stack = Stack(
            fresh,
            lifecycle=running.lifecycle,
            events=running.events,
            complaints=running.complaints,
        )
        replace(running, stack)
        worker.stack = stack

    async def _reopen(self, number: int) -> None:
        self.books.reopened += 1
        self.changes.append(asyncio.create_task(self._opened_again(number % WORKERS, number % 3)))

    async def _opened_again(self, number: int, drain: float) -> None:
        worker = self.workers[number]
        await worker.aclose(drain=drain)
        with contextlib.suppress(ConfigurationError):  # another step closes it again just now
            await worker.__aenter__()

    async def _pause(self, number: int) -> None:
        await asyncio.sleep(PAUSES[number % len(PAUSES)])

    # --- afterwards ------------------------------------------------------------------------------

    async def calm(self) -> None:
        """The store and the providers are well, and all that went on has ended."""
        self.store.trouble, self.store.deaf = None, False
        self.moods = dict.fromkeys(TARGETS, FINE)
        for task in await asyncio.gather(*self.calls, return_exceptions=True):
            if isinstance(task, BaseException) and not isinstance(task, asyncio.CancelledError):
                raise task
        await asyncio.gather(*self.changes)
        for number, worker in enumerate(self.workers):
            await worker.__aenter__()
            self._reloaded(number, observed=False)
        await asyncio.sleep(10)
        for target in TARGETS:
            for worker in self.workers:
                shared: Any = worker.circuits.shared
                shared.reset(target, "m")
                shared.reset(target)
        gc.collect()  # the streams that were dropped
        await asyncio.sleep(150)

    async def offer(self, seconds: int, name: str) -> list[str]:
        """A new tenant in each second, at one worker after the other."""
        outcomes = []
        for second in range(seconds):
            outcomes.append(await self.ask(second % WORKERS, f"{name} {second}"))
            await asyncio.sleep(1)
        return outcomes

    def states(self, target: str) -> set[Any]:
        """How the workers see the circuit of a model."""
        seen: list[Any] = [worker.circuits.shared for worker in self.workers]
        return {shared.state(target, "m") for shared in seen} - {None}


STEPS: dict[str, Callable[[Storm, int], Any]] = {
    "call": Storm._call,
    "cancel": Storm._cancel,
    "mood": Storm._mood,
    "trouble": Storm._trouble,
    "empty": Storm._empty,
    "operate": Storm._operate,
    "reload": Storm._reload,
    "reopen": Storm._reopen,
    "pause": Storm._pause,
}
