"""One call that waits for a place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Final

from ranvier.caller import PLAIN_FAILURES
from ranvier.pipeline.waiting.held import RequeueError

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.queueing.fair_queue import FairQueue
    from ranvier.pipeline.waiting.held import Held

ADMITTED: Final = "admitted"
FULL: Final = "queue_full"
LATE: Final = "max_wait"
SENT_ON: Final = "sent_on"
NEVER: Final = "never_waits"
MOVED: Final = "moved"
"""Why a wait ends or does not start. `SENT_ON`: waiting does not help, or a later target admits the call.
`MOVED`: it was the call's turn, but the place that it held further out is taken: it waits there again."""

LOOK_AGAIN = 0.25
"""Seconds between two checks whether a call should go on waiting, while few calls wait."""

MAX_LOOKS = 2000
"""Maximum number of these checks per second, over all calls of a queue: long queues check less often."""


class Waiter:
    """The wait of one call, which ends when it has a place, is removed, times out, or goes elsewhere.

    Attributes:
        future: The way in which the wait has ended.
        outer: The place that the call held further out, and has given back for the wait.
        moved_by: The part of `outer` that is taken, if the wait has ended as `MOVED`.
    """

    __slots__ = ("_call", "_due", "_stays", "_timer", "future", "moved_by", "outer")

    def __init__(
        self, call: Call, due: float | None, stays: Callable[[], bool], outer: Held | None = None
    ) -> None:
        self.outer = outer
        self.moved_by: object = None
        self.future: asyncio.Future[str] = call.pipeline.loop.create_future()
        self._call = call
        self._due = math.inf if due is None else due
        self._stays = stays
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, queue: FairQueue[Waiter | None]) -> str:
        """Wait in `queue`; returns how the wait has ended."""
        self._set(queue)
        try:
            return await self.future
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def end(self, how: str) -> None:
        """End the wait, if it has not ended and its event loop is not closed."""
        if not self._ended:
            self.future.set_result(how)

    @property
    def _ended(self) -> bool:
        return self.future.done() or self.future.get_loop().is_closed()

    def admit(self) -> bool:
        """Admit the call and take its outer place back; false if that is taken, so that the call must leave.

        Both places are taken in one step. If the call took the outer place only when its task runs, other
        calls could take it meanwhile and wait for this one: a deadlock.
        """
        if self.outer is not None and not self._ended:
            try:
                self.outer.take_back()
            except RequeueError as error:
                self.moved_by = error.by
                self.end(MOVED)
                return False
        self.end(ADMITTED)
        return True

    def _set(self, queue: FairQueue[Waiter | None]) -> None:
        again = self._call.pipeline.clock() + max(LOOK_AGAIN, queue.waiting / MAX_LOOKS)
        loop = self._call.pipeline.loop
        self._timer = loop.call_at(min(again, self._due), self._look, queue, context=Context())

    def _look(self, queue: FairQueue[Waiter | None]) -> None:
        if self._call.pipeline.clock() >= self._due:
            self.end(LATE)
            return
        try:
            stays = self._stays()
        except PLAIN_FAILURES:  # a user's function raised: it is called again when the call is sent
            stays = True
        if stays:
            self._set(queue)
        else:
            self.end(SENT_ON)
