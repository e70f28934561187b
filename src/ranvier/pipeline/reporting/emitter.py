"""Emits events to listeners.

Events are delivered in order, after the state change that they describe, and never during the delivery of
another event, so that a listener may use the pipeline. A listener runs in the context of the event's call. If
it raises, the error is logged once, and no call fails. Without listeners no events are created; with only the
default log, events below the log's level are not created.
"""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

from ranvier import validation
from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.reporting.context import context_of
from ranvier.pipeline.reporting.deliveries import Deliveries, Returned, is_async
from ranvier.pipeline.reporting.logging import LoggingListener

if TYPE_CHECKING:
    from ranvier.events import Event, Listener
    from ranvier.facts.record import Record

logger = logging.getLogger("ranvier.events")

MAX_UNDELIVERED = 10_000
"""Events that may wait for listeners; further ones are dropped, which is logged."""


class Events:
    """Delivers events to the listeners of one pipeline.

    Plain listeners are called synchronously when the event happens. Async listeners are awaited in a separate
    task, one after the other.

    Args:
        listeners: The listeners; `None` means a `LoggingListener`.

    Attributes:
        listeners: All listeners, in order; add one with `add`.
        in_context: True if a listener needs the context of the event's call, as all but the default log do;
            otherwise calls need not copy their context.
        verbose: The listeners that also receive verbose events.
        dropped: Number of deliveries that were dropped because listeners were too slow.
        deliveries: Pending deliveries to async listeners.
    """

    def __init__(self, listeners: Iterable[Listener] | None = ()) -> None:
        self._log = LoggingListener() if listeners is None else None
        self.listeners: tuple[Listener, ...] = () if self._log is None else (self._log,)
        self.verbose: tuple[Listener, ...] = ()
        self.in_context = False
        self.dropped = 0
        self._async: set[int] = set()  # ids of async listeners
        for listener in listeners or ():
            self.add(listener)
        self._delivering = False
        self._queue: deque[tuple[Event, Context | None]] = deque()
        self.deliveries = Deliveries(self._report)
        self._broken: set[int] = set()  # ids of listeners that raised; ids, because they may not be hashable
        self._dropping = False

    def add(self, listener: Listener, *, verbose: bool = False) -> None:
        """Notify `listener` of further events, after the other listeners.

        Args:
            listener: A plain or an async function.
            verbose: Also deliver the events of every call: each attempt, and the end of the call.

        Raises:
            ConfigurationError: it cannot be called with an event.
        """
        if not callable(listener):
            raise ConfigurationError(f"listeners holds {listener!r:.60}: give functions that take an event")
        validation.check_takes("listeners", listener, "event")
        self.listeners = (*self.listeners, listener)
        self.in_context = True
        if is_async(listener):
            self._async.add(id(listener))
        if verbose:
            self.verbose = (*self.verbose, listener)

    def remove(self, listener: Listener) -> None:
        """Stop notifying `listener`."""
        self.listeners = tuple(each for each in self.listeners if each is not listener)
        self.verbose = tuple(each for each in self.verbose if each is not listener)
        self.in_context = any(each is not self._log for each in self.listeners)
        self._async.discard(id(listener))
        self._broken.discard(id(listener))  # the next listener at this address is another one

    def exchange(self, before: Iterable[Listener] | None, after: Iterable[Listener] | None) -> None:
        """Replace the listeners `before` by those in `after`; `None` is the default log."""
        known, listeners_given = list(before or ()), list(after or ())
        for listener in [each for each in known if each not in listeners_given]:
            self.remove(listener)
        if self._log is not None and after is not None:
            self.remove(self._log)
            self._log = None
        elif self._log is None and before is not None and after is None:
            self._log = LoggingListener()
            self.listeners = (self._log, *self.listeners)
        for listener in [each for each in listeners_given if each not in known]:
            self.add(listener)

    def hears(self, kind: type[Event]) -> bool:
        """True if a listener uses events of `kind`; otherwise they need not be created."""
        return self.in_context or (self._log is not None and self._log.logs(kind))

    def emit(self, event: Event, record: Record | None = None) -> None:
        """Deliver `event` to its listeners; never waits, and raises no error of a listener.

        With the `record` of a call, it is delivered in the context of that call; with `None`, in the running
        context, on behalf of the event's tenant.
        """
        if not self.listeners or (record is not None and record.muted):
            return
        if len(self._queue) >= MAX_UNDELIVERED:
            self._drop(event)
            return
        context = None if record is None else record.context
        if context is None and self.in_context:  # no listener when the call began, or there is no call
            context = context_of(event.tenant or None)
        self._queue.append((event, context))
        if self._delivering:  # emitted by a listener: delivered after the current event
            return
        self._delivering = True
        try:
            while self._queue:
                self._deliver(*self._queue.popleft())
        finally:
            self._delivering = False

    def _deliver(self, event: Event, context: Context | None) -> None:
        for listener in self.verbose if event.verbose else self.listeners:
            if context is None and listener is not self._log:
                continue  # the listener was added after the event
            if id(listener) in self._async:
                self._send(listener, partial(listener, event), context)
                continue
            try:
                result = listener(event) if context is None else context.run(listener, event)
            except PLAIN_FAILURES:
                self._report(listener)
            else:
                if inspect.isawaitable(result):
                    self._send(listener, Returned(result), context)

    def _send(self, listener: Listener, deliver: Callable[[], Any], context: Context | None) -> None:
        if len(self.deliveries) >= MAX_UNDELIVERED:
            self._drop(listener)
            return
        self.deliveries.add(listener, deliver, context)

    async def drain(self) -> None:
        """Wait until everything emitted so far is delivered to the async listeners."""
        await self.deliveries.drain()

    def drop_undelivered(self) -> None:
        """Drop all pending deliveries to async listeners, which are too slow for the shutdown."""
        self.dropped += (dropped := self.deliveries.drop())
        logger.warning("async listeners were too slow for the shutdown: %d events are dropped", dropped)

    def _report(self, listener: Listener) -> None:
        if id(listener) not in self._broken:
            self._broken.add(id(listener))
            logger.exception("listener %r raised; further errors of it are not logged", listener)

    def _drop(self, what: object) -> None:
        self.dropped += 1
        if not self._dropping:
            self._dropping = True
            logger.warning("listeners are too slow: events are dropped from now on, first %r", what)
