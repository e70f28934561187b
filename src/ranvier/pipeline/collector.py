"""Puts the steps of a stream together again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from ranvier.messages import (
    FinishReason,
    Native,
    Part,
    Response,
    StreamEvent,
    Text,
    ToolCall,
    ToolCallDelta,
    Usage,
)


class Collector:
    """What a stream has delivered so far, as a `Response` at any moment."""

    __slots__ = (
        "_calls",
        "_finish_reason",
        "_id",
        "_model",
        "_order",
        "_raw",
        "_reasoning",
        "skipped",
        "usage",
    )

    def __init__(self) -> None:
        self._order: list[list[str] | _Call | Native] = []  # runs of text, tool calls and native parts
        self._calls: dict[int, _Call] = {}
        self._reasoning: list[str] = []
        self.usage: Usage | None = None
        self._finish_reason: FinishReason | None = None
        self._raw: str | None = None
        self._id: str | None = None
        self._model: str | None = None
        self.skipped = 0

    @property
    def finished(self) -> bool:
        """True once the model has said why it stopped: only usage may follow."""
        return self._finish_reason is not None

    def add(self, event: StreamEvent) -> None:
        """Take in the next step."""
        if event.text:
            self._add_text(event.text)
        if event.reasoning:
            self._reasoning.append(event.reasoning)
        if event.tool_call is not None:
            self._add_call(event.tool_call)
        if event.parts:
            self._order.extend(event.parts)
        self.usage = event.usage or self.usage
        self._finish_reason = self._finish_reason or event.finish_reason
        self._raw = self._raw or event.raw_finish_reason
        self._id = self._id or event.id
        self._model = event.model or self._model
        self.skipped += event.skipped

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
        """What has been received, as the answer of `provider`."""
        parts = tuple(self._parts())
        calls = tuple(part for part in parts if isinstance(part, ToolCall))
        return Response(
            text="".join(part.text for part in parts if isinstance(part, Text)),
            tool_calls=calls,
            reasoning="".join(self._reasoning),
            finish_reason=self._finish_reason,
            raw_finish_reason=self._raw,
            usage=self.usage or Usage(complete=False),
            model=self._model or model,
            provider=provider,
            id=self._id,
            parts=parts,
        )

    def _parts(self) -> Iterator[Part]:
        for piece in self._order:
            if isinstance(piece, list):
                yield Text("".join(piece))
            elif isinstance(piece, _Call):
                yield piece.whole()
            else:
                yield piece


class _Call:
    """A tool call of which fragments still come in."""

    __slots__ = ("arguments", "id", "index", "name", "native")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
        self.native: Native | None = None

    def whole(self) -> ToolCall:
        """The call, from the fragments received so far."""
        call = ToolCall.parse(self.id or f"call_{self.index}", self.name or "", "".join(self.arguments))
        return call if self.native is None else replace(call, native=self.native)


def steps_of(response: Response) -> Iterator[StreamEvent]:
    """The inverse: a whole answer in the steps in which a stream might have brought it."""
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
    )
