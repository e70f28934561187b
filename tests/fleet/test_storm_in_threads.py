"""A storm in real time: two workers with every layer in each of two threads, with one store."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Any

from ranvier import Pipeline, RanvierError
from ranvier.errors import ConfigurationError, LayerError
from ranvier.store import MemoryStore
from ranvier.store.commands.circuits import Beat
from ranvier.testing import ScriptedProvider, after, assert_settled
from support.fleet.shop import LEAVING, PROMPT
from support.fleet.stacks import layers_of
from support.fleet.storm import DOWN, FINE, TARGETS, TENANTS
from support.fleet.threads import Thread, two_threads

SECONDS = 1.2
MOODS: list[Any] = [FINE, DOWN, after(0.02, FINE), after(0.02, DOWN)]


class Service:
    """The workers of both threads.

    Attributes:
        moods: What each provider answers.
        ended: The outcomes of calls.
    """

    def __init__(self) -> None:
        self.moods: dict[str, Any] = dict.fromkeys(TARGETS, FINE)
        self.ended: list[str] = []
        store = MemoryStore()
        self.workers = [[self._worker(store) for _ in "ab"] for _ in "ab"]

    def _worker(self, store: MemoryStore) -> Pipeline:
        providers = [ScriptedProvider(name, self._answers(name), model="m") for name in TARGETS]
        return Pipeline(*layers_of(providers), store=store, listeners=())

    def _answers(self, name: str) -> Any:
        return lambda call: self.moods[name]

    async def open(self, thread: int) -> None:
        """Open the workers of one thread, and wait until all have met."""
        for worker in self.workers[thread]:
            await worker.__aenter__()
        async with asyncio.timeout(10):
            while not self.has_met(thread):  # noqa: ASYNC110  # because: nobody is notified
                await asyncio.sleep(0.02)

    def has_met(self, thread: int) -> bool:
        """True if the workers of one thread know of all others."""
        return all(each.workers == 4 and each.governs for each in self.members(thread))

    def states(self, thread: int) -> set[str]:
        """Those of the circuits that tenants share."""
        every: list[Any] = [worker.circuits.shared for worker in self.workers[thread]]
        return {each.state for shared in every for each in shared}

    def members(self, thread: int) -> list[Any]:
        return [worker.lifecycle.joining.member for worker in self.workers[thread]]

    async def live(self, thread: int, seed: int) -> None:
        """Ask, cancel, isolate and reset for a while, while the providers change their moods."""
        chance, loop = random.Random(seed), asyncio.get_running_loop()
        ends, calls = loop.time() + SECONDS, []
        while loop.time() < ends:
            worker = chance.choice(self.workers[thread])
            calls.append(asyncio.create_task(self.ask(worker, chance.choice(TENANTS))))
            if chance.random() < 0.1:
                chance.choice(calls).cancel()
            if chance.random() < 0.05:
                self.moods[chance.choice(TARGETS)] = chance.choice(MOODS)
            if chance.random() < 0.05:
                shared: Any = worker.circuits.shared
                with suppress(ConfigurationError):  # no call has come there yet
                    chance.choice([shared.isolate, shared.reset])(chance.choice(TARGETS), "m")
            await asyncio.sleep(chance.choice([0, 0.001, 0.005]))
        await asyncio.gather(*calls, return_exceptions=True)

    async def ask(self, worker: Pipeline, tenant: str) -> str:
        """The outcome of a call."""
        try:
            await worker.complete(PROMPT, tenant=tenant, max_tokens=LEAVING, deadline=2)
        except RanvierError as error:
            outcome = repr(error) if isinstance(error, (ConfigurationError, LayerError)) else error.kind
        except Exception as error:
            outcome = repr(error)
        else:
            outcome = "ok"
        self.ended.append(outcome)
        return outcome

    async def reset(self, thread: int) -> None:
        """An operator resets what one of the workers knows."""
        await asyncio.sleep(0.3)  # the last command of another one may be on its way
        shared: Any = self.workers[thread][0].circuits.shared
        for name in [each.target for each in shared]:
            provider, _, model = name.partition("/")
            shared.reset(provider, model or None)
        for worker in self.workers[thread]:
            worker.layers[7].gates.open("a")  # type: ignore[attr-defined]  # because: it is the throttle

    async def is_well(self, thread: int) -> None:
        """All circuits that tenants share are closed, and no permit, place, reservation or lease is left."""
        async with asyncio.timeout(10):
            while self.states(thread) - {"closed"}:  # noqa: ASYNC110  # because: nobody is notified
                await asyncio.sleep(0.02)
        for worker in self.workers[thread]:
            assert await self.ask(worker, "someone new") == "ok"
            assert_settled(worker)
        for member in self.members(thread):
            assert member.governs
            assert not [command for command, _ in member.beats() if isinstance(command, Beat)]

    async def close(self, thread: int) -> None:
        for worker in self.workers[thread]:
            await worker.aclose(drain=0)


def on_both(threads: tuple[Thread, Thread], work: Any) -> None:
    """Do it in both threads at once."""
    for each in [thread.begin(work(number)) for number, thread in enumerate(threads)]:
        each.result(30)


def test_after_a_storm_in_two_threads_nothing_is_left_and_all_is_well_again() -> None:
    """No thread has touched the other, no call has failed by the library, and a reset reaches all."""
    service = Service()
    with two_threads() as threads:
        try:
            on_both(threads, service.open)
            on_both(threads, lambda number: service.live(number, seed=number))
            service.moods = dict.fromkeys(TARGETS, FINE)
            threads[0].run(service.reset(0))
            on_both(threads, service.is_well)
        finally:
            on_both(threads, service.close)
        assert [each.complaints for each in threads] == [[], []]
    assert "ok" in service.ended
    assert {each for each in service.ended if "(" in each} == set()
