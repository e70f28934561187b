"""The queue at one gate: a future for each waiting call, and one timer for all of them."""

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
    """One call at a gate: waiting, or admitted and without a result yet."""

    __slots__ = ("_call", "_queue", "future")

    def __init__(self, queue: WaitQueue, call: Call) -> None:
        self._queue = queue
        self._call = call
        self.future: asyncio.Future[bool] = call.pipeline.loop.create_future()  # whether it is admitted

    def accepted(self) -> None:
        """The provider did not reject the call."""
        self._queue.gate.accepted(self)
        self._queue.update(self._call.pipeline.clock())

    def leave(self) -> None:
        """Leave without a result."""
        self._queue.gate.leave(self)
        self._queue.update(self._call.pipeline.clock())


class WaitQueue:
    """Passes calls through a gate.

    Only `wait` awaits. Everything else happens between two awaits, so that no lock is needed, and a call
    that is cancelled, waiting or admitted already, gives its place to the next.

    `done` is called when the gate is open and need not be kept.
    """

    __slots__ = ("_done", "_pipeline", "_timer", "_timer_at", "gate")

    def __init__(self, done: Callable[[WaitQueue], None]) -> None:
        self.gate: Gate[Ticket] = Gate()
        self._done = done
        self._pipeline: Runtime | None = None  # whose loop the timer is on
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # when the timer fires; uvloop's handle does not say it once it is due

    def try_pass(self, call: Call) -> Ticket | None:
        """A ticket that the gate has admitted, or `None` if `call` has to wait."""
        now = call.pipeline.clock()
        self.update(now)
        ticket = Ticket(self, call)
        return ticket if self.gate.try_pass(ticket, now) else None

    async def wait(self, call: Call, due: float) -> Ticket | None:
        """Wait for a ticket that the gate has admitted; `None` if it is not admitted before `due`."""
        ticket = Ticket(self, call)
        self._pipeline = call.pipeline
        self.gate.wait(ticket, due)
        self.update(call.pipeline.clock())
        try:
            return ticket if await ticket.future else None
        except BaseException:
            ticket.leave()
            raise

    def close(self, reason: Reason, until: float, now: float) -> None:
        """Close the gate."""
        self.gate.close(reason, until, now)
        self.update(now)

    def reopen(self, now: float) -> None:
        """End the closed time, as an operator commands."""
        self.gate.reopen(now)
        self.update(now)

    def dismiss(self) -> None:
        """End the wait of every call: no call waits for a key that was rejected."""
        for ticket in self.gate.dismiss():
            if not ticket.future.done():
                ticket.future.set_result(False)
        self.update(self._pipeline.clock() if self._pipeline is not None else self.gate.since)

    def start_anew(self, shift: float) -> None:
        """Move to a new event loop: keep the closed time, and drop the calls that waited on the old one."""
        self.gate.start_anew(shift)
        self._pipeline = self._timer = None

    def update(self, now: float) -> None:
        """Resolve the tickets whose wait is over, and set the timer for the next."""
        for ticket, passes in self.gate.advance(now):
            if not ticket.future.done():  # a cancelled one leaves by itself, and passes its place on
                ticket.future.set_result(passes)
        if self.gate.open:
            self._done(self)
        self._set_timer(self.gate.next_at(now))

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            if when is not None and self._timer_at <= when:
                return  # let it fire: it is then set again for what is due by that time
            self._timer.cancel()
            self._timer = None
        if when is not None and self._pipeline is not None:
            self._timer = self._pipeline.loop.call_at(when, self._on_timer, context=Context())
            self._timer_at = when

    def _on_timer(self) -> None:
        self._timer = None
        assert self._pipeline is not None
        self.update(self._pipeline.clock())
