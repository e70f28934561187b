"""The events of a stream of pydantic-ai as ours."""

from __future__ import annotations

import json
from typing import Any

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

from ranvier.messages.response import SIGN_OF_LIFE, StreamEvent, ToolCallDelta


class Pieces:
    """Translates one stream; arguments that come as a dict are handed out as JSON."""

    def event_of(self, event: Any) -> StreamEvent:
        """The event, or a sign of life for one that has no content of ours."""
        if isinstance(event, PartStartEvent):
            return self._start(event.index, event.part)
        if isinstance(event, PartDeltaEvent):
            return self._delta(event.index, event.delta)
        return SIGN_OF_LIFE

    def _start(self, index: int, part: Any) -> StreamEvent:
        if isinstance(part, TextPart):
            return StreamEvent(text=part.content)
        if isinstance(part, ThinkingPart):
            return StreamEvent(reasoning=part.content)
        if isinstance(part, ToolCallPart):
            return StreamEvent(
                tool_call=ToolCallDelta(index, part.tool_call_id, part.tool_name, _text(part.args))
            )
        return SIGN_OF_LIFE

    def _delta(self, index: int, delta: Any) -> StreamEvent:
        if isinstance(delta, TextPartDelta):
            return StreamEvent(text=delta.content_delta)
        if isinstance(delta, ThinkingPartDelta):
            return StreamEvent(reasoning=delta.content_delta or "")
        if isinstance(delta, ToolCallPartDelta):
            return StreamEvent(tool_call=ToolCallDelta(index, arguments=_text(delta.args_delta)))
        return SIGN_OF_LIFE


def _text(arguments: Any) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)
