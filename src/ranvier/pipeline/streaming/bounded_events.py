"""Receives the events of a provider, with a limit on every wait."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from ranvier.errors.provider import ProviderError
from ranvier.errors.root import RanvierError
from ranvier.messages.collector import Collector, Step, collects
from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent
from ranvier.pipeline.asking.foreign import failure_of
from ranvier.pipeline.asking.provider_answers import no_event
from ranvier.pipeline.streaming.provider_events import ProviderEvents, Some
from ranvier.pipeline.timing.limit import CLOSED, OVERTAKEN, Limit, too_late
from ranvier.pipeline.timing.wait_timer import WaitTimer, earlier

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

AFTER_FINISH = 5.0
"""Seconds to wait for the usage and the end of the body after the answer is known to be complete."""


class BoundedEvents:
    """The events that a provider sends in one attempt.

    Only time spent in `receive` is charged to the provider. Until the first content it is limited by
    `first_token`, which pings do not restart; from then on by `idle`, which any byte restarts.

    A provider may send a finish reason too early, or several times. So it is held back, with the usage that
    follows it, and becomes the very last event; content after it revokes it.

    Attributes:
        collector: Collects the events that have arrived.
        events: The events of the provider.
        ended: True if nothing more follows: `receive` has returned the last event.
        timer: Limits the waits.
        first: The time of the first content; `None` before it.
    """

    __slots__ = (
        "_bound",
        "_call",
        "_clock",
        "_left",
        "_some",
        "_stopped",
        "_waited",
        "collector",
        "ended",
        "events",
        "first",
        "timer",
    )

    def __init__(self, call: Call, timer: WaitTimer, events: AsyncIterator[StreamEvent]) -> None:
        self.timer = timer
        self.collector = Collector()
        self.first: float | None = None
        self._call = call
        self._clock = call.pipeline.clock
        self.events = ProviderEvents(call, events)
        self._some: Some = getattr(events, "some", None) or partial(_one, call, events)
        self._left: Iterator[Step] = iter(())  # steps that have arrived and are not read yet
        self.ended = False
        self._stopped = 0.0  # when the finish reason arrived
        self._waited = 0.0  # seconds spent waiting, in all
        self._bound: Limit = (None, "")  # of the current wait, by the attempt and the deadline

    async def receive(self) -> StreamEvent | None:
        """The next event with information, or `None` at the end.

        Raises:
            RanvierError: a limit was reached, or the provider's adapter raised an error.
        """
        event = self._next()
        if event is not None or self.ended:
            return event
        began = self._begin()
        try:
            while True:
                self._left = iter(await self._some())
                event = self._next()
                if event is not None:
                    return event
                if not self._may_continue(began):
                    return self._last()
        except BaseException as raised:
            return await self._ended_by(raised)
        finally:
            self._stop(began)

    async def gather(self) -> None:
        """Receive all remaining events in one wait, because no reader processes events in between.

        Raises:
            RanvierError: as `receive`.
        """
        began, some = self._begin(), self._some
        idle = inf if self._call.limits.idle is None else self._call.limits.idle
        try:
            while True:
                if self._collect(await some()) and self.timer.hears(self._clock(), idle):
                    continue
                if not self._may_continue(began):
                    self._last()
                    return
        except BaseException as raised:
            await self._ended_by(raised)
        finally:
            self._stop(began)

    def _begin(self) -> float:
        began, limits = self._clock(), self._call.limits
        self._bound = (self._call.deadline, "deadline")
        if limits.seconds is not None:
            self._bound = earlier(self._bound, began + limits.seconds - self._waited, "attempt")
        due, phase, silent = self._due(began, began)
        self.timer.start(due, phase, silent)
        return began

    def _stop(self, began: float) -> None:
        self.timer.stop()
        self._waited += self._clock() - began
        if self.events.read_ended is not None:
            self.events.was_read()

    def _next(self) -> StreamEvent | None:
        """The next event with information, of the steps that have arrived."""
        return next(filter(None, map(self._process, self._left)), None)

    def _collect(self, steps: Iterable[Step]) -> bool:
        """Collect `steps`; true if all of them are text of an answer that has begun.

        This is a separate function, so that no frame that waits (and may be in a traceback) holds `steps`.
        """
        only_words = self.first is not None and not self.collector.finished
        for step in steps:
            if only_words and isinstance(step, str):
                self.collector.add(step)
            else:
                only_words = False
                self._process(step)
        return only_words

    def _process(self, step: Step) -> StreamEvent | None:
        """Collect `step`; the event to show to the reader now, or `None`."""
        event = StreamEvent(text=step) if isinstance(step, str) else step
        if event is step or self.first is None or self.collector.finished:
            return None if event is SIGN_OF_LIFE else self._process_event(event)
        self.collector.add(step)  # the most frequent case: more text
        return event

    def _process_event(self, event: StreamEvent) -> StreamEvent | None:
        if event.tool_call is not None:
            event = self.collector.without_repeats(event)
        self.collector.add(event)
        if event.text or event.has_content:
            if self.first is None:
                self.first = self._clock()
                if not self._call.watch.content(self.first):
                    raise too_late(self._call, OVERTAKEN)
            if event.finish_reason is None:
                return event
        elif not self.collector.finished:
            return None if event.usage is None else event
        self._stopped = self._clock()
        if not event.has_content:
            return None
        return dataclasses.replace(event, finish_reason=None, raw_finish_reason=None, usage=None)

    async def _ended_by(self, raised: BaseException) -> StreamEvent | None:
        """The last event if a wait ended by `raised` and that is a normal end.

        Raises:
            BaseException: the error of the wait, if it failed.
        """
        closed = self.timer.ours is not None and self.timer.ours.reason == CLOSED
        failure = await self._failure(raised)
        try:
            if failure is None:
                return None if closed else self._last()
            raise failure
        finally:
            del failure, raised  # they refer to this frame: locals would complete a reference cycle

    def _last(self) -> StreamEvent | None:
        """The finish reason that was held back, now that the stream has ended normally."""
        self.ended = True
        if not self.collector.finished:
            return None
        self.first = self._clock() if self.first is None else self.first  # for an answer without content
        return self.collector.finish

    def _may_continue(self, began: float) -> bool:
        """Extend a wait since `began` after a byte arrived; false if it timed out and the answer is complete.

        Raises:
            TimedOutError: it has reached its limit.
        """
        now = self._clock()
        due, phase, silent = self._due(began, now)
        if silent <= now or (due is not None and due <= now):  # steps arrive so fast that timers do not run
            if not self.collector.settled:
                raise too_late(self._call, earlier((due, phase), silent, "idle")[1])
            return False
        self.timer.extend(due, phase, silent)
        if self.first is None:
            self._call.watch.alive(now)
        return True

    def _due(self, began: float, alive: float) -> tuple[float | None, str, float]:
        """When a wait since `began` reaches a limit, which limit that is, and when a silence is too long.

        The silence began at `alive`. The deadline is compared first, and so wins a tie.
        """
        limits, (due, phase), silent = self._call.limits, self._bound, inf
        if self.collector.finished and self.collector.settled:
            due, phase = earlier(self._bound, max(began, self._stopped) + AFTER_FINISH, "finish")
        elif self.first is not None:
            silent = inf if limits.idle is None else alive + limits.idle
        else:
            if limits.first_token is not None:
                due, phase = earlier(self._bound, began + limits.first_token - self._waited, "first_token")
            turn = self._call.watch.until
            if turn is not None:
                due, phase = earlier((due, phase), turn, "turn")
        return due, phase, silent

    async def _failure(self, raised: BaseException) -> BaseException | None:
        """The error of a wait that ended by `raised`; `None` if it was closed, or the answer is complete.

        A provider that ends normally after our cancellation has also failed.
        """
        timer = self.timer
        ours = timer.ours
        if ours is None and isinstance(raised, StopAsyncIteration):
            return None
        quietly = ours is not None and (ours.reason == CLOSED or self.collector.settled)
        if quietly and timer.ended_by(raised) is not None:
            return None
        failure = await failure_of(self._call, timer, raised)
        if not (self.collector.settled and isinstance(failure, RanvierError)):
            return failure
        reported = isinstance(failure, ProviderError) and failure.in_stream  # the provider sent an error
        return failure if reported and not self.collector.answered else None

    async def aclose(self) -> None:
        """Let the provider close its connection: see `ProviderEvents.aclose`."""
        await self.events.aclose(self.timer)


async def _one(call: Call, events: AsyncIterator[StreamEvent]) -> tuple[StreamEvent]:
    if collects(event := await anext(events)):
        return (event,)
    raise no_event(call, event)
