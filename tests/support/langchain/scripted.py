"""Chat models of LangChain that do what a test says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import SecretStr


class Scripted(BaseChatModel):
    """A chat model that gives what it was given, and keeps what it was asked."""

    replies: list[Any]
    asked: list[Any] = []  # noqa: RUF012  # because pydantic copies it
    temperature: float | None = None
    key: SecretStr = SecretStr("sk-secret-of-the-model")
    vendor: str = "scripted"

    @property
    def _llm_type(self) -> str:
        return self.vendor

    def _get_ls_params(self, stop: list[str] | None = None, **more: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider=self.vendor, ls_model_type="chat")

    def _next(self, messages: list[BaseMessage], stop: Any, more: dict[str, Any]) -> Any:
        self.asked.append((messages, {"stop": stop, "temperature": self.temperature, **more}))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **more: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages, stop, more))])

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **more: Any) -> Any:
        return self.bind(tools=tools, tool_choice=tool_choice, **more)


class Streaming(Scripted):
    """One that streams."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **more: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._next(messages, stop, more):
            if isinstance(chunk, Exception):
                raise chunk
            yield ChatGenerationChunk(message=chunk)
