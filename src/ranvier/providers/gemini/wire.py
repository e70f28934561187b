"""The wire of Gemini, `generateContent`.

    request    contents of parts, systemInstruction, tools, generationConfig -> POST {base}/models/{model}:...
    answer     candidates[0].content.parts {text, thought, functionCall, thoughtSignature}, finishReason
    stream     the same in pieces, up to the one with a finishReason; it has no other end

Answers and streams are read in `answer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.media.audio import Audio
from ranvier.messages.message import MEDIA, Media, Message, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.request import Request
from ranvier.messages.response import Response
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WirePart, WireTool
from ranvier.providers._history.history import instructions, introduction, names_of_calls
from ranvier.providers._history.opaque import NOT_OURS
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._history.tool_names import name_rule
from ranvier.providers._models.models import takes_pictures_of_tools, wants_signatures
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.endings import AnswerReader
from ranvier.providers._wire.fields import offered
from ranvier.providers._wire.media import ANY_AUDIO, AUDIO_BY_URL, PDFS, PDFS_BY_URL, TEXTS_BY_URL
from ranvier.providers._wire.wire import Wire
from ranvier.providers.gemini.answer import SIGNATURE, PartReader, read_answer
from ranvier.providers.gemini.media import media_part

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.issuer import Issuer

VERTEX: Final = "aiplatform.googleapis.com"
"""The host of Vertex, which matches calls by their order and rejects their ids."""

HELD: Final = frozenset(("systemInstruction", "tools", "toolConfig"))
"""The fields that a cached content holds."""

MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}


class GenerateContent(Wire):
    """The wire of `generateContent`, at any server."""

    family = "gemini"
    tool_names = name_rule("a-zA-Z0-9_.:-", 64, first="a-zA-Z_")
    media = frozenset((PDFS, PDFS_BY_URL, TEXTS_BY_URL, *ANY_AUDIO, AUDIO_BY_URL))

    @property
    def matches_by_order(self) -> bool:
        """True if the server matches results to calls by their order, and rejects ids: Vertex does."""
        return VERTEX in self.base_url

    def body(self, call: Call, settings: Json, streaming: bool) -> Json:
        """The fields of the request; the path selects streaming."""
        request, choice = call.request, settings.pop("tool_choice", None)
        part_fields = PartFields(self, call)
        fields: Json = {"contents": self._contents(call, part_fields)}
        for part in part_fields.instructions():
            part_fields.accepted("text", part.extra)
        if system := instructions(request):
            fields["systemInstruction"] = {"parts": [{"text": system}]}
        if tools := offered(request, choice):
            fields["tools"] = _tools(tools, part_fields)
            if choice is not None:
                fields["toolConfig"] = {"functionCallingConfig": _mode(choice)}
        if generation := _generation(request, settings):
            fields["generationConfig"] = generation
        return fields

    def finish(self, call: Call, fields: Json) -> None:
        """Remove the fields that a `cachedContent` holds: the API rejects them beside it."""
        if "cachedContent" in fields:
            for name in sorted(HELD & fields.keys()):
                del fields[name]
                call.adjusted([(name, "left to the cached content")])

    def response(self, body: Json) -> Response:
        """Read a complete answer."""
        return read_answer(body)

    def shared(self, native: Native, target: Issuer) -> Json | None:
        """The content next to a signature, such as an image; never the signature, nor text or thinking."""
        data = {name: value for name, value in native.data.items() if name != SIGNATURE}
        return data if data.keys() - {"text"} and "thought" not in data else None

    def reader(self, call: Call) -> AnswerReader:
        """The reader of a streamed answer."""
        return PartReader()

    def _contents(self, call: Call, part_fields: PartFields) -> list[Json]:
        """The conversation; consecutive messages of one side are merged, tool results first."""
        messages = call.request.messages
        names = names_of_calls(messages)
        turns: list[tuple[str, list[Json]]] = []
        for message in messages:
            role = "model" if message.role == "assistant" else "user"
            parts = [] if message.role == "system" else self._parts(call, message, names, part_fields)
            if parts and turns and turns[-1][0] == role:
                turns[-1][1].extend(parts)
            elif parts:
                turns.append((role, parts))
        if self.matches_by_order:
            _leave_out_ids(turns)
        return [{"role": role, "parts": _results_first(parts)} for role, parts in turns]

    def _parts(
        self, call: Call, message: Message, names: Mapping[str, str], part_fields: PartFields
    ) -> list[Json]:
        part_fields.accepted("message", message.extra)
        parts: list[Json] = []
        signature: Json = {}
        for part in message.parts:
            if isinstance(part, Native):
                if part.data.keys() == {SIGNATURE}:  # the signature of the next part
                    signature = dict(part.data)
                else:
                    parts.append(dict(part.data))
            elif isinstance(part, ToolResult):
                parts += self._result(call, part, names, part_fields)
            elif written := self._part(call, part, part_fields):
                parts.append(written | signature)
                signature = {}
        if signature:  # the part that it signed is missing
            parts.append({"text": "", **signature})
        if wants_signatures(self.facts(call).model):
            _sign(parts)
        return parts

    def _part(
        self, call: Call, part: Text | Media | ToolCall | WirePart, part_fields: PartFields
    ) -> Json | None:
        if isinstance(part, WirePart):
            return part_fields.of_wire(part, *self.wires)
        if isinstance(part, Text):
            part_fields.accepted("text", part.extra)
            return {"text": part.text} if part.text else None
        if isinstance(part, MEDIA):
            return media_part(self, call, part, part_fields)
        part_fields.accepted("call", part.extra)
        return {"functionCall": {"id": part.id, "name": part.name, "args": part.arguments}}

    def _result(
        self, call: Call, result: ToolResult, names: Mapping[str, str], part_fields: PartFields
    ) -> Iterator[Json]:
        """A tool result; its pictures and PDFs are inside it if the model accepts that, else after it."""
        part_fields.accepted("result", result.extra)
        answer: Json = {"error" if result.is_error else "result": result.text}
        response: Json = {"id": result.call_id, "name": result.name or names.get(result.call_id, "")}
        response["response"] = answer
        within = takes_pictures_of_tools(self.facts(call).model)
        after: list[Json] = []
        for part in () if isinstance(result.content, str) else result.content:
            written = self._part(call, part, part_fields)
            if isinstance(part, Text) or written is None:
                continue
            if within and "inlineData" in written and not isinstance(part, Audio):
                response.setdefault("parts", []).append(written)
            else:
                after.append(written)
        yield {"functionResponse": response}
        if after:
            yield {"text": introduction(replace(result, name=response["name"]))}
            yield from after


def _sign(parts: list[Json]) -> None:
    """Mark the first call of a turn as another model's unless it has a signature."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault(SIGNATURE, NOT_OURS)


def _leave_out_ids(turns: list[tuple[str, list[Json]]]) -> None:
    """Remove the ids of calls and results, and sort the results of a turn in the order of their calls."""
    order: dict[str, int] = {}
    for _, parts in turns:
        for call in (part["functionCall"] for part in parts if "functionCall" in part):
            order.setdefault(call.get("id", ""), len(order))
        parts.sort(key=lambda part: order.get(part.get("functionResponse", {}).get("id"), len(order)))
        for part in parts:
            for kind in part.keys() & {"functionCall", "functionResponse"}:
                part[kind] = {name: value for name, value in part[kind].items() if name != "id"}


def _results_first(parts: list[Json]) -> list[Json]:
    return sorted(parts, key=lambda part: "functionResponse" not in part)


def _tools(tools: Iterable[Tool | WireTool], part_fields: PartFields) -> list[Json]:
    """All functions in one object, and one object for each built-in tool of Google's."""
    declared: list[Json] = []
    others: list[Json] = []
    for tool in tools:
        if isinstance(tool, WireTool):
            others.append(part_fields.of_wire(tool, GenerateContent.family))
        else:
            part_fields.accepted("tool", tool.extra)
            declared.append(_declaration(tool.name, tool.description, tool.parameters))
    return [{"functionDeclarations": declared}, *others] if declared else others


def _declaration(name: str, description: str, parameters: Mapping[str, Any]) -> Json:
    declaration: Json = {"name": name, "parametersJsonSchema": parameters}
    return {**declaration, "description": description} if description else declaration


def _mode(choice: str) -> Json:
    mode = MODES.get(choice)
    return {"mode": mode} if mode else {"mode": "ANY", "allowedFunctionNames": [choice]}


def _generation(request: Request, settings: Json) -> Json:
    level = settings.pop("thinkingLevel", None)
    if level is not None:
        settings["thinkingConfig"] = {**settings.get("thinkingConfig", {}), "thinkingLevel": level}
    if request.schema is not None:
        settings["responseMimeType"] = "application/json"
        settings["responseJsonSchema"] = request.schema.definition
    return settings
