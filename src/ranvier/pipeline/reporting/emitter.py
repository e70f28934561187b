"""What happens, told to whoever listens.

An event is delivered after the state that it tells of is committed, in order, and never from inside the
delivery of another: a listener may use the pipeline. It runs in the context of the call that the event is
about. One that raises is logged once and never breaks a call. Without listeners nothing is built.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.reporting.context import context_of
from ranvier.pipeline.reporting.deliveries import Answer, Deliveries, is_async

if TYPE_CHECKING:
    from ranvier.events import Event, Listener
    from ranvier.facts.record import Record

logger = logging.getLogger("ranvier.events")

MAX_UNDELIVERED = 10_000
"""Events that may wait for listeners; later ones are lost, and the log says so."""


class Events:
    """Delivers events to the listeners of one pipeline.

    Plain listeners are called where the event happens. What async ones return is awaited by a task of
    its own, one after the other.

    Attributes:
        listeners: Who is told, in this order; add one by `add`.
        verbose: Those of them who are told of what is routine, too.
        lost: Events that were not delivered to somebody, because listeners were too slow.
        deliveries: What async listeners have still to hear.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.verbose: tuple[Listener, ...] = ()
        self.dropped = 0
        self._async: set[int] = set()  # ids of those that are called only when they are awaited
        for listener in listeners:
            self.add(listener)
        self._delivering = False
        self._queue: deque[tuple[Event, Context]] = deque()
        self.deliveries = self._awaited = Deliveries(self._report)
        self._broken: set[int] = set()  # ids of listeners: one need not be hashable
        self._lossy = False

    def add(self, listener: Listener, *, verbose: bool = False) -> None:
        """Tell `listener` too, from the next event on, after those that are told already.

        Args:
            listener: A plain or an async function.
            verbose: Tell it of what every call has as well: each attempt, and the end of the call.

        Raises:
            ConfigurationError: it cannot be called.
        """
        if not callable(listener):
            raise ConfigurationError(f"listeners holds {listener!r}: give functions that take an event")
        self.listeners = (*self.listeners, listener)
        if is_async(listener):
            self._async.add(id(listener))
        if verbose:
            self.verbose = (*self.verbose, listener)

    def remove(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self.listeners = tuple(each for each in self.listeners if each is not listener)
        self.verbose = tuple(each for each in self.verbose if each is not listener)
        self._async.discard(id(listener))

    def emit(self, event: Event, record: Record | None = None) -> None:
        """Tell everybody of `event` who wants to know; never waits, and raises no error of a listener.

        `record` is of the call that it is about: it is delivered in the context of that call. `None` is the
        running context, on behalf of the event's tenant.
        """
        if not self.listeners or (record is not None and record.muted):
            return
        if len(self._queue) >= MAX_UNDELIVERED:
            self._lose(event)
            return
        context = None if record is None else record.context
        if context is None:  # nobody listened yet when the call began, or there is none
            context = context_of(event.tenant or None)
        self._queue.append((event, context))
        if self._delivering:  # by a listener: it is told when the one under way has been told to all
            return
        self._delivering = True
        try:
            while self._queue:
                self._deliver(*self._queue.popleft())
        finally:
            self._delivering = False

    def _deliver(self, event: Event, context: Context) -> None:
        for listener in self.verbose if event.verbose else self.listeners:
            if id(listener) in self._async:
                self._send(listener, partial(listener, event), context)
                continue
            try:
                answer = context.run(listener, event)
            except PLAIN_FAILURES:
                self._report(listener)
            else:
                if inspect.isawaitable(answer):
                    self._send(listener, Answer(answer), context)

    def _send(self, listener: Listener, tell: Callable[[], Any], context: Context) -> None:
        if len(self.deliveries) >= MAX_UNDELIVERED:
            self._lose(listener)
            return
        self.deliveries.add(listener, tell, context)

    async def drain(self) -> None:
        """Wait until the async listeners have heard everything said so far."""
        await self.deliveries.drain()

    def give_up(self) -> None:
        """Tell async listeners nothing more of what has happened: it closes, and they take too long."""
        self.dropped += (dropped := self.deliveries.give_up())
        logger.warning("async listeners took too long for the closing: %d events are lost", dropped)

    def _report(self, listener: Listener) -> None:
        if id(listener) not in self._broken:
            self._broken.add(id(listener))
            logger.exception("listener %r raised; further errors of it are not logged", listener)

    def _lose(self, what: object) -> None:
        self.dropped += 1
        if not self._lossy:
            self._lossy = True
            logger.warning("listeners are too slow: events are lost from now on, first %r", what)
