"""A chat model of LangChain that asks a pipeline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict, Field

from ranvier.errors.configuration import ConfigurationError
from ranvier.integrations.langchain.answers import chunk_of, last_chunk, whole_message
from ranvier.integrations.langchain.history import read_history
from ranvier.integrations.langchain.structured import RESPONSE_FORMAT, schema_in, structured
from ranvier.integrations.langchain.tools import written_choice, written_tool
from ranvier.pipeline.pipeline import Pipeline
from ranvier.tenancy import current_tenant

SETTINGS = ("temperature", "max_tokens", "top_p", "stop")
"""The settings that have the same name in LangChain and here."""

REMEDIES = {
    "max_retries": "the pipeline retries: give it a Retry layer",
    "api_key": "give the key to the providers of the pipeline",
    "base_url": "give the address to the providers of the pipeline",
}
"""Settings of other chat models, with the place where they belong here."""

OURS = {"model": "to", "timeout": "deadline"}
"""Settings with another name in LangChain, and our name."""


class ChatRanvier(BaseChatModel):  # type: ignore[misc]  # because mypy runs without LangChain
    """A chat model of LangChain that asks a pipeline: `ChatRanvier(pipeline)`.

    Errors are those of the pipeline: see `ranvier.errors`. `invoke` and `stream` use `pipeline.sync`, and the
    pipeline then belongs to its loop: use separate pipelines for calls with and without `await`.

    Attributes:
        pipeline: The pipeline; it remains yours to close.
        model: The target to start at, by provider or `"provider/model"`; `None` means the first.
        temperature, max_tokens, top_p, stop: As in `Pipeline.complete`.
        timeout: Seconds for a whole call, including retries and fallbacks: its `deadline`.
        tenant: The tenant; `None` means that of the enclosing `with tenant(...)`.
        options: Further options of `Pipeline.complete`: `{"reasoning": "high"}`.
        streaming: True also streams the answers of `invoke`.

    Each attribute and option may also be passed with one call: `model.invoke("Hi", reasoning="high")`.

    Raises:
        ConfigurationError: no pipeline is given, or a setting belongs to its providers or layers.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: Pipeline
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: list[str] | None = None
    timeout: float | None = None
    tenant: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    streaming: bool = False

    def __init__(self, pipeline: Pipeline, **settings: Any) -> None:
        if not isinstance(pipeline, Pipeline):
            raise ConfigurationError(f"pipeline is a {type(pipeline).__name__}: give a ranvier.Pipeline")
        for name in REMEDIES.keys() & settings.keys():
            raise ConfigurationError(f"ChatRanvier(..., {name}=...): {REMEDIES[name]}")
        super().__init__(pipeline=pipeline, **settings)

    # --- asking ----------------------------------------------------------------------------------

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **given: Any,
    ) -> ChatResult:
        answer = await self.pipeline.complete(read_history(messages), **self._options(stop, given))
        return ChatResult(generations=[ChatGeneration(message=whole_message(answer))])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **given: Any,
    ) -> ChatResult:
        answer = self.pipeline.sync.complete(read_history(messages), **self._options(stop, given))
        return ChatResult(generations=[ChatGeneration(message=whole_message(answer))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **given: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async with self.pipeline.stream(read_history(messages), **self._options(stop, given)) as stream:
            async for event in stream:
                chunk = chunk_of(event)
                if chunk is not None:
                    yield ChatGenerationChunk(message=chunk)
            yield ChatGenerationChunk(message=last_chunk(stream.response or stream.received))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **given: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with self.pipeline.sync.stream(read_history(messages), **self._options(stop, given)) as stream:
            for event in stream:
                chunk = chunk_of(event)
                if chunk is not None:
                    yield ChatGenerationChunk(message=chunk)
            yield ChatGenerationChunk(message=last_chunk(stream.response or stream.received))

    def _options(self, stop: list[str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the call; those passed with the call take precedence."""
        options: dict[str, Any] = {name: getattr(self, name) for name in SETTINGS}
        options |= {"to": self.model, "tenant": self.tenant, "deadline": self.timeout, **self.options}
        for name, value in given.items():
            options[OURS.get(name, name)] = value
        if options.get("on_break", "raise") != "raise":
            raise ConfigurationError(
                "on_break: LangChain takes back no chunks: remove it, or use the pipeline"
            )
        if stop is not None:
            options["stop"] = stop
        options["stop"] = options["stop"] or None  # LangChain means none by an empty list
        if (response_format := options.pop(RESPONSE_FORMAT, None)) is not None:
            options["schema"] = schema_in(response_format)
        return {name: value for name, value in options.items() if value is not None}

    # --- tools and schemas -----------------------------------------------------------------------

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """The model with these tools.

        Args:
            tools: Tools of LangChain, functions, types, dicts, and tools of ranvier.
            tool_choice: `any` (or `required`, or True), `auto`, `none`, or the name of a tool.
            strict: As OpenAI's `strict` of each function.
            kwargs: Further options of each call.
        """
        if (choice := written_choice(tool_choice)) is not None:
            kwargs["tool_choice"] = choice
        return self.bind(tools=[written_tool(tool, strict) for tool in tools], **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        include_raw: bool = False,
        method: str = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """The model, whose answers are instances of `schema`, or dicts that match it.

        Args:
            schema: A pydantic model, a TypedDict, or a JSON schema.
            include_raw: True returns a dict of the message (`raw`), `parsed` and `parsing_error`.
            method: `function_calling` makes the model call a tool with the schema. `json_schema` uses the
                `schema` of the pipeline, and its `repair`; so does `json_mode`.
            strict: As in `bind_tools`.
            kwargs: Further options of each call, such as `repair=1`.
        """
        return structured(self, schema, include_raw, method, strict, kwargs)

    # --- what LangChain wants to know ------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "ranvier"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        settings = {name: getattr(self, name) for name in (*SETTINGS, "model", "options")}
        tenant = (
            self.tenant or current_tenant()
        )  # so that a cache of LangChain gives no tenant another's answer
        return {"targets": self._targets(), "tenant": tenant, **settings}

    def _targets(self) -> list[str]:
        return [str(target) for layer in self.pipeline.layers for target in layer.deployments()]

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        first = next(iter(self._targets()), "ranvier")
        params = LangSmithParams(
            ls_provider="ranvier",
            ls_model_name=str(kwargs.get("model") or self.model or first),
            ls_model_type="chat",
        )
        options = self._options(stop, {})
        for name in ("temperature", "max_tokens", "stop"):
            if name in options:
                params[f"ls_{name}"] = options[name]
        return params
