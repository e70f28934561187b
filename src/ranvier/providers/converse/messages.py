"""Writes a conversation as the messages and blocks of Converse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ranvier.messages.message import MEDIA, Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.wire import WirePart
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._models.models import refuses_prefill
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import of_assistant
from ranvier.providers.converse.answer import REASONING
from ranvier.providers.converse.media import media_block

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire


class Conversation:
    """Writes the conversation of one request."""

    def __init__(self, wire: Wire, call: Call, part_fields: PartFields) -> None:
        self._wire = wire
        self._call = call
        self._part_fields = part_fields
        self._document_names: set[str] = set()

    def system(self) -> list[Json]:
        """All system instructions, also those among the messages."""
        request = self._call.request
        first = [Text(request.system)] if request.system else []
        return list(self._blocks((*first, *self._part_fields.instructions())))

    def messages(self) -> list[Json]:
        """The messages; consecutive ones of one side are merged, tool results first."""
        turns: list[tuple[str, list[Json]]] = []
        for message in self._call.request.messages:
            role = "assistant" if message.role == "assistant" else "user"
            blocks = [] if message.role == "system" else self._of_message(message)
            if blocks and turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            elif blocks:
                turns.append((role, blocks))
        if turns and turns[-1][0] == "assistant" and refuses_prefill(*self._wire.facts(self._call)):
            raise self._wire.unsupported(self._call, "does not continue an assistant message")
        for _, blocks in turns:
            if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
                raise self._wire.unsupported(self._call, "takes a document only beside a text")
        return [{"role": role, "content": _results_first(blocks)} for role, blocks in turns]

    def _of_message(self, message: Message) -> list[Json]:
        self._part_fields.accepted("message", message.extra)
        if message.role == "assistant":
            refusal = of_assistant(self._wire, self._call, message.parts)
            if refusal is not None:
                raise refusal
        blocks = list(self._blocks(message.parts))
        while blocks and REASONING in blocks[-1]:  # a limit reached while thinking leaves it there
            blocks.pop()
        return blocks

    def _blocks(self, parts: Iterable[Part]) -> Iterable[Json]:
        for part in parts:
            if (block := self._block(part)) is not None:
                yield block

    def _block(self, part: Part) -> Json | None:
        if isinstance(part, Native):
            return dict(part.data) if _may_go_back(part) else None
        if isinstance(part, WirePart):
            return self._part_fields.of_wire(part, *self._wire.wires)
        if isinstance(part, Text):
            self._part_fields.accepted("text", part.extra)
            return {"text": part.text} if part.text.strip() else None  # the API rejects a blank one
        if isinstance(part, MEDIA):
            return media_block(self._wire, self._call, part, self._part_fields, self._document_names)
        if isinstance(part, ToolCall):
            self._part_fields.accepted("call", part.extra)
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": part.arguments}}
        return self._result(part)

    def _result(self, result: ToolResult) -> Json:
        self._part_fields.accepted("result", result.extra)
        content: list[Json] = list(self._blocks(result.parts))
        written: dict[str, Any] = {"toolUseId": result.call_id, "content": content}
        return {"toolResult": {**written, "status": "error"} if result.is_error else written}


def _may_go_back(native: Native) -> bool:
    """False for thoughts without a signature, as from a broken stream, or of a model that signs none."""
    reasoning = native.data.get(REASONING)
    if not isinstance(reasoning, dict):
        return True
    return bool((reasoning.get("reasoningText") or {}).get("signature") or reasoning.get("redactedContent"))


def _results_first(blocks: list[Json]) -> list[Json]:
    return sorted(blocks, key=lambda block: "toolResult" not in block)


def called_tools(messages: Iterable[Json]) -> list[str]:
    """The names of the tools that are called in these messages, each once."""
    blocks = (block for message in messages for block in message["content"] if "toolUse" in block)
    return list(dict.fromkeys(str(block["toolUse"].get("name")) for block in blocks))
