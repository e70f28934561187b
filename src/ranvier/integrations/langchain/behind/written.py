"""Writes our conversations as messages of LangChain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from ranvier.integrations.langchain.behind.written_blocks import Blocks
from ranvier.integrations.langchain.blocks import CALLS
from ranvier.messages.message import MEDIA, Message, ToolResult
from ranvier.messages.native import Native

if TYPE_CHECKING:
    from ranvier.integrations.langchain.behind.asker import Asker
    from ranvier.pipeline.call import Call


class History:
    """Writes the conversation of one request.

    Args:
        provider: The provider; its own opaque parts are sent back, those of others are left out.
        call: The call.
        blocks: Writes the parts of messages.
    """

    def __init__(self, provider: Asker, call: Call, blocks: Blocks) -> None:
        self._provider = provider
        self._call = call
        self._blocks = blocks

    def messages(self) -> list[BaseMessage]:
        """The messages, oldest first.

        Raises:
            UnsupportedRequestError: a part has no equivalent in LangChain or the chat model.
        """
        request = self._call.request
        system = [] if request.system is None else [SystemMessage(request.system)]
        return [*system, *(each for message in request.messages for each in self._written(message))]

    def _written(self, message: Message) -> Iterator[BaseMessage]:
        extra = dict(message.extra or {})
        named = {"name": str(extra.pop("name"))} if "name" in extra else {}
        self._blocks.no_fields("message", extra)
        if message.role == "assistant":
            yield self._answer(message, named)
        elif message.role == "system":
            yield SystemMessage(self._blocks.content(message.parts), **named)
        else:
            yield from map(self._result, (part for part in message.parts if isinstance(part, ToolResult)))
            rest = [part for part in message.parts if not isinstance(part, ToolResult)]
            if rest or message.role == "user":
                yield HumanMessage(self._blocks.content(rest), **named)

    def _result(self, result: ToolResult) -> ToolMessage:
        self._blocks.no_fields("result", result.extra)
        return ToolMessage(
            self._blocks.content(result.parts),
            tool_call_id=result.call_id,
            name=result.name or None,
            status="error" if result.is_error else "success",
        )

    def _answer(self, message: Message, named: dict[str, str]) -> AIMessage:
        own = self._own(message)
        if own is None and any(isinstance(part, MEDIA) for part in message.parts):
            raise self._provider.unsupported(self._call, "takes no media from the assistant")
        for call in message.tool_calls:
            self._blocks.no_fields("call", call.extra)
        kept = {} if own is None else own.data
        return AIMessage(
            content=kept.get("content") or self._blocks.content(message.parts),
            additional_kwargs=kept.get("additional_kwargs", {}),
            response_metadata=kept.get("response_metadata", {}),
            tool_calls=[
                tool_call(name=call.name, args=dict(call.arguments), id=call.id)
                for call in message.tool_calls
                if call.invalid is None
            ],
            invalid_tool_calls=[
                invalid_tool_call(name=call.name, args=call.invalid, id=call.id, error=None)
                for call in message.tool_calls
                if call.invalid is not None
            ],
            **named,
        )

    def _own(self, message: Message) -> Native | None:
        """The opaque part of an answer of this chat model."""
        wire, model = self._provider.wire, self._call.deployment.model
        for part in message.parts:
            if isinstance(part, Native) and part.provider == wire and part.model in (None, model):
                return part if _is_same(part, message) else None
        return None


def _is_same(own: Native, message: Message) -> bool:
    """True unless the text or calls of an answer were edited; its opaque blocks still have the old ones."""
    content = own.data.get("content")
    if content is None:
        return True
    ids = {call.id for call in message.tool_calls}
    called = [block for block in content if isinstance(block, dict) and block.get("type") in CALLS]
    return str(AIMessage(content).text) == message.text and all(
        not ids.isdisjoint((block.get("id"), block.get("call_id"))) for block in called
    )
