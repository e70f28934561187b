"""The tasks of a run: one reads the prompts, and each of the others sends one prompt."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from ranvier.caller import PLAIN_FAILURES
from ranvier.clock import now
from ranvier.errors.root import RanvierError
from ranvier.facts.price import Prices
from ranvier.messages.response import Response
from ranvier.pipeline.mapping.answers import Answers, open_answers, record_of
from ranvier.pipeline.mapping.bars import Bar, bar_for
from ranvier.pipeline.mapping.progress import Progress
from ranvier.pipeline.mapping.prompts import PendingPrompt, Prompts
from ranvier.pipeline.mapping.result import Result
from ranvier.pipeline.mapping.settings import Settings
from ranvier.pipeline.reporting.context import start_task

AHEAD = 4
"""The maximum number of prompts whose results are not yet read, in multiples of `concurrency`."""

SHOWN_EVERY = 0.1
"""Seconds between two updates of the progress."""


class Workers:
    """One task that reads prompts, and one task for each call in flight.

    All prompts are read in one task, so that generators and cancel scopes stay in their task. It pauses while
    `AHEAD * concurrency` results are not yet read, for example because of a slow reader, or a slow prompt
    whose result is next in order.

    Attributes:
        complete: True once every prompt has been read and its result taken.
    """

    def __init__(
        self,
        prompts: Prompts,
        send: Callable[[Any], Coroutine[Any, Any, Response[Any]]],
        settings: Settings,
        prices: Prices,
        is_closed: Callable[[], bool],
    ) -> None:
        self._prompts, self._send, self._settings = prompts, send, settings
        self._prices, self._is_closed = prices, is_closed
        self._context = copy_context()  # the caller's context, with the tenant of the calls
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: dict[int, Result[Any]] = {}  # by turn; bounded by `_room`
        self._order: deque[int] = deque()  # the turns of results, in order of completion
        self._turn = self._answered = self._failed = self._in_flight = 0
        self._failure: BaseException | None = None  # ends the run at once
        self._unread: BaseException | None = None  # raised by the prompts; ends the run after calls in flight
        self._answers: Answers | None = None
        self._bar: Bar | None = None
        self._shown = 0.0
        self._begun: float | None = None
        self._ended: float | None = None
        self._stopping = self.complete = False
        self._cost = 0.0

    # --- the reader ------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the file, and begin to read on the running loop."""
        self._bar = bar_for(self._settings.progress)
        if self._settings.file is not None:
            self._answers = self._prompts.known = open_answers(self._settings.file)
        self._ready = asyncio.Event()
        self._room = asyncio.Semaphore(AHEAD * self._settings.concurrency)
        self._places = asyncio.Semaphore(self._settings.concurrency)
        self._loop = asyncio.get_running_loop()
        self._begun = now()
        self._start(self._read(), self._read_ended)

    async def next(self) -> Result[Any] | None:
        """The next result; `None` after the last one.

        Raises:
            BaseException: the error that ended the run.
        """
        while True:
            result = self._taken()
            if result is not None:
                self._room.release()
                if self._settings.errors == "raise" and result.error is not None:
                    raise result.error
                return result
            if self._failure is not None:
                raise self._failure
            if not self._tasks:
                break
            self._ready.clear()
            await self._ready.wait()
        if self._unread is not None:
            raise self._unread
        self.complete = not self._stopping
        return None

    def _taken(self) -> Result[Any] | None:
        if not self._settings.in_order:
            return self._results.pop(self._order.popleft()) if self._order else None
        result = self._results.pop(self._turn, None)
        if result is not None:
            self._turn += 1
        return result

    async def stop(self) -> None:
        """Cancel the calls in flight, and close the file."""
        tasks = () if self._stopping else self._tasks  # cancel once: twice would cancel their cleanup
        self._stopping = True
        try:
            for task in tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._ended = self._ended or now()
            if self._answers is not None:
                self._answers.close()
                self._answers = None
            self._update(last=True)

    # --- the tasks -------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None], ended: Callable[[asyncio.Task[None]], None]) -> None:
        task = start_task(self._loop, work, self._context)
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _read(self) -> None:
        try:
            while True:
                await self._room.acquire()
                await self._places.acquire()
                pending = await self._prompts.next()
                if pending is None or self._stopping or self._failure is not None:
                    break  # also if the iterable has swallowed a cancellation
                self._start(self._ask(pending), self._ask_ended)
        finally:
            await self._prompts.aclose()

    async def _ask(self, pending: PendingPrompt) -> None:
        self._in_flight += 1
        try:
            self._keep(pending, await self._result_of(pending))
        finally:
            self._in_flight -= 1
            self._prompts.ended(pending)
            self._places.release()

    async def _result_of(self, pending: PendingPrompt) -> Result[Any]:
        record = None
        try:
            response = await self._send(self._prompts.prompt_of(pending))
            if self._answers is not None:
                record = record_of(pending.key, pending.index, response)
        except Exception as error:
            if self._is_closed():
                raise
            return Result(pending.index, pending.key, pending.item, error)
        if record is not None and self._answers is not None:
            self._answers.add(record)  # if this fails, the run ends: no further answer could be written
        return Result(pending.index, pending.key, pending.item, None, response)

    def _keep(self, pending: PendingPrompt, result: Result[Any]) -> None:
        self._results[pending.turn] = result
        if not self._settings.in_order:
            self._order.append(pending.turn)
        if result.error is None:
            self._answered += 1
        else:
            self._failed += 1
        if self._prices:
            self._cost += _cost(result, self._prices)
        self._ready.set()
        self._update()

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._unread = self._error_of(task, "the iterable of prompts raised a CancelledError")

    def _ask_ended(self, task: asyncio.Task[None]) -> None:
        error = self._error_of(task, "a call of this run was cancelled by other code")
        self._failure = self._failure or error

    def _error_of(self, task: asyncio.Task[None], if_cancelled: str) -> BaseException | None:
        self._tasks.discard(task)
        self._ready.set()
        if task.cancelled():
            return None if self._stopping else RuntimeError(if_cancelled)
        return task.exception()

    # --- the progress ----------------------------------------------------------------------------

    def progress(self) -> Progress:
        """The current progress."""
        end = now() if self._ended is None else self._ended
        return Progress(
            self._prompts.total,
            self._answered,
            self._failed,
            self._prompts.skipped,
            self._in_flight,
            0.0 if self._begun is None else end - self._begun,
            self._cost if self._prices else None,
        )

    def _update(self, *, last: bool = False) -> None:
        if self._bar is None:
            return
        if last or now() >= self._shown + SHOWN_EVERY:
            self._shown = now()
            self._bar.update(self.progress())
        if last:
            self._bar.close()
            self._bar = None


def _cost(result: Result[Any], prices: Prices) -> float:
    """The cost of all attempts for a prompt, including failed ones."""
    outcome = result.error if isinstance(result.error, RanvierError) else result.answer
    story = None if outcome is None else outcome.story
    try:
        return 0.0 if story is None else story.cost(prices)
    except PLAIN_FAILURES:  # the usage was made by code that is not ours
        return 0.0
