"""Threads that ask through `pipeline.sync` at once, are interrupted, and see the pipeline close."""

from __future__ import annotations

import asyncio
import collections
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from ranvier import ConfigurationError, Pipeline, RanvierError, Response, ServerError, StreamEvent, tenant
from ranvier.layers import Breaker, Bulkhead, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.pipeline.blocking.ask import Ask

PATIENCE = 120.0
"""Seconds after which a thread that still waits is taken to wait for ever."""


class Unreliable:
    """Answers, fails or dawdles at random, and counts what goes on inside it."""

    name = default_model = "unreliable"

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.inside = self.asked = 0

    async def _dawdle(self) -> None:
        self.asked += 1
        await asyncio.sleep(self.rng.choice((0, 0, 0.001, 0.003)))
        if self.rng.random() < 0.1:
            raise ServerError("no", provider=self.name)

    async def complete(self, call: Call) -> Response:
        self.inside += 1
        try:
            await self._dawdle()
            return Response(call.tenant)
        finally:
            self.inside -= 1

    async def stream(self, call: Call) -> Any:
        self.inside += 1
        try:
            await self._dawdle()
            for number in range(self.rng.choice((1, 3, 200))):
                yield StreamEvent(text=f"{call.tenant} ")
                if number % 50 == 9:
                    await asyncio.sleep(0.001)
        finally:
            self.inside -= 1


def pipeline(provider: Unreliable) -> Pipeline:
    """A whole stack, with places that the calls share."""
    layers = (
        Deadline(60),
        Fallback(provider),
        Retry(1, base_delay=0.001),
        Bulkhead(50),
        Breaker(1000),
        Timeout(30),
    )
    return Pipeline(*layers, listeners=())


@contextmanager
def interrupted(rng: random.Random, share: float) -> Iterator[None]:
    """A share of all waits ends by a `KeyboardInterrupt` after a moment, as by Ctrl-C in the main thread."""

    def wait(ask: Ask[Any]) -> None:
        if not vars(ask).get("tried") and rng.random() < share:
            vars(ask)["tried"] = True
            if ask._running.acquire(timeout=rng.random() * 0.004):
                ask._running.release()
            raise KeyboardInterrupt
        plain(ask)

    plain = Ask.wait
    with mock.patch.object(Ask, "wait", wait):
        yield


class Crowd:
    """One run with a seed.

    Attributes:
        ends: How the threads ended, with their number.
    """

    def __init__(self, seed: int, threads: int) -> None:
        self.rng = random.Random(seed)
        self.provider = Unreliable(self.rng)
        self.pipeline = pipeline(self.provider)
        self.ends: collections.Counter[str] = collections.Counter()
        self.number = threads
        self._start = threading.Barrier(threads + 1)

    def run(self) -> None:
        """Let them ask; close meanwhile."""
        threads = [threading.Thread(target=self._member, args=(number,)) for number in range(self.number)]
        with interrupted(self.rng, 0.2):
            for thread in threads:
                thread.start()
            self._start.wait()
            self._wait(self.rng.randrange(2 * self.number))
            self._close()
            for thread in threads:
                thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
        assert sum(self.ends.values()) == self.number

    def _wait(self, asked: int) -> None:
        """Wait until the provider was asked so often, or for a second."""
        for _ in range(1000):
            if self.provider.asked >= asked:
                return
            threading.Event().wait(0.001)

    def _close(self) -> None:
        drain = self.rng.choice((0.0, 0.0, 0.02))
        try:
            self.pipeline.sync.close(drain)
        except KeyboardInterrupt:
            self.pipeline.sync.close()

    def _member(self, number: int) -> None:
        rng = random.Random(self.rng.random())
        self._start.wait()
        try:
            with tenant(f"t{number}"):
                end = (self._whole, self._streamed, self._left)[number % 3](rng)
        except KeyboardInterrupt:
            end = "interrupted"
        except ConfigurationError as error:
            end = "closed" if "closed" in str(error) else str(error)
        except RanvierError as error:
            end = error.kind
        self.ends[end] += 1

    def _whole(self, rng: random.Random) -> str:
        for _ in range(3):
            answer = self.pipeline.sync.complete("Why?", deadline=rng.choice((None, 0.002, 30)))
            assert answer.text == self._tenant(), answer
        return "answered"

    def _streamed(self, rng: random.Random) -> str:
        with self.pipeline.sync.stream("Why?") as stream:
            assert {event.text for event in stream} <= {f"{self._tenant()} ", ""}
        assert stream.response is not None
        return "read"

    def _left(self, rng: random.Random) -> str:
        with self.pipeline.sync.stream("Why?") as stream:
            for _ in range(rng.randrange(3)):
                next(stream, None)
        return "left"

    @staticmethod
    def _tenant() -> str:
        from ranvier import current_tenant

        return str(current_tenant())
