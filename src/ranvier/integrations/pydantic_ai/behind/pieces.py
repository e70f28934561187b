"""Translates the events of a stream of pydantic-ai to ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import (
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)

from ranvier.errors.provider import InvalidResponseError
from ranvier.integrations.pydantic_ai.behind.settings import facts
from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent, ToolCallDelta

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class Pieces:
    """Translates one stream.

    A part may be sent again with more content, which replaces the earlier content: only the new rest is
    passed on.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown: dict[int, list[str]] = {}  # the content of each part that was passed on
        self._names: dict[int, str] = {}  # of the tools that are called

    def event_of(self, event: Any) -> StreamEvent:
        """Our event; an empty one (a ping) for an event without content.

        Raises:
            InvalidResponseError: the event takes back content that was passed on.
        """
        if isinstance(event, PartStartEvent):
            return self._start(event.index, event.part)
        if isinstance(event, PartDeltaEvent):
            return self._delta(event.index, event.delta)
        return SIGN_OF_LIFE

    def _start(self, index: int, part: Any) -> StreamEvent:
        if isinstance(part, TextPart):
            return StreamEvent(text=self._new(index, part.content))
        if isinstance(part, ThinkingPart):
            return StreamEvent(reasoning=self._new(index, part.content))
        if not isinstance(part, ToolCallPart):
            return SIGN_OF_LIFE
        if self._names.setdefault(index, part.tool_name) != part.tool_name:
            raise self._taken_back()
        delta = ToolCallDelta(index, part.tool_call_id, part.tool_name, self._new(index, _text(part.args)))
        return StreamEvent(tool_call=delta)

    def _delta(self, index: int, delta: Any) -> StreamEvent:
        if isinstance(delta, TextPartDelta):
            return StreamEvent(text=self._more(index, delta.content_delta))
        if isinstance(delta, ThinkingPartDelta):
            return StreamEvent(reasoning=self._more(index, delta.content_delta or ""))
        if isinstance(delta, ToolCallPartDelta):
            merged = isinstance(delta.args_delta, dict) and any(self._shown.get(index, ()))
            if merged or delta.tool_name_delta:  # a dict is merged into the one before; a name grows
                raise self._taken_back()
            return StreamEvent(
                tool_call=ToolCallDelta(index, arguments=self._more(index, _text(delta.args_delta)))
            )
        return SIGN_OF_LIFE

    def _more(self, index: int, content: str) -> str:
        self._shown.setdefault(index, []).append(content)
        return content

    def _new(self, index: int, content: str) -> str:
        """What is new in a part with this content."""
        shown = "".join(self._shown.get(index, ()))
        self._shown[index] = [content]
        if content.startswith(shown):
            return content[len(shown) :]
        if _are_equal(content, shown):  # arguments, which may come as a dict at the end
            return ""
        raise self._taken_back()

    def _taken_back(self) -> InvalidResponseError:
        return InvalidResponseError(
            f"{self._call.deployment}: the stream takes back what it has said", **facts(self._call)
        )


def _text(arguments: Any) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _are_equal(content: str, shown: str) -> bool:
    try:
        return bool(json.loads(content) == json.loads(shown))
    except ValueError:
        return False
