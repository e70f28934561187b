"""A provider that asks a chat model of LangChain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import InvalidResponseError
from ranvier.integrations.langchain.failures import Failures
from ranvier.integrations.langchain.received import Chunks, response_of
from ranvier.integrations.langchain.settings import prepared, unsupported
from ranvier.integrations.langchain.written import write_history
from ranvier.messages.collector import steps_of
from ranvier.messages.response import Response, StreamEvent
from ranvier.providers.function import FunctionProvider

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class LangChainProvider(FunctionProvider):
    """See `from_langchain`.

    Attributes:
        chat_model: The chat model.
        wire: The `provider` of the opaque parts of its answers, which only this provider gets back.
    """

    def __init__(self, chat_model: Any, name: str | None = None, finish_reasons: bool = True) -> None:
        _check(chat_model)
        known = chat_model._get_ls_params()
        name = str(known.get("ls_provider") or chat_model._llm_type) if name is None else name
        super().__init__(name, self._whole, self._streamed, Failures(name, chat_model).mapped)
        self.default_model = str(known.get("ls_model_name") or name)
        self.chat_model = chat_model
        self._finish_reasons = finish_reasons
        self.wire = f"langchain:{name}"

    def __repr__(self) -> str:
        return f"from_langchain({type(self.chat_model).__name__}(...), name={self.name!r})"

    async def _whole(self, call: Call) -> Response:
        self._check_model(call)
        asked, arguments = prepared(self.chat_model, call)
        messages = write_history(call.request, self.wire)
        schema = call.request.schema
        if schema is None:
            return self._response(await asked.ainvoke(messages, **arguments), call)
        definition = {"title": schema.name, **schema.definition}
        chain = asked.with_structured_output(definition, method="json_schema", include_raw=True)
        return _as_text(self._response((await chain.ainvoke(messages, **arguments))["raw"], call))

    async def _streamed(self, call: Call) -> AsyncIterator[StreamEvent]:
        if call.request.schema is not None:  # LangChain has no common way to stream one
            for event in steps_of(await self._whole(call)):
                yield event
            return
        self._check_model(call)
        asked, arguments = prepared(self.chat_model, call)
        chunks = Chunks()
        stream = asked.astream(write_history(call.request, self.wire), **arguments)
        async with aclosing(stream):
            async for chunk in stream:
                if not isinstance(chunk, AIMessageChunk):  # the chat model does not stream
                    for event in steps_of(self._response(chunk, call)):
                        yield event
                    return
                for event in chunks.events(chunk):
                    yield event
        end = chunks.end(self.wire)
        if end.raw_finish_reason is None and self._finish_reasons:
            raise self._cut(call)
        yield end

    def _cut(self, call: Call) -> InvalidResponseError:
        return InvalidResponseError(
            f"{call.deployment}: the stream ended without a finish reason; if the chat model reports none, "
            "give from_langchain(..., finish_reasons=False)",
            provider=self.name,
            model=call.deployment.model,
            in_stream=True,
        )

    def _check_model(self, call: Call) -> None:
        if call.deployment.model != self.default_model:
            raise unsupported(
                call, f"asks {self.default_model!r:.80} only: make another chat model for the other model"
            )

    def _response(self, answer: object, call: Call) -> Response:
        if isinstance(answer, AIMessage):
            answer = response_of(answer, self.wire)
        return super()._response(answer, call)


def _as_text(response: Response) -> Response:
    """The answer to a request with a schema, which LangChain may have got by a call of a tool."""
    if response.tool_calls and not response.text:
        (call, *_) = response.tool_calls
        response.text = json.dumps(dict(call.arguments)) if call.invalid is None else call.invalid
        response.tool_calls, response.parts = (), ()
    return response


def _check(chat_model: Any) -> None:
    if not isinstance(chat_model, BaseChatModel):
        raise ConfigurationError(
            f"from_langchain({type(chat_model).__name__}): give a chat model, such as ChatOpenAI(...); "
            "tools, settings and retries belong to the call and to the layers"
        )
    retries = getattr(chat_model, "max_retries", 0)
    if retries != 0:
        kind = type(chat_model).__name__
        raise ConfigurationError(
            f"from_langchain({kind}(max_retries={retries!r:.20})): its retries would add to those of the "
            f"layers: give {kind}(..., max_retries=0)"
        )
