"""A provider's events, with every wait for one bounded."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ranvier.errors import RanvierError
from ranvier.messages import SIGN_OF_LIFE, StreamEvent
from ranvier.pipeline.cancellation import CLEANUP_SECONDS
from ranvier.pipeline.collector import Collector
from ranvier.pipeline.foreign import failure_of
from ranvier.pipeline.limit import CLOSED, Limit, earlier, too_late
from ranvier.pipeline.watch import Watch

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

AFTER_FINISH = 5.0
"""Seconds to wait for the usage and the end of a body, once the model has said why it stopped."""


class Source:
    """What a provider sends on behalf of one attempt.

    Only time spent in `receive` is charged to the provider. Before the first content `first_token`
    bounds it, whatever pings come; from then on `idle` does, and any byte starts that anew.
    """

    __slots__ = (
        "_call",
        "_clock",
        "_closing",
        "_events",
        "_read_ended",
        "_started",
        "_waited",
        "collector",
        "watch",
    )

    def __init__(self, call: Call, watch: Watch, events: AsyncIterator[StreamEvent]) -> None:
        self.watch = watch
        self.collector = Collector()
        self._call = call
        self._clock = call.pipeline.clock
        self._events = events
        self._closing = asyncio.Lock()  # a generator refuses to be closed twice at once
        self._read_ended: asyncio.Future[None] | None = None  # made by who waits for the end of a read
        self._started = False  # content has come
        self._waited = 0.0  # seconds spent waiting, in all

    async def receive(self) -> StreamEvent | None:
        """The next event that tells something, or `None` at the end.

        Raises:
            RanvierError: a limit was met, or whatever the provider's adapter says.
        """
        began = self._clock()
        self.watch.start(*self._due(began, began))
        try:
            while True:
                event = await anext(self._events)
                if self._tells_something(event):
                    return event
                if not self._goes_on(began):
                    return None
        except BaseException as raised:
            failure = await self._failure(raised)
            try:
                if failure is None:
                    return None
                raise failure
            finally:
                del failure  # it holds this frame: a frame that held it too would be a cycle
        finally:
            self.watch.stop()
            self._waited += self._clock() - began
            if self._read_ended is not None and not self._read_ended.done():
                self._read_ended.set_result(None)

    def _tells_something(self, event: StreamEvent) -> bool:
        if event is SIGN_OF_LIFE:
            return False
        self.collector.add(event)
        if event.has_content:
            self._started = True
            return True
        return event.finish_reason is not None or event.usage is not None

    def _goes_on(self, began: float) -> bool:
        """Let a wait since `began` go on after a sign of life, or end it: quietly, where the answer is whole.

        Raises:
            TimedOutError: it has met its limit.
        """
        now = self._clock()
        due, phase = self._due(began, now)
        if due is not None and due <= now:  # a provider so busy that the loop never turns
            self._give_up(phase)
            return False
        self.watch.extend(due, phase)
        return True

    def _due(self, began: float, alive: float) -> Limit:
        """When a wait since `began`, with its last sign of life at `alive`, is too long, and for what.

        The deadline is named first, and so wins a tie.
        """
        limits = self._call.limits
        due: Limit = (self._call.deadline, "deadline")
        if limits.seconds is not None:
            due = earlier(due, began + limits.seconds - self._waited, "attempt")
        if self.collector.finished:
            return earlier(due, began + AFTER_FINISH, "finish")
        if self._started and limits.idle is not None:
            return earlier(due, alive + limits.idle, "idle")
        if not self._started and limits.first_token is not None:
            return earlier(due, began + limits.first_token - self._waited, "first_token")
        return due

    def _give_up(self, reason: str) -> None:
        """End a wait that was too long: quietly where the answer is whole, else with an error."""
        if not self.collector.finished:
            raise too_late(self._call, reason)

    async def _failure(self, raised: BaseException) -> BaseException | None:
        """What a wait that `raised` ended has failed by; `None` where it was closed, or the answer is whole.

        A provider that made a good end of our cancellation has failed as well.
        """
        watch = self.watch
        ours = watch.ours
        if ours is None and isinstance(raised, StopAsyncIteration):
            return None
        quietly = ours is not None and (ours.reason == CLOSED or self.collector.finished)
        if quietly and watch.ended_by(raised) is not None:
            return None
        failure = await failure_of(self._call, watch, raised)
        only_wrapping = self.collector.finished and isinstance(failure, RanvierError)
        return None if only_wrapping else failure

    async def aclose(self) -> None:
        """Let the provider close its connection, and wait until it has, for `CLEANUP_SECONDS` at most.

        What goes wrong then is logged: it changes nothing about how the stream has ended.
        """
        close = getattr(self._events, "aclose", None)
        if close is None or getattr(self._events, "ag_frame", close) is None:  # a generator that has ended
            return
        async with self._closing:
            while self.watch.waiting:  # in another task: a generator that runs cannot be closed
                self._read_ended = asyncio.get_running_loop().create_future()
                await self._read_ended
            if gc.is_finalized(self._events):  # collected together with its stream: the loop closes it
                return
            watch = Watch(self._call)
            watch.start(self._clock() + CLEANUP_SECONDS, "cleanup")
            try:
                await close()
            except BaseException as error:
                late = watch.ended_by(error) is not None
                if not (late or isinstance(error, Exception) or watch.is_theirs(error)):
                    raise
                self._complain(late)
            finally:
                watch.end()

    def _complain(self, late: bool) -> None:
        deployment = self._call.deployment
        what = f"took more than {CLEANUP_SECONDS:g} s" if late else "failed"
        self._call.pipeline.lifecycle.complaints.log(
            "cleanup", deployment.provider.name, f"closing a stream of %s {what}", deployment, trace=not late
        )
