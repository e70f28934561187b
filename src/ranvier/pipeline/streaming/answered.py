"""A stream of a whole answer that a layer (for example a cache) returned to a streaming call."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ranvier.messages.collector import steps_of
from ranvier.messages.response import Response, StreamEvent
from ranvier.pipeline.asking import schema_repair
from ranvier.pipeline.streaming.bounded_events import BoundedEvents
from ranvier.pipeline.streaming.stream import ResponseStream
from ranvier.pipeline.timing.wait_timer import WaitTimer

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class AnsweredStream(ResponseStream):
    """The events of a complete answer. It has no attempt."""

    def __init__(self, call: Call, answer: Response) -> None:
        self._answer = answer
        super().__init__(call, None, BoundedEvents(call, WaitTimer(call), _steps(answer)))

    @property
    def received(self) -> Response:
        """The part read so far, as a response of the answer's provider."""
        received = self._source.collector.response(self._answer.provider, self._answer.model)
        return self._shown(received)

    def _complete(self) -> Response:
        if self._transformation is None:
            return self._shown(self._answer)
        self._transformation.flush(self._source.collector)
        response = self._shown(self._answer)
        response.parsed = None
        schema_repair.parse_given(self._call, response, "transform")
        return response


async def _steps(answer: Response) -> AsyncGenerator[StreamEvent, None]:
    for event in steps_of(answer):
        yield event
