"""Writes a conversation as the input items of the Responses API.

Reasoning goes back encrypted, directly before the item that followed it: the API rejects reasoning at the
end of a turn, and an item whose id it does not know. So no id of a message or a call is sent, and reasoning
goes back only with its encrypted content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.media.sources import last_segment
from ranvier.messages.message import Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import RESPONSES, Native
from ranvier.messages.wire import WirePart
from ranvier.providers._history.history import arguments_text, results
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import check_taken, of_assistant

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

OF_REASONING = ("type", "id", "summary", "content", "encrypted_content")
"""The fields of reasoning that the API accepts back."""


class Items:
    """Writes the input items of one request."""

    def __init__(self, wire: Wire, call: Call, part_fields: PartFields) -> None:
        self._wire = wire
        self._call = call
        self._part_fields = part_fields
        self._shown: list[Json] = []  # content beside the results of tools, to follow the last one

    def written(self) -> list[Json]:
        """The conversation, without the request's `system`."""
        items: list[Json] = []
        for message in self._call.request.messages:
            if message.role in ("user", "system") and isinstance(message.content, str) and not message.extra:
                items += self._beside_results()
                items.append({"role": message.role, "content": message.content})  # nearly all messages
            else:
                items += self._items(message)
        items += self._beside_results()
        return items

    def _beside_results(self) -> Iterable[Json]:
        if not self._shown:
            return ()
        shown, self._shown = self._shown, []
        return ({"role": "user", "content": shown},)

    def _items(self, message: Message) -> Iterator[Json]:
        for result in results(message):
            yield self._result(result)
        if message.role == "tool":
            self._part_fields.accepted("message", message.extra)
            self._shown += self._content(message.parts)
            return
        yield from self._beside_results()
        if message.role == "assistant":
            yield from self._answer(message)
            return
        more = self._part_fields.accepted("message", message.extra)
        more.pop("phase", None)
        content = list(self._content(message.parts))
        if content or not results(message):
            yield {"role": message.role, "content": _plain(content), **more}

    def _result(self, result: ToolResult) -> Json:
        output: str | list[Json] = result.content if isinstance(result.content, str) else ""
        if not isinstance(result.content, str):
            output = _plain(list(self._content(result.parts)))
        more = self._part_fields.accepted("result", result.extra)
        return {"type": "function_call_output", "call_id": result.call_id, "output": output, **more}

    def _content(self, parts: Iterable[Part]) -> Iterator[Json]:
        """The text, images and files of a message or a result."""
        for part in parts:
            if isinstance(part, Text):
                more = self._part_fields.accepted("text", part.extra)
                yield {"type": "input_text", "text": part.text, **more}
            elif isinstance(part, Image):
                more = self._part_fields.accepted("image", part.extra)
                image = {"type": "input_image", "image_url": part.data_url, "detail": part.detail or "auto"}
                yield {**image, **more}
            elif isinstance(part, (Document, Audio)):
                check_taken(self._wire, self._call, part)
                if isinstance(part, Document):
                    yield self._file(part)
            elif isinstance(part, WirePart):
                yield self._part_fields.of_wire(part, *self._wire.wires)

    def _file(self, part: Document) -> Json:
        """A document; the API takes no name beside a URL."""
        more = self._part_fields.accepted("document", part.extra)
        if part.url is None:
            return {"type": "input_file", "filename": part.file_name, "file_data": part.data_url, **more}
        if part.name != last_segment(part.url):
            self._part_fields.leave_out("name")
        return {"type": "input_file", "file_url": part.url, **more}

    # --- the model's side ------------------------------------------------------------------------

    def _answer(self, message: Message) -> list[Json]:
        """The items of an assistant message, in their order."""
        more = self._part_fields.accepted("message", message.extra)
        if (refusal := of_assistant(self._wire, self._call, message.parts)) is not None:
            raise refusal
        items: list[Json] = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                items.append(self._tool_call(part))
            elif isinstance(part, Native):
                if "phase" in part.data:
                    items.append({"role": "assistant", "content": "", **more, "phase": part.data["phase"]})
                elif (item := _sent_back(part)) is not None:
                    items.append(item)
            elif isinstance(part, Text):
                self._add_text(items, part, more)
            elif isinstance(part, WirePart):
                items.append(self._part_fields.of_wire(part, *self._wire.wires))
        items = [item for item in items if item.get("content") != ""]
        while items and items[-1].get("type") == "reasoning":
            items.pop()
        return items

    def _add_text(self, items: list[Json], part: Text, more: Json) -> None:
        """Add text to the message that it continues, or in a new one; the text of an answer has no fields."""
        for name in self._part_fields.accepted("text", part.extra):
            self._part_fields.leave_out(name)
        if items and items[-1].keys() <= {"role", "content", "phase"}:
            items[-1]["content"] += part.text
        else:
            items.append({"role": "assistant", "content": part.text, **more})

    def _tool_call(self, call: ToolCall) -> Json:
        given = {"call_id": call.id, "name": call.name, "arguments": arguments_text(call)}
        return {"type": "function_call", **given, **self._part_fields.accepted("call", call.extra)}


def _sent_back(native: Native) -> Json | None:
    """An item that the model issued itself; `None` if the API would not accept it back."""
    data = native.data
    if native.provider != RESPONSES or "type" not in data:
        return None
    if data["type"] != "reasoning":
        return {name: value for name, value in data.items() if value is not None}
    if not data.get("encrypted_content"):
        return None
    kept = {name: data[name] for name in OF_REASONING if data.get(name)}
    return {**kept, "summary": data.get("summary") or []}


def _plain(content: list[Json]) -> str | list[Json]:
    """The parts as one str if all of them are plain text."""
    if all(part["type"] == "input_text" and len(part) == 2 for part in content):
        return "".join(part["text"] for part in content)
    return content
