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
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ranvier.errors import ConfigurationError
from ranvier.pipeline.asking.foreign import PLAIN_FAILURES
from ranvier.pipeline.events.context import context_of
from ranvier.pipeline.events.deliveries import Answer, Deliveries, is_async

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

logger = logging.getLogger("ranvier.events")

MAX_UNDELIVERED = 10_000
"""Events that may wait for listeners; later ones are lost, and the log says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened on behalf of `tenant` at `provider`; `routine` is what every call has."""

    name: ClassVar[str] = "event"
    routine: ClassVar[bool] = False

    tenant: str
    provider: str
    model: str | None = None


def where(call: Call) -> dict[str, str]:
    """What every event says of `call`: whose it is, and who is asked."""
    deployment = call.deployment
    return {"tenant": call.tenant, "provider": deployment.provider.name, "model": deployment.model}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """Attempt number `attempt` failed with an error of `kind`; the next follows in `delay` seconds."""

    name: ClassVar[str] = "retry"

    attempt: int
    delay: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackTaken(Event):
    """The target failed with an error of `kind`, or its answer was `empty`; `to` is asked next."""

    name: ClassVar[str] = "fallback"

    to: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChanged(Event):
    """A circuit went from state `before` to state `after`: closed, open, half_open or isolated."""

    name: ClassVar[str] = "circuit"

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRejected(Event):
    """A circuit that is not closed, or the closed gate of a key, let a call not through."""

    name: ClassVar[str] = "rejected"

    kind: str
    retry_after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """The provider limits a key, or is overloaded: for `seconds` nothing more is sent with that key."""

    name: ClassVar[str] = "throttled"

    kind: str
    seconds: float
    key: str
    """A digest that tells keys apart; it is good for nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRefused(Event):
    """A key was refused or is out of credit: for `seconds` it is not used again."""

    name: ClassVar[str] = "credential_refused"

    kind: str
    seconds: float
    key: str
    """As in `Throttled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFull(Event):
    """Every circuit is in use and there is no room for another: the call passes without one."""

    name: ClassVar[str] = "registry_full"

    max_circuits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInterrupted(Event):
    """A stream broke after its hand-out, by an error of `kind`."""

    name: ClassVar[str] = "stream_interrupted"

    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDropped(Event):
    """A parameter, or a field of a part, that only tunes was left out: the target does not take it."""

    name: ClassVar[str] = "parameter_dropped"

    parameter: str


Listener = Callable[[Event], object]
"""Told of every event; a plain function or an async one."""


class Events:
    """Delivers events to the listeners of one pipeline.

    Plain listeners are called where the event happens. What async ones return is awaited by a task of
    its own, one after the other.

    Attributes:
        listeners: Who is told, in this order; add one by `add`.
        attentive: Those of them who are told of what is routine, too.
        lost: Events that were not delivered to somebody, because listeners were too slow.
        deliveries: What async listeners have still to hear.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners: tuple[Listener, ...] = ()
        self.attentive: tuple[Listener, ...] = ()
        self.lost = 0
        self._async: set[int] = set()  # ids of those that are called only when they are awaited
        for listener in listeners:
            self.add(listener)
        self._delivering = False
        self._queue: deque[tuple[Event, Context]] = deque()
        self.deliveries = self._awaited = Deliveries(self._report)
        self._broken: set[int] = set()  # ids of listeners: one need not be hashable
        self._lossy = False

    def add(self, listener: Listener, *, routine: bool = False) -> None:
        """Tell `listener` too, from the next event on, after those that are told already.

        Args:
            listener: A plain or an async function.
            routine: Tell it of what every call has as well: each attempt, and the end of the call.

        Raises:
            ConfigurationError: it cannot be called.
        """
        if not callable(listener):
            raise ConfigurationError(f"listeners holds {listener!r}: give functions that take an event")
        self.listeners = (*self.listeners, listener)
        if is_async(listener):
            self._async.add(id(listener))
        if routine:
            self.attentive = (*self.attentive, listener)

    def remove(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self.listeners = tuple(each for each in self.listeners if each is not listener)
        self.attentive = tuple(each for each in self.attentive if each is not listener)
        self._async.discard(id(listener))

    def emit(self, event: Event, call: Call | None = None) -> None:
        """Tell everybody of `event` who wants to know; never waits, and raises no error of a listener.

        `call` is the one that it is about, in whose context it is told; `None` is the running context, on
        behalf of the event's tenant.
        """
        record = getattr(call, "record", None)
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
        for listener in self.attentive if event.routine else self.listeners:
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
        self.lost += (lost := self.deliveries.give_up())
        logger.warning("async listeners took too long for the closing: %d events are lost", lost)

    def _report(self, listener: Listener) -> None:
        if id(listener) not in self._broken:
            self._broken.add(id(listener))
            logger.exception("listener %r raised; further errors of it are not logged", listener)

    def _lose(self, what: object) -> None:
        self.lost += 1
        if not self._lossy:
            self._lossy = True
            logger.warning("listeners are too slow: events are lost from now on, first %r", what)
