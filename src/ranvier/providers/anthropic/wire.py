"""Anthropic's Messages API.

    request    model, max_tokens, system, messages of blocks, tools -> POST {base}/v1/messages
    answer     content blocks {text, thinking, tool_use, ...}, stop_reason, usage
    stream     message_start, blocks by index, message_delta, message_stop; errors in a 200

Answers are read in `answer`, streams in `events`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ranvier.messages.message import MEDIA, Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.request import Request
from ranvier.messages.response import Response
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._history.call_ids import ANTHROPIC_IDS
from ranvier.providers._history.history import instructions
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._history.tool_names import name_rule
from ranvier.providers._models.models import refuses_prefill
from ranvier.providers._models.schemas import closed, has_maps
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.media import PDFS, PDFS_BY_URL, TEXTS, of_assistant
from ranvier.providers._wire.wire import Wire
from ranvier.providers.anthropic.answer import read_message
from ranvier.providers.anthropic.events import EventReader
from ranvier.providers.anthropic.media import media_block

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

VERSION = "2023-06-01"
"""The API version of these request and response formats."""

THINKING_BLOCKS = ("thinking", "redacted_thinking")
"""Blocks that the API rejects at the end of a message; a limit reached while thinking leaves one there."""


class Messages(Wire):
    """The wire of the Messages API, at any server."""

    family = "anthropic"
    call_ids = ANTHROPIC_IDS
    tool_names = name_rule("a-zA-Z0-9_-", 128)
    media = frozenset((PDFS, PDFS_BY_URL, TEXTS))

    def path(self, model: str, streaming: bool) -> str:
        """The same for every model, streamed or not."""
        return "/v1/messages"

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of a message request; instructions go into `system`."""
        request = call.request
        choice, effort = settings.pop("tool_choice", None), settings.pop("effort", None)
        part_fields = PartFields(self, call)
        fields: Json = {
            "model": call.deployment.model,
            "messages": self._messages(call, part_fields),
            **settings,
        }
        if "thinking" in settings and _continues_without_thought(fields["thinking"], fields["messages"]):
            del fields["thinking"]
            call.adjusted([("reasoning", "left out: the turn was begun without")])
        if system := self._system(call, part_fields):
            fields["system"] = system
        if request.tools:
            fields["tools"] = [_tool(tool, part_fields) for tool in request.tools]
            if choice is not None:
                fields["tool_choice"] = _tool_choice(choice)
        if request.schema is not None and has_maps(request.schema.definition):
            raise self.unsupported(call, "takes no schema with a map (an object with arbitrary keys)")
        if output := _output(request, effort):
            fields["output_config"] = output
        fields["stream"] = streaming  # some gateways stream by default
        return fields

    def response(self, body: Json) -> Response:
        """Read a complete message."""
        return read_message(body)

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed message."""
        return EventReader()

    def _system(self, call: Call, part_fields: PartFields) -> str | list[Json]:
        """All system instructions, also those among the messages; as blocks if any has extra fields."""
        request, within = call.request, part_fields.instructions()
        if not any(part.extra for part in within):
            return instructions(request)
        first = [Text(request.system)] if request.system else []
        written = (self._block(call, part, part_fields) for part in (*first, *within))
        return [block for block in written if block is not None]

    def _messages(self, call: Call, part_fields: PartFields) -> list[Json]:
        """The conversation; consecutive messages of one side are merged, tool results first."""
        turns: list[tuple[str, list[Json]]] = []
        for message in call.request.messages:
            role = "assistant" if message.role == "assistant" else "user"
            if role == "assistant" and (refusal := of_assistant(self, call, message.parts)) is not None:
                raise refusal
            blocks = [] if message.role == "system" else self._blocks(call, message, part_fields)
            if blocks and turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            elif blocks:
                turns.append((role, blocks))
        if turns and turns[-1][0] == "assistant" and refuses_prefill(*self.facts(call)):
            raise self.unsupported(call, "does not continue an assistant message")
        return [{"role": role, "content": _content(blocks)} for role, blocks in turns]

    def _blocks(self, call: Call, message: Message, part_fields: PartFields) -> list[Json]:
        part_fields.accepted("message", message.extra)
        written = (self._block(call, part, part_fields) for part in message.parts)
        blocks = [block for block in written if block is not None]
        while blocks and blocks[-1].get("type") in THINKING_BLOCKS:
            blocks.pop()
        return blocks

    def _block(self, call: Call, part: Part, part_fields: PartFields) -> Json | None:
        if isinstance(part, Text):
            if not part.text.strip():  # the API rejects a blank one
                return None
            return {"type": "text", "text": part.text, **part_fields.accepted("text", part.extra)}
        if isinstance(part, MEDIA):
            return media_block(self, call, part, part_fields)
        if isinstance(part, ToolCall):
            tool_use: Json = {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
            return {**tool_use, **part_fields.accepted("call", part.extra)}
        if isinstance(part, ToolResult):
            return self._result(call, part, part_fields)
        if isinstance(part, WirePart):
            return part_fields.of_wire(part, *self.wires)
        return dict(part.data) if _may_go_back(part.data) else None

    def _result(self, call: Call, part: ToolResult, part_fields: PartFields) -> Json:
        content: Any = part.content
        if not isinstance(content, str):
            written = (self._block(call, each, part_fields) for each in content)
            content = [block for block in written if block is not None] or ""
        result: Json = {"type": "tool_result", "tool_use_id": part.call_id, "content": content}
        result.update(part_fields.accepted("result", part.extra))
        return {**result, "is_error": True} if part.is_error else result


def _may_go_back(block: Mapping[str, Any]) -> bool:
    """False for thinking without its signature, as from a broken stream: the API rejects it."""
    return block.get("type") != "thinking" or bool(block.get("signature"))


def _continues_without_thought(thinking: Json, messages: list[Json]) -> bool:
    """True if the answer belongs to a turn that was begun without the thinking that a budget requires."""
    if thinking.get("type") != "enabled" or not messages:
        return False
    if messages[-1]["role"] == "user" and _first_type(messages[-1]) != "tool_result":
        return False
    begun = next((each for each in reversed(messages) if each["role"] == "assistant"), None)
    return begun is not None and _first_type(begun) not in THINKING_BLOCKS


def _first_type(message: Json) -> Any:
    content = message["content"]
    return "text" if isinstance(content, str) else content[0].get("type")


def _tool(tool: Tool | WireTool, part_fields: PartFields) -> Json:
    if isinstance(tool, WireTool):
        return part_fields.of_wire(tool, Messages.family)
    written = {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
    return {**written, **part_fields.accepted("tool", tool.extra)}


def _content(blocks: list[Json]) -> str | list[Json]:
    if len(blocks) == 1 and blocks[0].get("type") == "text" and len(blocks[0]) == 2:
        return str(blocks[0]["text"])
    return sorted(blocks, key=lambda block: block.get("type") != "tool_result")


def _tool_choice(choice: str) -> Json:
    if choice in ("auto", "none"):
        return {"type": choice}
    return {"type": "any"} if choice == "required" else {"type": "tool", "name": choice}


def _output(request: Request, effort: str | None) -> Json:
    output: Json = {} if effort is None else {"effort": effort}
    if request.schema is not None:
        output["format"] = {"type": "json_schema", "schema": closed(request.schema.definition)}
    return output
