"""A provider with a fault, which replaces the real one in one attempt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Self

from ranvier.pipeline.asking.optional_members import stream_of
from ranvier.pipeline.asking.provider_answers import events_of, whole_answer

if TYPE_CHECKING:
    from ranvier.layers.chaos.faults import Fault
    from ranvier.messages.response import Response, StreamEvent
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment, Provider


class FaultyProvider:
    """The provider of `deployment` with `fault`; all other members are those of the real provider.

    It is called like any provider, so that limits, hedges and records treat the fault like a real one.
    """

    name: str
    default_model: str

    def __init__(self, deployment: Deployment, fault: Fault) -> None:
        self._real: Provider = deployment.provider
        self._deployment = deployment
        self._fault = fault
        self.name = self._real.name
        self.default_model = self._real.default_model
        if stream_of(self._real) is None:
            self.stream = None  # type: ignore[assignment,method-assign]  # because: it cannot stream either

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def complete(self, call: Call) -> Response:
        """The real answer, late, broken or not at all."""
        await self._fault.before(call)
        answer = await whole_answer(call.at(self._deployment))
        if self._fault.breaks:
            await self._fault.break_off(call)
        return answer  # type: ignore[no-any-return]  # because: the attempt checks it

    def stream(self, call: Call) -> AsyncIterator[StreamEvent]:
        """The events of the real answer, until the fault."""
        return FaultyEvents(self._deployment, self._fault, call)


class FaultyEvents:
    """The events of a real answer, until the fault.

    Attributes:
        chunks: The real events, once they are requested; they have to be closed.
    """

    chunks: AsyncIterator[StreamEvent] | None = None

    def __init__(self, deployment: Deployment, fault: Fault, call: Call) -> None:
        self._deployment = deployment
        self._fault = fault
        self._call = call
        self._events: AsyncIterator[StreamEvent] | None = None
        self._left = fault.after

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        if self._events is None:
            await self._fault.before(self._call)
            self._events = events_of(self._call.at(self._deployment))
            self.chunks = getattr(self._events, "chunks", self._events)
        if not self._fault.breaks:
            return await anext(self._events)
        if self._left > 0:
            event = await anext(self._events, None)
            if event is not None and event.finish_reason is None:
                self._left -= event.has_content
                return event
        await self._fault.break_off(self._call)
        raise AssertionError("a fault that breaks an answer always raises")
