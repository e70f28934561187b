"""Applies the functions of layers to the events of a stream: `stream.transform(function)`."""

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

FunctionResult = StreamEvent | Iterable[StreamEvent] | None
"""The result of a function: one event, several, or `None` to hold the content back."""

Transform = Callable[[StreamEvent], FunctionResult]
Flush = Callable[[], FunctionResult]

MAX_EVENTS = 10_000
"""Events that a function may return for one event, as a guard against endless iterators."""


class Transformation:
    """The functions of one stream, those of inner layers first.

    They are called with events that have content. The finish reason and the usage bypass them, and come after
    the events that `flush` returns.

    Attributes:
        ready: Events that the reader has not read yet.
    """

    def __init__(self) -> None:
        self.ready: deque[StreamEvent] = deque()
        self._steps: list[tuple[Transform, Flush | None]] = []
        self._collector = Collector()  # collects the events that the reader sees
        self._natives = 0  # native parts that the collector has already
        self._flushed = False

    def add(self, function: Transform, flush: Flush | None) -> None:
        """Add `function` after the others; it is called with their results."""
        self._steps.append((function, flush))

    def feed(self, event: StreamEvent, raw: Collector) -> None:
        """Process the next event of the provider; `raw` has collected the events so far.

        Raises:
            LayerError: a function failed, or returned something other than events.
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
        """Release what the functions have held back, once; `raw` has collected all events of the provider.

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
        """The provider's `response` with the content that the reader sees."""
        seen = self._collector.response(response.provider, response.model)
        response.text, response.reasoning = seen.text, seen.reasoning
        response.tool_calls, response.parts = seen.tool_calls, seen.parts
        return response

    def _pass_on(self, events: Iterable[StreamEvent], start: int) -> None:
        """Pass `events` through the functions from index `start` on, to the reader."""
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


def _called(function: Callable[..., FunctionResult], *event: StreamEvent) -> list[StreamEvent]:
    """The events that a function of a layer returns; a CancelledError that it raises is its own failure."""
    try:
        made = function(*event)
        several = [made] if isinstance(made, StreamEvent) else list(islice(made or (), MAX_EVENTS + 1))
    except (Exception, asyncio.CancelledError) as error:
        raise LayerError(f"its transform raised {type(error).__name__}", _name_of(function)) from error
    if len(several) > MAX_EVENTS:
        raise LayerError(f"its transform returned more than {MAX_EVENTS} events for one", _name_of(function))
    for each in several:
        if not isinstance(each, StreamEvent):
            raise LayerError(
                f"its transform returned a {type(each).__name__}: return a StreamEvent, several, or None",
                _name_of(function),
            )
    return several


def _name_of(function: Callable[..., FunctionResult]) -> str:
    """The name of the layer of a function: `Redact` for a method, `Redact.handle` for one inside it."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type):
        return type(owner).__qualname__
    name: str = getattr(function, "__qualname__", type(function).__qualname__)
    return name.partition(".<locals>")[0]
