"""Joins a character whose halves, or whose bytes, arrive in two pieces of a stream."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from ranvier.messages.characters import mended, whole_characters
from ranvier.messages.collector import Step
from ranvier.messages.native import Native
from ranvier.messages.response import StreamEvent, ToolCallDelta
from ranvier.providers._reading.reading import NoAnswerError


class Halves:
    """Holds the first half of a surrogate pair until the second arrives; a lone half becomes U+FFFD.

    The first bytes of a character that was cut within UTF-8 are held as well, as `surrogateescape` has them.
    Text, reasoning and the arguments of each tool call are joined separately. A half that is still held when
    the model stops is emitted before the finish reason.
    """

    def __init__(self) -> None:
        self._held: dict[str | int, str] = {}  # by "text", "reasoning" or the index of a tool call

    def joined(self, steps: Iterable[Step]) -> list[StreamEvent]:
        """The steps as events with whole characters; events that become empty are dropped.

        Raises:
            NoAnswerError: a part is nested too deeply.
        """
        whole: list[StreamEvent] = []
        for step in steps:
            event = self._mended(StreamEvent(text=step) if isinstance(step, str) else step)
            if event.finish_reason is not None:
                whole += self.rest()
            if event != StreamEvent() or event.details is not None:
                whole.append(event)
        return whole

    def _mended(self, event: StreamEvent) -> StreamEvent:
        call, last = event.tool_call, event.finish_reason is not None
        try:
            parts = tuple(map(_part, event.parts))
        except RecursionError:
            raise NoAnswerError("a part of the answer is nested too deeply") from None
        return dataclasses.replace(
            event,
            text=self._text("text", event.text, last),
            reasoning=self._text("reasoning", event.reasoning, last),
            tool_call=None if call is None else self._call(call, last),
            raw_finish_reason=_label(event.raw_finish_reason),
            id=_label(event.id),
            model=_label(event.model),
            parts=parts,
        )

    def _call(self, call: ToolCallDelta, last: bool) -> ToolCallDelta:
        arguments = self._text(call.index, call.arguments, last)
        native = None if call.native is None else _part(call.native)
        return ToolCallDelta(call.index, _label(call.id), _label(call.name), arguments, native)

    def _text(self, key: str | int, text: str, last: bool) -> str:
        if not text:
            return text
        text = self._held.pop(key, "") + text
        if not last and (begun := _BEGUN.search(text)) is not None:
            self._held[key] = begun[0]
            text = text[: begun.start()]
        return whole_characters(text)

    def rest(self) -> Iterable[StreamEvent]:
        """The halves still held, each as U+FFFD."""
        held, self._held = self._held, {}
        for key in held:
            if key == "text":
                yield StreamEvent(text="\ufffd")
            elif key == "reasoning":
                yield StreamEvent(reasoning="\ufffd")
            elif isinstance(key, int):
                yield StreamEvent(tool_call=ToolCallDelta(key, arguments="\ufffd"))


_BEGUN: Final = re.compile(
    r"(?:[\ud800-\udbff]|[\udcc2-\udcdf]|[\udce0-\udcef][\udc80-\udcbf]?|[\udcf0-\udcf4][\udc80-\udcbf]{0,2})$"
)
"""The first half of a pair, or the first bytes of a character of two, three or four, at the end of a text."""


def may_be_halved(event: StreamEvent) -> bool:
    """True if a text of `event` holds half of a surrogate pair, and so cannot be encoded."""
    call = event.tool_call
    texts = (event.text, event.reasoning, "" if call is None else call.arguments)
    return any(not text.isascii() and whole_characters(text) is not text for text in texts)


def _part(part: Native) -> Native:
    """`part` with whole characters; the same object if it has them already, since its data may grow."""
    data = mended(part.data)
    return part if data == part.data else dataclasses.replace(part, data=data)


def _label(value: str | None) -> str | None:
    return value and whole_characters(value)
