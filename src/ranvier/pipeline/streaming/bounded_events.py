"""A provider's events, with every wait for one bounded."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from ranvier.errors.provider import ProviderError
from ranvier.errors.root import RanvierError
from ranvier.messages.collector import Collector, Step
from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent
from ranvier.pipeline.asking.foreign import failure_of
from ranvier.pipeline.streaming.provider_events import ProviderEvents, Some
from ranvier.pipeline.timing.limit import CLOSED, Limit, too_late
from ranvier.pipeline.timing.wait_timer import WaitTimer, earlier

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

AFTER_FINISH = 5.0
"""Seconds to wait for the usage and the end of a body, once the answer is known to be whole."""


class BoundedEvents:
    """What a provider sends on behalf of one attempt.

    Only time spent in `receive` is charged to the provider. Before the first content `first_token`
    bounds it, whatever pings come; from then on `idle` does, and any byte starts that anew.

    A provider may give a finish reason early, or several times. So it is held back, with the usage that
    follows it, and is the last event of all; content takes it back.

    Attributes:
        collector: What has come.
        ended: Nothing more is to come; the event that `receive` has just returned is the last one.
        watch: What bounds the waits.
        first: When the first content came; `None` while none has.
    """

    __slots__ = (
        "_bound",
        "_call",
        "_clock",
        "_events",
        "_left",
        "_some",
        "_stopped",
        "_waited",
        "collector",
        "ended",
        "first",
        "watch",
    )

    def __init__(self, call: Call, watch: WaitTimer, events: AsyncIterator[StreamEvent]) -> None:
        self.watch = watch
        self.collector = Collector()
        self.first: float | None = None
        self._call = call
        self._clock = call.pipeline.clock
        self._events = ProviderEvents(call, events)
        self._some: Some = getattr(events, "some", None) or partial(_one, events)
        self._left: Iterator[Step] = iter(())  # steps that have come, and have not been asked for
        self.ended = False  # nothing more is to come from the provider
        self._stopped = 0.0  # when the model has said why it stopped
        self._waited = 0.0  # seconds spent waiting, in all
        self._bound: Limit = (None, "")  # of the wait under way, by the attempt and the deadline

    async def receive(self) -> StreamEvent | None:
        """The next event that tells something, or `None` at the end.

        Raises:
            RanvierError: a limit was met, or whatever the provider's adapter says.
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
                if not self._goes_on(began):
                    return self._last()
        except BaseException as raised:
            return await self._ended_by(raised)
        finally:
            self._stop(began)

    async def gather(self) -> None:
        """Receive all that is left, in one wait, since nobody holds an event meanwhile.

        Raises:
            RanvierError: as `receive`.
        """
        began, some = self._begin(), self._some
        idle = inf if self._call.limits.idle is None else self._call.limits.idle
        try:
            while True:
                if self._take_in(await some()) and self.watch.hears(self._clock(), idle):
                    continue
                if not self._goes_on(began):
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
        self.watch.start(due, phase, silent)
        return began

    def _stop(self, began: float) -> None:
        self.watch.stop()
        self._waited += self._clock() - began
        if self._events.read_ended is not None:
            self._events.was_read()

    def _next(self) -> StreamEvent | None:
        """The next event that tells something, of the steps that have come."""
        return next(filter(None, map(self._told, self._left)), None)

    def _take_in(self, steps: Iterable[Step]) -> bool:
        """Collect `steps`: true where all of them are words of an answer that has begun.

        They are no variable of the frame that waits for more: a traceback of that might show them.
        """
        only_words = self.first is not None and not self.collector.finished
        for step in steps:
            if only_words and isinstance(step, str):
                self.collector.add(step)
            else:
                only_words = False
                self._told(step)
        return only_words

    def _told(self, step: Step) -> StreamEvent | None:
        """What the reader is told of `step` now; `None` where that is nothing."""
        event = StreamEvent(text=step) if isinstance(step, str) else step
        if event is step or self.first is None or self.collector.finished:
            return None if event is SIGN_OF_LIFE else self._told_event(event)
        self.collector.add(step)  # words go on, as nearly always
        return event

    def _told_event(self, event: StreamEvent) -> StreamEvent | None:
        self.collector.add(event)
        if event.text or event.has_content:
            if self.first is None:
                self.first = self._clock()
            if event.finish_reason is None:
                return event
        elif not self.collector.finished:
            return None if event.usage is None else event
        self._stopped = self._clock()
        if not event.has_content:
            return None
        return dataclasses.replace(event, finish_reason=None, raw_finish_reason=None, usage=None)

    async def _ended_by(self, raised: BaseException) -> StreamEvent | None:
        """What is left to tell where a wait has ended by `raised`, and that is a good end.

        Raises:
            BaseException: what it has failed by.
        """
        closed = self.watch.ours is not None and self.watch.ours.reason == CLOSED
        failure = await self._failure(raised)
        try:
            if failure is None:
                return None if closed else self._last()
            raise failure
        finally:
            del failure, raised  # they hold this frame: a frame that held them too would be a cycle

    def _last(self) -> StreamEvent | None:
        """The finish reason that was held back, now that the stream has ended well."""
        self.ended = True
        if not self.collector.finished:
            return None
        self.first = self._clock() if self.first is None else self.first  # of an answer without content
        return self.collector.finish

    def _goes_on(self, began: float) -> bool:
        """Let a wait since `began` go on after a sign of life, or end it: quietly, where the answer is whole.

        Raises:
            TimedOutError: it has met its limit.
        """
        now = self._clock()
        due, phase, silent = self._due(began, now)
        if silent <= now or (due is not None and due <= now):  # a provider so busy that the loop never turns
            if not self.collector.settled:
                raise too_late(self._call, earlier((due, phase), silent, "idle")[1])
            return False
        self.watch.extend(due, phase, silent)
        return True

    def _due(self, began: float, alive: float) -> tuple[float | None, str, float]:
        """When a wait since `began` is too long, and for what; and when it is, by silence since `alive`.

        The deadline is named first, and so wins a tie.
        """
        limits, (due, phase), silent = self._call.limits, self._bound, inf
        if self.collector.finished and self.collector.settled:
            due, phase = earlier(self._bound, max(began, self._stopped) + AFTER_FINISH, "finish")
        elif self.first is not None:
            silent = inf if limits.idle is None else alive + limits.idle
        elif limits.first_token is not None:
            due, phase = earlier(self._bound, began + limits.first_token - self._waited, "first_token")
        return due, phase, silent

    async def _failure(self, raised: BaseException) -> BaseException | None:
        """What a wait that `raised` ended has failed by; `None` where it was closed, or the answer is whole.

        A provider that made a good end of our cancellation has failed as well.
        """
        watch = self.watch
        ours = watch.ours
        if ours is None and isinstance(raised, StopAsyncIteration):
            return None
        quietly = ours is not None and (ours.reason == CLOSED or self.collector.settled)
        if quietly and watch.ended_by(raised) is not None:
            return None
        failure = await failure_of(self._call, watch, raised)
        if not (self.collector.settled and isinstance(failure, RanvierError)):
            return failure
        told = isinstance(failure, ProviderError) and failure.in_stream  # by the provider itself
        return failure if told and not self.collector.answered else None

    async def aclose(self) -> None:
        """Let the provider close its connection: see `ProviderEvents.aclose`."""
        await self._events.aclose(self.watch)


async def _one(events: AsyncIterator[StreamEvent]) -> tuple[StreamEvent]:
    return (await anext(events),)
