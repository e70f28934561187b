"""The same endpoint as a pipeline's model, as pydantic-ai's own, and as that one behind a pipeline."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from ranvier import Pipeline
from ranvier.integrations.pydantic_ai import PipelineModel
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import OpenAI, from_pydantic_ai
from ranvier.simulator import Simulator

MODEL = "gpt-5.2"


class Models:
    """Models over one simulator.

    Attributes:
        simulator: The simulator.
        opened: Closes the pipelines and clients at the end.
    """

    def __init__(self, simulator: Simulator, opened: AsyncExitStack) -> None:
        self.simulator = simulator
        self.opened = opened

    def pipeline(self, *targets: Any, **timeouts: float) -> Pipeline:
        """A whole stack, which retries soon; without targets, to OpenAI's Responses API."""
        url = self.simulator.url("openai")
        limits: Any = {"first_token": 5.0, **timeouts}
        route = Fallback(*(targets or [OpenAI("sk-ours", base_url=url, api="responses")]))
        return self._kept(Pipeline(Deadline(10), route, Retry(base_delay=0.01), Breaker(), Timeout(**limits)))

    def whole(self, *targets: Any) -> Pipeline:
        """A stack without limits on silence, so that it asks for whole answers."""
        return self._kept(Pipeline(Deadline(10), Fallback(*targets, open=True), Retry(base_delay=0.01)))

    async def asked(self) -> None:
        """Wait until a request has arrived."""
        while not self.simulator.requests:  # noqa: ASYNC110  # because the simulator has no event for it
            await asyncio.sleep(0.01)

    def _kept(self, pipeline: Pipeline) -> Pipeline:
        self.opened.push_async_callback(pipeline.aclose)
        return pipeline

    def ours(self, **arguments: Any) -> PipelineModel:
        """A pipeline's model."""
        return PipelineModel(self.pipeline(), **arguments)

    def theirs(self, **arguments: Any) -> OpenAIResponsesModel:
        """pydantic-ai's own model of the same API, whose SDK retries twice."""
        client = AsyncOpenAI(base_url=self.simulator.url("openai"), api_key="sk-theirs")
        self.opened.push_async_callback(client.close)
        return OpenAIResponsesModel(MODEL, provider=OpenAIProvider(openai_client=client), **arguments)

    def behind(self, **arguments: Any) -> Pipeline:
        """A pipeline to pydantic-ai's own model."""
        return self.pipeline(from_pydantic_ai(self.theirs(**arguments)))
