"""Callers: what they ask, how they read, and when they change their mind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ranvier import deadline
from ranvier.pipeline import ResponseStream
from simulation.checker import Checker
from simulation.errands import Errand
from simulation.story import EPSILON, NEVER, STORY, Story

PROMPT = "Why?"


class Callers:
    """Carries errands out, and tells the checker how they end."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._ways: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
            "read": self._read,
            "collect": self._collect,
            "leave": self._leave,
            "drop": self._drop,
            "another": self._let_another_read,
            "shut": self._shut,
        }

    async def run(self, story: Story, errand: Errand) -> None:
        """One call, from its beginning to its end."""
        STORY.set(story)
        task = story.task = asyncio.current_task()
        timers = self._begin(story, errand)
        error: BaseException | None = None
        try:
            with _enclosed(errand):
                if errand.scope is None:
                    await self._ask(story, errand)
                else:
                    async with asyncio.timeout_at(story.began + errand.scope):
                        await self._ask(story, errand)
        except BaseException as raised:
            error = raised
        story.inside = False
        for timer in timers:
            timer.cancel()
        if error is not None:
            if errand.scope is not None and type(error) is TimeoutError:
                error = asyncio.CancelledError()
            self._checker.ended(story, "failed", error)
        if task is not None and task.cancelling() != (story.cancels if errand.scope is None else 0):
            self._checker.fail(1, f"{task.cancelling()} cancellations are left", story)
        del error

    def _begin(self, story: Story, errand: Errand) -> list[asyncio.TimerHandle]:
        now = story.began = self._time()
        given = [errand.deadline, errand.enclosing, story.stack.deadline]
        story.deadline = min((now + seconds for seconds in given if seconds is not None), default=NEVER)
        story.inside = True
        story.hedges = errand.hedge is not False
        loop = self._loop
        timers = [loop.call_at(now + after, self._cancel, story) for after in errand.cancels]
        if errand.scope is not None:
            timers.append(loop.call_at(now + errand.scope, self._cancelled, story))
        return timers

    def _cancel(self, story: Story) -> None:
        story.cancel(self._time())

    def _cancelled(self, story: Story) -> None:
        """An `asyncio.timeout` cancels the caller in this very turn."""
        if story.inside:
            story.cancelled_at = self._time()
            story.cancels += 1

    async def _ask(self, story: Story, errand: Errand) -> None:
        pipeline = story.stack.pipeline
        if story.streaming:
            await self._ways[errand.way](story, errand)
            return
        answer = await pipeline.complete(
            PROMPT, to=story.start, tenant=story.tenant, deadline=errand.deadline, hedge=errand.hedge
        )
        story.inside = False
        self._checker.ended(story, "answered", answer)

    # --- ways to read ----------------------------------------------------------------------------

    def _open(self, story: Story, errand: Errand) -> Any:
        return story.stack.pipeline.stream(
            PROMPT, to=story.start, tenant=story.tenant, deadline=errand.deadline, hedge=errand.hedge
        )

    async def _read(self, story: Story, errand: Errand) -> None:
        """To the end, with pauses."""
        async with self._open(story, errand) as stream:
            await self._events(story, stream, errand.hold)
        self._has_read(story, stream)

    async def _collect(self, story: Story, errand: Errand) -> None:
        """To the end, at once."""
        async with self._open(story, errand) as stream:
            story.reading = True
            await stream.collect()
        self._has_read(story, stream)

    async def _leave(self, story: Story, errand: Errand) -> None:
        """A few texts, and no more."""
        async with self._open(story, errand) as stream:
            if await self._events(story, stream, errand.hold, errand.most):
                story.let_go = True
        story.inside = False
        if story.let_go:
            self._checker.ended(story, "left", stream.attempts)
        else:
            self._has_read(story, stream)

    async def _drop(self, story: Story, errand: Errand) -> None:
        """A few texts; then the stream is forgotten, without being closed."""
        stream = await self._open(story, errand)
        if await self._events(story, stream, errand.hold, errand.most):
            story.let_go = True
            story.inside = False
            del stream
            self._checker.ended(story, "dropped")
        else:
            self._has_read(story, stream)

    async def _let_another_read(self, story: Story, errand: Errand) -> None:
        """One task opens it, another reads it."""
        async with self._open(story, errand) as stream:
            await self._loop.create_task(self._events(story, stream, errand.hold))
        self._has_read(story, stream)

    async def _shut(self, story: Story, errand: Errand) -> None:
        """Another task reads it, and this one closes it."""
        async with self._open(story, errand) as stream:
            reader = self._loop.create_task(self._events(story, stream, errand.hold))
            reader.add_done_callback(_look_at)
            story.read_elsewhere = True
            try:
                await asyncio.wait([reader], timeout=errand.most / 4)
                story.let_go = story.let_go or not stream.ended
                await stream.aclose()
                await reader
            except asyncio.CancelledError:
                story.let_go = True
                raise
            finally:
                reader.cancel()
        story.inside = False
        if story.let_go:
            self._checker.ended(story, "left", stream.attempts)
        else:
            self._has_read(story, stream)

    async def _events(self, story: Story, stream: ResponseStream, hold: float, most: int = 1000) -> bool:
        """Read on; true once there were so many texts, false at the end."""
        exchange = story.last
        number = 0
        while number < most:
            began = self._time()
            story.reading = True
            try:
                event = await anext(stream)
            except StopAsyncIteration:
                return False
            finally:
                story.reading = False
                self._check_wait(story, began)
            if event.text:
                said = exchange.said if exchange.streamed else ["".join(exchange.said)]
                if number >= len(said) or said[number] != event.text:
                    self._checker.fail(7, f"{event.text!r} is text {number}, but {said} was said", story)
                number += 1
            if hold:
                await asyncio.sleep(hold)
        return True

    def _check_wait(self, story: Story, began: float) -> None:
        if self._time() > max(began, story.deadline, story.busy_until) + EPSILON:
            self._checker.fail(1, f"a read that began at {began:.6f} goes on after the deadline", story)

    def _has_read(self, story: Story, stream: ResponseStream) -> None:
        story.inside = False
        if stream.response is None and story.stack.cut_off and story.let_go:
            self._checker.ended(story, "left", stream.attempts)
        elif stream.response is None:
            self._checker.fail(7, "its stream has come to an end without an answer", story)
        else:
            self._checker.ended(story, "read", stream.response)


def _enclosed(errand: Errand) -> AbstractContextManager[None]:
    return nullcontext() if errand.enclosing is None else deadline(errand.enclosing)


def _look_at(reader: asyncio.Task[bool]) -> None:
    """Its error is nobody's business where the one that waits for it was cancelled."""
    if not reader.cancelled():
        reader.exception()
