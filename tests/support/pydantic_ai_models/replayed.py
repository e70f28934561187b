"""A model of pydantic-ai that streams what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import CompletedStreamedResponse
from pydantic_ai.models.function import FunctionModel


class Whole(FunctionModel):
    """Streams an answer that it has whole, or these events."""

    def __init__(self, answer: ModelResponse, events: Any = True) -> None:
        super().__init__(lambda messages, info: answer, model_name="played")
        self.stream_function: Any = self.request_stream  # one without any cannot stream
        self.answer = answer
        self.events = events

    @asynccontextmanager
    async def request_stream(
        self, messages: Any, model_settings: Any, model_request_parameters: Any, run_context: Any = None
    ) -> AsyncIterator[Any]:
        yield CompletedStreamedResponse(
            self.answer, model_request_parameters=model_request_parameters, replay_events=self.events
        )
