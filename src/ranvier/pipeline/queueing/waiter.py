"""One call that waits for a place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Final

from ranvier.caller import PLAIN_FAILURES

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.queueing.fair_queue import FairQueue

ADMITTED: Final = "admitted"
FULL: Final = "queue_full"
LATE: Final = "max_wait"
SENT_ON: Final = "sent_on"
NEVER: Final = "never_waits"
"""Why a wait ends or does not start. `SENT_ON`: waiting does not help, or a later target admits the call."""

LOOK_AGAIN = 0.25
"""Seconds after which a waiting call asks again whether to go on waiting, while few calls wait."""

MAX_LOOKS = 2000
"""Maximum number of these checks per second, over all calls of a queue: long queues check less often."""


class Waiter:
    """Ends the wait of one call: it has a place, was removed, is late, or goes elsewhere."""

    __slots__ = ("_call", "_due", "_stays", "_timer", "future")

    def __init__(self, call: Call, due: float | None, stays: Callable[[], bool]) -> None:
        self.future: asyncio.Future[str] = call.pipeline.loop.create_future()
        self._call = call
        self._due = math.inf if due is None else due
        self._stays = stays
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, queue: FairQueue[Waiter | None]) -> str:
        """How the wait in `queue` has ended."""
        self._set(queue)
        try:
            return await self.future
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def end(self, how: str) -> None:
        """End the wait, if it has not ended and its event loop is not closed."""
        if not self.future.done() and not self.future.get_loop().is_closed():
            self.future.set_result(how)

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
        except PLAIN_FAILURES:  # of a user's function, which is asked again, and may raise, when it is sent
            stays = True
        if stays:
            self._set(queue)
        else:
            self.end(SENT_ON)
