"""A streamed answer as pydantic-ai's `StreamedResponse`."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent
from pydantic_ai.models import StreamedResponse

from ranvier.clock import wall
from ranvier.errors.root import RanvierError
from ranvier.integrations.pydantic_ai.answer import reason_of, usage_of
from ranvier.integrations.pydantic_ai.beside import details_of, with_citations
from ranvier.integrations.pydantic_ai.failures import raise_failure
from ranvier.messages.response import StreamEvent
from ranvier.pipeline.streaming.stream import ResponseStream


def _now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(wall() / 1e9, datetime.UTC)


@dataclass
class PipelineStream(StreamedResponse):  # type: ignore[misc]  # because: pydantic-ai need not be installed
    """The events of one streamed answer of a pipeline."""

    stream: ResponseStream[Any]
    asked: str
    """The requested model, which is reported until the provider has sent its own name."""
    provider: str
    """The provider that answers."""
    _timestamp: datetime.datetime = field(default_factory=_now)
    _answered: str | None = None
    _usage_received: bool | None = field(default=False, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        try:
            async for event in self.stream:
                if event.has_content:
                    for each in self._events(event):
                        yield each
                self._note(event)
        except RanvierError as error:
            raise_failure(error, self.model_name)
        if self.stream.response is not None:  # otherwise it was cancelled
            self.provider_details = details_of(self.stream.response)

    def _events(self, event: StreamEvent) -> Iterator[ModelResponseStreamEvent]:
        """pydantic-ai's events for one event: it continues the current part, or begins another one."""
        parts = self._parts_manager
        if event.reasoning:
            yield from parts.handle_thinking_delta(vendor_part_id=None, content=event.reasoning)
        if event.text:
            yield from parts.handle_text_delta(vendor_part_id=None, content=event.text)
        if (call := event.tool_call) is not None:
            yield from parts.handle_tool_call_delta_events(
                vendor_part_id=call.index,
                tool_name=call.name,
                args=call.arguments or None,
                tool_call_id=call.id or None,
            )

    def _note(self, event: StreamEvent) -> None:
        if event.model is not None:
            self._answered = event.model
        if event.id is not None:
            self.provider_response_id = event.id
        if event.usage is not None:
            self._add_usage(usage_of(event.usage), reported=event.usage.complete, cumulative=True)
        if event.finish_reason is not None:
            self.finish_reason = reason_of(event.finish_reason)

    def get(self) -> ModelResponse:
        """The response so far; at the end with the citations."""
        response, answer = super().get(), self.stream.response
        if answer is None or not answer.citations:
            return response
        return replace(response, parts=with_citations(response.parts, answer))

    async def close_stream(self) -> None:
        """Close the connection; nothing is counted against the provider."""
        await self.stream.aclose()

    def get_stream_cancel_errors(self) -> tuple[type[BaseException], ...]:
        """No exceptions: closing our stream just ends it."""
        return ()

    @property
    def model_name(self) -> str:
        """The model that answers."""
        return self._answered or self.asked

    @property
    def provider_name(self) -> str:
        """The provider that answers."""
        return self.provider

    @property
    def provider_url(self) -> None:
        """Unknown: each target has its own."""
        return None

    @property
    def timestamp(self) -> datetime.datetime:
        """When the stream began."""
        return self._timestamp
