"""The queue at one gate: its timer, and its waiting calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

from ranvier.layers.throttle.gate import Gate, Reason
from ranvier.pipeline.queueing.waiter import ADMITTED, FULL, MOVED, SENT_ON, Waiter
from ranvier.pipeline.waiting.held import RequeueError

if TYPE_CHECKING:
    from ranvier.layers.throttle.waiting import Turn
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.queueing.tenants import Entry
    from ranvier.pipeline.runtime import Runtime


class Ticket:
    """One call at a gate: waiting, or admitted and without a result yet."""

    __slots__ = ("_call", "_entry", "_queue")

    def __init__(self, queue: WaitQueue, call: Call, entry: Entry[Waiter | None]) -> None:
        self._queue = queue
        self._call = call
        self._entry = entry

    def accepted(self) -> None:
        """The provider did not reject the call."""
        now = self._call.pipeline.clock()
        self._queue.gate.accepted(self._entry, now)
        self._queue.update(now)

    def leave(self, *, sent: bool = False) -> None:
        """Leave without a result."""
        now = self._call.pipeline.clock()
        self._queue.gate.leave(self._entry, now, sent=sent)
        self._queue.update(now)


class WaitQueue:
    """Passes calls through a gate.

    Only `wait` awaits, so no lock is needed. A cancelled call, whether waiting or admitted, gives its place
    to the next one.

    `done` is called when the gate is open and need not be kept.
    """

    __slots__ = ("_done", "_pipeline", "_timer", "_timer_at", "gate")

    def __init__(self, gate: Gate[Waiter | None], done: Callable[[WaitQueue], None]) -> None:
        self.gate = gate
        self._done = done
        self._pipeline: Runtime | None = None  # the pipeline on whose loop the timer is
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0  # when the timer fires; uvloop's handle does not say it once it is due

    def try_pass(self, call: Call) -> Ticket | None:
        """A ticket that the gate has admitted, or `None` if `call` has to wait."""
        now = call.pipeline.clock()
        self.update(now)
        entry = self.gate.try_pass(None, call.tenant, now)
        return None if entry is None else Ticket(self, call, entry)

    async def wait(self, call: Call, turn: Turn, due: float, stays: Callable[[], bool]) -> Ticket | None:
        """Wait for a ticket that the gate has admitted; `None` if `call` is not admitted before `due`.

        While it waits, `stays` is called several times a second: false ends the wait.

        Raises:
            RequeueError: the call is admitted, but the place that it held further out is taken.
        """
        waiter, now = Waiter(call, due, stays, call.held), call.pipeline.clock()
        self._pipeline = call.pipeline
        entry, removed = self.gate.queue.wait(waiter, call.tenant, now, **turn._asdict())
        if removed is not None:
            _end(removed, FULL)
        self.update(now)
        ticket, how = Ticket(self, call, entry), ""
        try:
            how = await waiter.wait(self.gate.queue)
        finally:
            if how != ADMITTED:
                ticket.leave()
        if how == MOVED:
            raise RequeueError(waiter.moved_by)
        return ticket if how == ADMITTED else None

    def close(self, reason: Reason, until: float, now: float) -> None:
        """Close the gate."""
        for entry in self.gate.close(reason, until, now):
            _end(entry, SENT_ON)
        self.update(now)

    def reopen(self, now: float) -> None:
        """End the closed time, as an operator commands."""
        self.gate.reopen(now)
        self.update(now)

    def dismiss(self, now: float) -> None:
        """End the wait of every call: no call waits for a key that was rejected."""
        for entry in self.gate.queue.clear(now):
            _end(entry, SENT_ON)
        self.update(now)

    def start_anew(self, shift: float) -> None:
        """Move to a new event loop: keep the closed time, and drop the calls that waited on the old one."""
        self.gate.start_anew(shift)
        self._pipeline = self._timer = None

    def update(self, now: float) -> None:
        """End the waits of the calls that are admitted, and set the timer for the next."""
        while admitted := self.gate.advance(now):
            for entry in admitted:  # a cancelled one leaves by itself, and passes its place on
                if entry.item is not None and not entry.item.admit():
                    self.gate.leave(entry, now)
        if self.gate.open:
            self._done(self)
        self._set_timer(self.gate.next_at(now))

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            if when is not None and self._timer_at <= when:
                return  # let it fire early: it is then set again
            self._timer.cancel()
            self._timer = None
        if when is not None and self._pipeline is not None:
            self._timer = self._pipeline.loop.call_at(when, self._on_timer, context=Context())
            self._timer_at = when

    def _on_timer(self) -> None:
        self._timer = None
        assert self._pipeline is not None
        self.update(self._pipeline.clock())


def _end(entry: Entry[Waiter | None], how: str) -> None:
    if entry.item is not None:
        entry.item.end(how)
