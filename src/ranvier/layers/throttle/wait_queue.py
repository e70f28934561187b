"""Tends one gate: holds a future for each call that waits, and one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

from ranvier.layers.throttle.gate import Gate, Reason

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.runtime import Runtime


class Ticket:
    """One call at a gate: it waits, or it has passed and the provider's word is awaited."""

    __slots__ = ("_call", "_keeper", "future")

    def __init__(self, keeper: WaitQueue, call: Call) -> None:
        self._keeper = keeper
        self._call = call
        self.future: asyncio.Future[bool] = call.pipeline.loop.create_future()  # whether it may pass

    def accepted(self) -> None:
        """The provider did not say no."""
        self._keeper.gate.accepted(self)
        self._keeper.look(self._call.pipeline.clock())

    def leave(self) -> None:
        """It goes, with nothing learnt."""
        self._keeper.gate.leave(self)
        self._keeper.look(self._call.pipeline.clock())


class WaitQueue:
    """Lets calls through a gate.

    Only `wait` waits. All else is done between two awaits, so that nobody needs a lock, and whoever
    is cancelled, waiting or let in already, leaves its place to the next.

    `done` is called when the gate is open and need not be kept.
    """

    __slots__ = ("_done", "_pipeline", "_rings_at", "_timer", "gate")

    def __init__(self, done: Callable[[WaitQueue], None]) -> None:
        self.gate: Gate[Ticket] = Gate()
        self._done = done
        self._pipeline: Runtime | None = None  # whose loop the timer is on
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0  # uvloop's handle of a timer that is due already does not say it

    def meet(self, call: Call) -> Ticket | None:
        """A visit that has passed the gate, if `call` may at once."""
        now = call.pipeline.clock()
        self.look(now)
        visit = Ticket(self, call)
        return visit if self.gate.meet(visit, now) else None

    async def wait(self, call: Call, due: float) -> Ticket | None:
        """The same when the gate lets it pass; `None` where it does not before `due`."""
        visit = Ticket(self, call)
        self._pipeline = call.pipeline
        self.gate.wait(visit, due)
        self.look(call.pipeline.clock())
        try:
            return visit if await visit.future else None
        except BaseException:
            visit.leave()
            raise

    def close(self, reason: Reason, until: float, now: float) -> None:
        """The provider has said no."""
        self.gate.close(reason, until, now)
        self.look(now)

    def reopen(self, now: float) -> None:
        """An operator knows better."""
        self.gate.reopen(now)
        self.look(now)

    def start_anew(self, shift: float) -> None:
        """The event loop of those who wait is closed: keep what the provider said, and nobody."""
        self.gate.start_anew(shift)
        self._pipeline = self._timer = None

    def look(self, now: float) -> None:
        """Tell those whose waiting is over, and set the timer for the next."""
        for visit, passes in self.gate.advance(now):
            if not visit.future.done():  # a cancelled one leaves by itself, and hands its place on
                visit.future.set_result(passes)
        if self.gate.open:
            self._done(self)
        self._set_timer(self.gate.next_at(now))

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            if when is not None and self._rings_at <= when:
                return  # let it run out: it is then set anew for what is due by that time
            self._timer.cancel()
            self._timer = None
        if when is not None and self._pipeline is not None:
            self._timer = self._pipeline.loop.call_at(when, self._ring, context=Context())
            self._rings_at = when

    def _ring(self) -> None:
        self._timer = None
        assert self._pipeline is not None
        self.look(self._pipeline.clock())
