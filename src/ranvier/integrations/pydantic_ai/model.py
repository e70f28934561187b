"""A pipeline as a model of pydantic-ai."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.root import RanvierError
from ranvier.integrations.pydantic_ai.answer import response_of
from ranvier.integrations.pydantic_ai.failures import raise_failure
from ranvier.integrations.pydantic_ai.history import messages_of, system_of
from ranvier.integrations.pydantic_ai.options import options_of
from ranvier.integrations.pydantic_ai.streamed import PipelineStream
from ranvier.integrations.pydantic_ai.tools import tools_of
from ranvier.messages.message import Message
from ranvier.pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from pydantic_ai import RunContext

PROFILE = ModelProfile(
    supports_json_schema_output=True, supports_thinking=True, supports_cache=True, supports_video_input=False
)
"""The capabilities of a pipeline; a target without one of them is skipped, or fails with a clear error."""


class PipelineModel(Model):  # type: ignore[misc]  # because: pydantic-ai need not be installed
    """A model for agents that asks through a pipeline: `Agent(PipelineModel(pipeline))`.

    Tenants come from `with tenant(...)`. Errors are raised as pydantic-ai's own, with ours as `__cause__`.

    Args:
        pipeline: The pipeline. It stays yours: close it after the last run.
        to: The target to start at, by provider or `"provider/model"`; `None` means the first.
        settings: Default settings. An unsupported setting raises a `UserError` with the remedy.
        profile: Overrides the capabilities that agents rely on: tools, thinking, caching and JSON schemas.

    Raises:
        ConfigurationError: `pipeline` is not a `Pipeline`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        to: str | None = None,
        settings: ModelSettings | None = None,
        profile: ModelProfile | None = None,
    ) -> None:
        if not isinstance(pipeline, Pipeline):
            raise ConfigurationError(f"PipelineModel({type(pipeline).__name__}): give a Pipeline")
        super().__init__(settings=settings, profile=ModelProfile(**{**PROFILE, **(profile or {})}))
        self.pipeline = pipeline
        self.to = to

    @property
    def model_name(self) -> str:
        """The target that calls start at."""
        if self.to is not None:
            return self.to
        targets = (target for layer in self.pipeline.layers for target in layer.deployments())
        return str(next(targets, "pipeline"))

    @property
    def system(self) -> str:
        """`ranvier`; each response names the provider that answered."""
        return "ranvier"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The whole answer."""
        history, options, _ = self._prepared(messages, model_settings, model_request_parameters)
        try:
            answer = await self.pipeline.complete(history, to=self.to, **options)
        except RanvierError as error:
            raise_failure(error, self.model_name)
        return response_of(answer)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """The answer as a stream; failures before its first content are retried."""
        history, options, parameters = self._prepared(messages, model_settings, model_request_parameters)
        try:
            stream = await self.pipeline.stream(history, to=self.to, **options)
        except RanvierError as error:
            raise_failure(error, self.model_name)
        async with stream:
            yield PipelineStream(parameters, stream, self.model_name, stream.received.provider)

    def _prepared(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> tuple[list[Message], dict[str, Any], ModelRequestParameters]:
        """The prompt, the options, and the prepared parameters.

        The options come from the original settings, because `prepare_request` removes some of them.
        """
        given = {**(self.settings or {}), **(settings or {})}
        _, parameters = self.prepare_request(settings, parameters)
        options = {**options_of(given), **tools_of(parameters, given.get("tool_choice"))}
        options["system"] = system_of(messages, parameters)
        return messages_of(messages), options, parameters
