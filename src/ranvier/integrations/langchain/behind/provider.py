"""A provider that asks a chat model of LangChain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from ranvier.errors.configuration import ConfigurationError
from ranvier.errors.provider import ContentFilterError, InvalidResponseError, UnsupportedRequestError
from ranvier.integrations.langchain.behind.failures import Failures
from ranvier.integrations.langchain.behind.received import Chunks, last_event, response_of
from ranvier.integrations.langchain.behind.settings import prepared
from ranvier.integrations.langchain.behind.written import History
from ranvier.integrations.langchain.behind.written_blocks import Blocks
from ranvier.messages.collector import steps_of
from ranvier.messages.message import MEDIA, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.response import FinishReason, Response, StreamEvent
from ranvier.messages.schema.schema import Schema
from ranvier.messages.wire import WirePart
from ranvier.providers.function import FunctionProvider

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call


class LangChainProvider(FunctionProvider):
    """See `from_langchain`.

    Attributes:
        chat_model: The chat model.
        vendor: The chat model's name for its vendor in traces.
        wire: The `provider` of the opaque parts of its answers, which only this provider gets back.
    """

    def __init__(self, chat_model: Any, name: str | None = None, finish_reasons: bool = True) -> None:
        _check(chat_model)
        known = chat_model._get_ls_params()
        self.vendor = str(known.get("ls_provider") or chat_model._llm_type)
        name = self.vendor if name is None else name
        self._failures = Failures(name, chat_model)
        super().__init__(name, self._whole, self._streamed, self._failures.mapped)
        self.default_model = str(known.get("ls_model_name") or name)
        self.chat_model = chat_model
        self._finish_reasons = finish_reasons
        self.wire = f"langchain:{name}"

    def __repr__(self) -> str:
        return f"from_langchain({type(self.chat_model).__name__}(...), name={self.name!r})"

    async def _whole(self, call: Call) -> Response:
        model, messages, arguments = self._prepared(call)
        schema = call.request.schema
        with self._rejecting(call):
            if schema is None:
                return self._response(await model.ainvoke(messages, **arguments), call)
            chain = self._structured(model, schema, call)
            return _as_text(self._response((await chain.ainvoke(messages, **arguments))["raw"], call))

    def _structured(self, model: Any, schema: Schema, call: Call) -> Any:
        definition = {"title": schema.name, **schema.definition}
        try:
            return model.with_structured_output(definition, method="json_schema", include_raw=True)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise self.unsupported(call, "cannot be asked for a schema") from error

    async def _streamed(self, call: Call) -> AsyncIterator[StreamEvent]:
        if call.request.schema is not None:  # LangChain has no common way to stream one
            for event in steps_of(await self._whole(call)):
                yield event
            return
        model, messages, arguments = self._prepared(call)
        chunks = Chunks()
        with self._rejecting(call):
            stream = model.astream(messages, **arguments)
            async with aclosing(stream):
                async for chunk in stream:
                    if not isinstance(chunk, AIMessageChunk):  # the chat model does not stream
                        for event in steps_of(self._response(chunk, call)):
                            yield event
                        return
                    for event in chunks.events(chunk):
                        yield event
        whole = chunks.whole(self.wire, self.default_model)
        if whole.raw_finish_reason is None and self._finish_reasons:
            raise self._cut(call)
        self._check_answered(whole, call.deployment.model)
        yield last_event(whole)

    def _prepared(self, call: Call) -> tuple[Any, list[BaseMessage], dict[str, Any]]:
        """The chat model to ask, the conversation, and the further arguments of its call."""
        if call.deployment.model != self.default_model:
            raise self.unsupported(
                call, f"asks {self.default_model!r:.80} only: make another chat model for the other model"
            )
        blocks = Blocks(self, call)
        model, arguments = prepared(self, call, blocks)
        return model, History(self, call, blocks).messages(), arguments

    @contextmanager
    def _rejecting(self, call: Call) -> Iterator[None]:
        """Turn a ValueError of the chat model for an unsupported block into an error that falls back."""
        try:
            yield
        except (NotImplementedError, ValueError) as error:
            if self._failures.mapped(error) is None and _holds_media(call.request):
                # Its message may quote the block.
                raise self.unsupported(call, f"takes no such media: {type(error).__name__}") from None
            raise

    def _cut(self, call: Call) -> InvalidResponseError:
        return InvalidResponseError(
            f"{call.deployment}: the stream ended without a finish reason; if the chat model reports none, "
            "give from_langchain(..., finish_reasons=False)",
            provider=self.name,
            model=call.deployment.model,
            in_stream=True,
        )

    def unsupported(self, call: Call, reason: str) -> UnsupportedRequestError:
        """The error for something that the chat model does not support; the call falls back."""
        return UnsupportedRequestError(
            f"{call.deployment} {reason}", provider=self.name, model=call.deployment.model
        )

    def _check_answered(self, response: Response, model: str) -> None:
        """Check that the answer is not only a refusal.

        Raises:
            ContentFilterError: the model refused, or a content filter left nothing of the answer.
        """
        refused = response.refusal or response.finish_reason is FinishReason.CONTENT_FILTER
        if refused and not response.text.strip() and not response.tool_calls:
            explanation = f": {response.refusal:.300}" if response.refusal else ""
            raise ContentFilterError(
                f"{self.name}/{model}: the model refused to answer{explanation}",
                provider=self.name,
                model=model,
            )

    def _response(self, answer: object, call: Call) -> Response:
        if isinstance(answer, AIMessage):
            answer = response_of(answer, self.wire, self.default_model)
            self._check_answered(answer, call.deployment.model)
        return super()._response(answer, call)


def _holds_media(request: Request) -> bool:
    return any(
        isinstance(each, (*MEDIA, WirePart))
        for message in request.messages
        for part in message.parts
        for each in (part.parts if isinstance(part, ToolResult) else (part,))
    )


def _as_text(response: Response) -> Response:
    """The structured answer as text; LangChain may have requested it as a tool call."""
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
