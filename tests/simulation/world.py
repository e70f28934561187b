"""One world: providers, pipelines, tenants and their calls, all drawn from one seed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import itertools
import logging
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from ranvier.events import Event
from ranvier.testing import DeadlockError, VirtualTimeLoop
from simulation.callers import Callers
from simulation.checker import Checker
from simulation.errands import Errand
from simulation.layers import Sabotage
from simulation.moods import TICKS
from simulation.operators import Operators
from simulation.provider import SeededProvider
from simulation.quiet import check_quiet
from simulation.stacks import Stack
from simulation.story import Story

WAVE = 250
"""Calls between two moments of quiet."""

GAPS = [0.0, 0.5, 10.0, 40.0, 700.0]
"""Seconds of quiet; after the longest, open circuits that nobody asked for may be forgotten."""


@dataclass
class Result:
    """What became of a world.

    Attributes:
        digest: Of its trace: who ended when, and how. The same seed has the same.
    """

    seed: int
    calls: int
    faults: int
    requests: int
    digest: str


class World:
    """Providers, pipelines and tenants."""

    def __init__(self, seed: int, calls: int, loop: VirtualTimeLoop) -> None:
        self.seed = seed
        self.calls = calls
        self.trace: list[tuple[Any, ...]] = []
        self.mischief = 0
        self._loop = loop
        self._rng = Random(seed)
        self._numbers = itertools.count(1)

    async def run(self) -> Result:
        """Let everybody call, wave after wave, and look for what is left in the quiet between them."""
        self._found()
        left = self.calls
        while left > 0:
            left -= WAVE
            await self._wave(WAVE + min(left, 0), last=left <= 0)
            await asyncio.sleep(self._rng.choice(GAPS))
        for stack in self.stacks:
            await stack.pipeline.aclose()
        requests = sum(provider.requests for provider in self.providers)
        faults = self.mischief + sum(provider.faults for provider in self.providers)
        digest = hashlib.blake2b(repr(self.trace).encode(), digest_size=8).hexdigest()
        return Result(self.seed, self.calls, faults, requests, digest)

    # --- the beginning ---------------------------------------------------------------------------

    def _found(self) -> None:
        rng = self._rng
        self.checker = Checker(self._loop.stop)
        self._loop.set_exception_handler(self._hear)
        self.callers = Callers(self.checker)
        self.tenants = [f"tenant-{number}" for number in range(rng.choice([3, 30, 300, 3000]))]
        self.providers = [self._provider(name) for name in ("alpha", "beta", "gamma")[: rng.randint(1, 3)]]
        self.stacks = [
            Stack(self.providers, rng, self.checker, [each for each in TROUBLE if rng.random() < 0.3])
            for _ in range(rng.randint(2, 4))
        ]
        self.operators = Operators(rng, self.checker, self.stacks, self.providers)

    def _provider(self, name: str) -> SeededProvider:
        rng = self._rng
        return SeededProvider(
            name,
            rng,
            self.checker,
            connections=rng.choice([None, 2, 10, 100]),
            streaming=rng.random() < 0.9,
            own_key=rng.choice([None, f"{name}-own"]),
        )

    def _hear(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.checker.fail(2, f"the loop is told: {context.get('message')} {context.get('exception')!r}")

    # --- calls -----------------------------------------------------------------------------------

    async def _wave(self, calls: int, *, last: bool) -> None:
        """So many calls, begun within seconds of each other, and the quiet after them.

        In the last one some of the pipelines close.
        """
        rng = self._rng
        span = rng.choice([0.0, 1.0, 10.0, 60.0])
        begin = self._loop.time()
        stories: list[Story] = []
        closing = [stack for stack in self.stacks if last and rng.random() < 0.5]
        tasks = [self._loop.create_task(self.operators.close(stack, stories)) for stack in closing]
        for moment in sorted(int(rng.random() * span * TICKS) / TICKS for _ in range(calls)):
            if (wait := begin + moment - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            story, errand = self._draw()
            stories.append(story)
            tasks.append(self._loop.create_task(self.callers.run(story, errand)))
            if rng.random() < 0.02:
                await self.operators.act(rng.choice(self.tenants))
        await asyncio.wait(tasks)
        for task in tasks:
            task.result()
        for stack in self.stacks:
            await stack.pipeline.events.drain()
        del task, tasks  # or else their frames would keep streams that were dropped
        gc.collect()
        await check_quiet(self, stories)
        self.trace.extend(_told(story) for story in stories)

    def _draw(self) -> tuple[Story, Errand]:
        rng = self._rng
        stack = self.stacks[int(rng.random() * len(self.stacks))]
        tenant = self.tenants[int(rng.random() ** 3 * len(self.tenants))]
        story = Story(next(self._numbers), tenant, stack, rng.random() < 0.5)
        if rng.random() < 0.2:
            story.start = rng.choice(stack.names)
        errand = Errand(rng, needs_deadline=stack.needs_deadline)
        self.mischief += errand.mischief
        return story, errand


def _told(story: Story) -> tuple[Any, ...]:
    """A call, for the trace."""
    exchanges = [(each.target, each.began, each.ending, each.stopped) for each in story.exchanges]
    return story.number, story.tenant, story.began, story.ended_at, story.how, exchanges


def _raises(event: Event) -> None:
    raise Sabotage


async def _dawdles(event: Event) -> None:
    await asyncio.sleep(1 / TICKS)
    raise Sabotage


def _cancels(event: Event) -> None:
    raise asyncio.CancelledError


async def _cancels_later(event: Event) -> None:
    raise asyncio.CancelledError


TROUBLE: list[Callable[[Event], object]] = [_raises, _dawdles, _cancels, _cancels_later]
"""Listeners that do what they should not."""


def simulate(seed: int, calls: int) -> Result:
    """One world, from its beginning to its end.

    Raises:
        ViolationError: an invariant does not hold.
    """
    with _undisturbed():
        random.seed(seed)  # ranvier's own chance
        loop = VirtualTimeLoop()
        world = World(seed, calls, loop)
        sys.unraisablehook = lambda told: world.checker.fail(2, f"{told.exc_value!r} in {told.object!r}")
        asyncio.set_event_loop(loop)
        try:
            result = _run(world, loop)
        except BaseException:
            _ruins.append(world)
            raise
        finally:
            asyncio.set_event_loop(None)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        return result


_ruins: list[World] = []
"""Worlds that were stopped in the middle: nobody can tidy them up, so they are kept as they are."""


def _run(world: World, loop: VirtualTimeLoop) -> Result:
    running = loop.create_task(world.run())
    try:
        result = loop.run_until_complete(running)
    except DeadlockError:
        world.checker.fail(1, "some call or stream never ends")
    except RuntimeError:
        if world.checker.violation is None:  # or else it has stopped the loop
            raise
    if world.checker.violation is not None:
        raise world.checker.violation
    return result


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without logs, and without a garbage collector that comes when it likes."""
    hook = sys.unraisablehook
    logging.disable()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        logging.disable(logging.NOTSET)
        sys.unraisablehook = hook
