"""Layers of a user: those that look on, and those that make trouble."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any

from ranvier import CircuitOpenError, RanvierError, RejectedError, SharedCircuitOpenError
from ranvier.pipeline import Call, Guard, Handler, Layer, Outcome, Permit, Place, ResponseStream
from simulation.story import STORY, Story

if TYPE_CHECKING:
    from simulation.checker import Checker
    from simulation.stacks import Stack


class Sabotage(Exception):  # noqa: N818  # because: it is no error of anybody
    """Raised by a layer of the user."""


class Spy(Layer):
    """Looks on, and tells the checker."""

    def __init__(self, place: Place, stack: Stack, checker: Checker) -> None:
        self.place = place  # type: ignore[misc]  # because: one class stands in several places
        self.stack = stack
        self.checker = checker


class Entry(Spy):
    """The outermost layer: sees a call come, and its stream end."""

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        story = STORY.get()
        self.checker.enters(story, call)
        answer = await inner(call)
        if isinstance(answer, ResponseStream):
            exchange = story.last
            self.checker.handed_out(exchange)
            answer.on_end(lambda outcome: self.checker.stream_ended(exchange, outcome))
        return answer


class BeforeBreaker(Spy):
    """Just outside the breaker: sees whom it refuses, and what it has made of an outcome."""

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        story, key = STORY.get(), self.stack.circuit_key(call.tenant, call.deployment.target)
        self.checker.meets_breaker(story, key)
        try:
            answer = await inner(call)
        except CircuitOpenError as error:
            self.checker.turned_away(story, key, call.deployment.target, error)
            raise
        except SharedCircuitOpenError as error:
            self.checker.rejected_for_all(story, call, error)
            raise
        finally:
            self.checker.compare_circuit(self.stack, key, story)
        if isinstance(answer, ResponseStream):
            answer.on_end(lambda outcome: self.checker.compare_circuit(self.stack, key, story))
        return answer


class BehindBreaker(Spy):
    """Just inside the breaker: sees whom it lets pass, and how that ends before the breaker does."""

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        story, key = STORY.get(), self.stack.circuit_key(call.tenant, call.deployment.target)
        ticket = self.checker.passes_breaker(story, key, call)
        try:
            answer = await inner(call)
        except BaseException as error:
            self.checker.settles(ticket, None, lost=isinstance(error, Sabotage))
            raise
        if isinstance(answer, ResponseStream):
            self.checker.proves(ticket)
            answer.on_end(lambda outcome: self.checker.settles(ticket, outcome))
        else:
            self.checker.settles(ticket, Outcome.SUCCEEDED)
        return answer


class Sleeper(Layer):
    """Thinks before it passes some calls on."""

    def __init__(self, place: Place, rng: Random) -> None:
        self.place = place  # type: ignore[misc]
        self._rng = rng

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        if self._rng.random() < 0.2:
            seconds = int(self._rng.random() * 64) / 64
            STORY.get().keep_busy(call.pipeline.clock() + seconds)
            await asyncio.sleep(seconds)
        return await inner(call)


class Saboteur(Layer):
    """Raises now and then, before a call or when its answer has come, and at the end of streams."""

    def __init__(self, place: Place, rng: Random) -> None:
        self.place = place  # type: ignore[misc]
        self._rng = rng

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        chance = self._rng.random()
        if chance < 0.01:
            STORY.get().sabotaged += 1
            raise Sabotage
        answer = await inner(call)
        if isinstance(answer, ResponseStream) and chance < 0.2:
            answer.on_end(_fails)
        if chance > 0.99:
            story = STORY.get()
            story.sabotaged += 1
            story.let_go = True  # nobody will ever read the stream that is lost here
            raise Sabotage
        return answer


def _fails(outcome: Outcome) -> None:
    raise Sabotage


class Again(Layer):
    """Tries once more by itself, whatever `Retry` has made of it."""

    place = Place.RETRY

    async def handle(self, call: Call, inner: Handler[Any]) -> Any:
        try:
            return await inner(call)
        except RanvierError as error:
            if not error.retryable or error.retry_after is not None:
                raise
        return await inner(call)


class Bulkhead(Guard):
    """Lets so many calls in at a time; its permits notice whoever settles them twice or not at all."""

    def __init__(self, most: int, checker: Checker) -> None:
        self.most = most
        self.inside = 0
        self.checker = checker

    def admit(self, call: Call) -> Permit:
        if self.inside >= self.most:
            raise RejectedError("too many at a time")
        self.inside += 1
        return Seat(self, STORY.get())


class Seat(Permit):
    """The right to be inside a bulkhead."""

    __slots__ = ("_bulkhead", "_settled", "_story")

    def __init__(self, bulkhead: Bulkhead, story: Story) -> None:
        self._bulkhead = bulkhead
        self._story = story
        self._settled = False
        story.permits += 1

    def settle(self, outcome: Outcome) -> None:
        if self._settled:
            self._bulkhead.checker.fail(2, "a permit was settled twice", self._story)
        self._settled = True
        self._story.permits -= 1
        self._bulkhead.inside -= 1
