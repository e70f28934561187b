"""Collects the events of a stream into a response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from ranvier.messages.beside.details import Details
from ranvier.messages.characters import whole_characters
from ranvier.messages.message import Part, Text, ToolCall
from ranvier.messages.native import Native
from ranvier.messages.response import FinishReason, Response, StreamEvent, ToolCallDelta
from ranvier.messages.usage import Usage

Step = StreamEvent | str
"""One step of an answer: an event, or just the text of an event without other fields, as most are."""

EXPLAINS_SILENCE = (FinishReason.LENGTH, FinishReason.CONTENT_FILTER)
"""Finish reasons that are credible without content before them."""


def collects(event: object) -> bool:
    """True for an event of one attempt with fields of the right types, also if a user's provider made it."""
    if not isinstance(event, StreamEvent) or event.restarted:
        return False
    if not (isinstance(event.text, str) and isinstance(event.reasoning, str)):
        return False
    call, reason = event.tool_call, event.finish_reason
    if call is None and reason is None:  # the most frequent case
        return True
    if not isinstance(call, ToolCallDelta | None):
        return False
    texts = (reason,) if call is None else (reason, call.id, call.name, call.arguments)
    return all(text is None or isinstance(text, str) for text in texts)


class Collector:
    """Collects what a stream has delivered so far; gives a `Response` at any moment.

    Attributes:
        usage: The last report of the tokens.
        skipped: How many malformed chunks were ignored.
        finished: A finish reason has arrived, and no content since.
        details: What the provider says beside the content; `None` while it has said nothing.
    """

    __slots__ = (
        "_calls",
        "_early",
        "_finish_reason",
        "_id",
        "_model",
        "_order",
        "_raw",
        "_reasoning",
        "details",
        "finished",
        "skipped",
        "usage",
    )

    def __init__(self) -> None:
        self._order: list[list[str] | _Call | Native] = []  # runs of text, tool calls and native parts
        self._calls: dict[int, _Call] = {}
        self._reasoning: list[str] = []
        self.usage: Usage | None = None
        self._finish_reason: FinishReason | None = None  # the last one
        self._raw: str | None = None
        self._id: str | None = None
        self._model: str | None = None
        self.skipped = 0
        self.details: Details | None = None
        self.finished = False
        self._early = False  # content or a native part has followed a finish reason

    @property
    def settled(self) -> bool:
        """True if the answer is complete, even if the stream breaks from now on.

        A finish reason before the first content does not prove that, unless it explains the missing content;
        nor does any finish reason once content has followed one. Then only the end of the stream proves it.
        """
        if not self.finished or self._early:
            return False
        return self.answered or self._finish_reason in EXPLAINS_SILENCE

    @property
    def answered(self) -> bool:
        """True once text or a tool call has arrived."""
        return any(not isinstance(piece, Native) for piece in self._order)

    @property
    def finish(self) -> StreamEvent:
        """The last event of a stream that ended normally: the finish reason, final usage and details."""
        return StreamEvent(
            finish_reason=self._finish_reason,
            raw_finish_reason=self._raw,
            usage=self.usage,
            details=self.details,
        )

    @property
    def natives(self) -> list[Native]:
        """The opaque parts that only the provider can use, in their order."""
        return [piece for piece in self._order if isinstance(piece, Native)]

    def without_repeats(self, event: StreamEvent) -> StreamEvent:
        """`event` without the id and the name of a call that has them: readers would join them."""
        delta = event.tool_call
        call = None if delta is None else self._calls.get(delta.index)
        if delta is None or call is None or (delta.id is None and delta.name is None):
            return event
        once = replace(delta, id=None if call.id else delta.id, name=None if call.name else delta.name)
        return replace(event, tool_call=once)

    def add(self, step: Step) -> None:
        """Collect the next step."""
        if isinstance(step, StreamEvent):
            self._add(step)
        elif self._order and isinstance(last := self._order[-1], list) and not self.finished:
            last.append(step)  # the most frequent case
        else:
            self._add(StreamEvent(text=step))

    def _add(self, event: StreamEvent) -> None:
        if self.finished:
            self._continue(event)
        if event.text:
            self._add_text(event.text)
        if event.reasoning:
            self._reasoning.append(event.reasoning)
        if event.tool_call is not None:
            self._add_call(event.tool_call)
        if event.parts:
            self._order.extend(event.parts)
        if event.usage is not None:
            self._add_usage(event.usage)
        if event.finish_reason is not None:
            self.finished = True
            self._finish_reason, self._raw = event.finish_reason, event.raw_finish_reason
        elif event.raw_finish_reason is not None:
            self._raw = event.raw_finish_reason
        if event.details is not None:
            self.details = event.details
        self._id = self._id or event.id
        self._model = event.model or self._model
        self.skipped += event.skipped

    def _continue(self, event: StreamEvent) -> None:
        """Handle an event after a finish reason: content revokes it."""
        if event.has_content:
            self.finished = False
        self._early = self._early or event.has_content or bool(event.parts)

    def _add_usage(self, usage: Usage) -> None:
        """Keep the last report; a malformed one without counts makes the previous one incomplete."""
        if self.usage is not None and not usage.total:
            usage = replace(self.usage, complete=self.usage.complete and usage.complete)
        self.usage = usage

    def _add_text(self, text: str) -> None:
        last = self._order[-1] if self._order else None
        if isinstance(last, list):
            last.append(text)
        else:
            self._order.append([text])

    def _add_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.get(delta.index)
        if call is None:
            call = self._calls[delta.index] = _Call(delta.index)
            self._order.append(call)
        call.id = call.id or delta.id
        call.name = call.name or delta.name
        call.native = delta.native or call.native
        call.arguments.append(delta.arguments)

    def response(self, provider: str, model: str) -> Response:
        """What has been received so far, as a response of `provider`."""
        parts = tuple(self._parts())
        calls = tuple(part for part in parts if isinstance(part, ToolCall))
        return Response(
            text="".join(part.text for part in parts if isinstance(part, Text)),
            tool_calls=calls,
            reasoning=whole_characters("".join(self._reasoning)),
            finish_reason=self._finish_reason if self.finished else None,
            raw_finish_reason=self._raw if self.finished else None,
            usage=self.usage or Usage(complete=False),
            model=self._model or model,
            provider=provider,
            id=self._id,
            parts=parts,
            details=self.details or Details(),
        )

    def answer(self, provider: str, model: str) -> Response:
        """The complete response, once the stream has ended normally, with or without a finish reason."""
        response = self.response(provider, model)
        if response.finish_reason is None:
            default = FinishReason.TOOL_CALLS if response.tool_calls else FinishReason.STOP
            response.finish_reason, response.raw_finish_reason = self._finish_reason or default, self._raw
        return response

    def _parts(self) -> Iterator[Part]:
        words: list[str] = []
        for piece in self._order:
            if isinstance(piece, list):
                words += piece
            elif isinstance(piece, Native) or piece.name:  # calls without a name are dropped
                if words:
                    yield Text(whole_characters("".join(words)))
                    words = []
                yield piece if isinstance(piece, Native) else piece.whole()
        if words:
            yield Text(whole_characters("".join(words)))


class _Call:
    """A tool call whose fragments are being received."""

    __slots__ = ("arguments", "id", "index", "name", "native")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
        self.native: Native | None = None

    def whole(self) -> ToolCall:
        """The call, from the fragments received so far."""
        arguments = whole_characters("".join(self.arguments))
        call = ToolCall.parse(self.id or f"call_{self.index}", self.name or "", arguments)
        return call if self.native is None else replace(call, native=self.native)


def steps_of(response: Response) -> Iterator[StreamEvent]:
    """The inverse of collecting: a whole answer as the events of a stream."""
    yield StreamEvent(reasoning=response.reasoning, id=response.id, model=response.model or None)
    calls = 0
    for part in response.message.parts:
        if isinstance(part, Text):
            yield StreamEvent(text=part.text)
        elif isinstance(part, ToolCall):
            arguments = json.dumps(dict(part.arguments)) if part.invalid is None else part.invalid
            yield StreamEvent(tool_call=ToolCallDelta(calls, part.id, part.name, arguments, part.native))
            calls += 1
        elif isinstance(part, Native):
            yield StreamEvent(parts=[part])
    yield StreamEvent(
        finish_reason=response.finish_reason,
        raw_finish_reason=response.raw_finish_reason,
        usage=response.usage,
        details=response.details,
    )
