"""What layers make of the events of a stream before its reader sees them: `stream.transform(function)`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

from ranvier.errors.partial import LayerError
from ranvier.messages.collector import Collector
from ranvier.messages.response import StreamEvent

if TYPE_CHECKING:
    from ranvier.messages.response import Response

Made = StreamEvent | Iterable[StreamEvent] | None
"""What a function makes of an event: one, several, or none, where it holds the content back."""

Transform = Callable[[StreamEvent], Made]
Flush = Callable[[], Made]

MAX_EVENTS = 10_000
"""Events that a function may make of one, so that an endless iterator ends."""


class Transformation:
    """The functions of one stream, those of inner layers first.

    They see events with content. How the answer ended and its usage pass them by, after everything that
    `flush` gives.

    Attributes:
        ready: Events that the reader has not taken yet.
    """

    def __init__(self) -> None:
        self.ready: deque[StreamEvent] = deque()
        self._steps: list[tuple[Transform, Flush | None]] = []
        self._collector = Collector()  # of what the reader sees
        self._natives = 0  # parts of one provider that the collector has got
        self._flushed = False

    def add(self, function: Transform, flush: Flush | None) -> None:
        """Let `function` see what the functions before it make."""
        self._steps.append((function, flush))

    def feed(self, event: StreamEvent, raw: Collector) -> None:
        """Take in the next event of the provider, whose events so far are in `raw`.

        Raises:
            LayerError: a function failed, or returned something else than events.
        """
        self._keep_natives(raw)
        ends = event.finish_reason is not None
        if event.has_content:
            content = event
            if ends or event.usage is not None:
                content = dataclasses.replace(event, finish_reason=None, raw_finish_reason=None, usage=None)
            self._pass_on([content], 0)
        if ends:
            self.flush(raw)
        if ends or event.usage is not None:
            self.ready.append(dataclasses.replace(event, text="", reasoning="", tool_call=None, parts=()))

    def flush(self, raw: Collector) -> None:
        """Take what the functions have held back, once; all events of the provider are in `raw`.

        Raises:
            LayerError: as `feed`.
        """
        if self._flushed:
            return
        self._flushed = True
        self._keep_natives(raw)
        for number, (_, flush) in enumerate(self._steps):
            if flush is not None:
                self._pass_on(_called(flush), number + 1)

    def applied_to(self, response: Response) -> Response:
        """`response`, the provider's, with the content that the reader sees."""
        seen = self._collector.response(response.provider, response.model)
        response.text, response.reasoning = seen.text, seen.reasoning
        response.tool_calls, response.parts = seen.tool_calls, seen.parts
        return response

    def _pass_on(self, events: Iterable[StreamEvent], start: int) -> None:
        """Carry `events` through the functions from number `start` on, to the reader."""
        for function, _ in self._steps[start:]:
            events = [made for event in events for made in _called(function, event)]
        for event in events:
            if event.has_content:
                self._collector.add(event)
                self.ready.append(event)

    def _keep_natives(self, raw: Collector) -> None:
        natives = raw.natives[self._natives :]
        if natives:
            self._natives += len(natives)
            self._collector.add(StreamEvent(parts=natives))


def _called(function: Callable[..., Made], *event: StreamEvent) -> list[StreamEvent]:
    """The events that a function of a layer makes; a plain call that raises CancelledError has failed."""
    try:
        made = function(*event)
        several = [made] if isinstance(made, StreamEvent) else list(islice(made or (), MAX_EVENTS + 1))
    except (Exception, asyncio.CancelledError) as error:
        raise LayerError(f"its transform raised {type(error).__name__}", _name_of(function)) from error
    if len(several) > MAX_EVENTS:
        raise LayerError(f"its transform made more than {MAX_EVENTS} events of one", _name_of(function))
    for each in several:
        if not isinstance(each, StreamEvent):
            raise LayerError(
                f"its transform returned a {type(each).__name__}: return a StreamEvent, several, or None",
                _name_of(function),
            )
    return several


def _name_of(function: Callable[..., Made]) -> str:
    """The layer that a function belongs to: `Redact` for a method, `Redact.handle` for one inside it."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type):
        return type(owner).__qualname__
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name.partition(".<locals>")[0]
