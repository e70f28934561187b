"""Writes a conversation as messages of Ollama's own API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Text, ToolResult
from ranvier.messages.wire import WirePart
from ranvier.providers._history.history import names_of_calls, natives, results
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import of_assistant, untaken
from ranvier.providers.chat_completions.reasoning import REASONING

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

FAMILY: Final = "ollama"


class Conversation:
    """Writes the messages of one request."""

    def __init__(self, adapter: Wire, call: Call, part_fields: PartFields) -> None:
        self._adapter = adapter
        self._call = call
        self._part_fields = part_fields

    def messages(self) -> Iterator[Json]:
        """The conversation, with one tool message for each result."""
        request = self._call.request
        if request.system:
            yield {"role": "system", "content": request.system}
        messages = request.messages
        names = names_of_calls(messages)
        beside: list[Part] = []  # other parts of tool messages, to follow the last result
        for message in messages:
            self._part_fields.accepted("message", message.extra)
            yield from self._results(message, names)
            others = [part for part in message.parts if not isinstance(part, ToolResult)]
            if message.role == "tool":
                beside += others
                continue
            if beside:
                yield self._message("user", beside)
                beside = []
            if message.role == "assistant":
                yield self._answer(message)
            elif others or not results(message):
                yield self._message(message.role, others)
        if beside:
            yield self._message("user", beside)

    def _message(self, role: str, parts: Iterable[Part]) -> Json:
        """A message with the text of the parts joined, and their images."""
        words, images = "", []
        for part in parts:
            if isinstance(part, Text):
                self._part_fields.accepted("text", part.extra)
                words += part.text
            elif isinstance(part, Image):
                images.append(self._image(part))
            elif isinstance(part, (Document, Audio)):
                reason = untaken(self._adapter, self._call, part) or "takes only text and image parts"
                raise self._adapter.unsupported(self._call, reason)
            elif isinstance(part, WirePart):
                self._part_fields.of_wire(part, FAMILY)
                raise self._adapter.unsupported(self._call, "takes only text and image parts")
        return {"role": role, "content": words, **({"images": images} if images else {})}

    def _image(self, image: Image) -> str:
        self._part_fields.accepted("image", image.extra)
        if image.detail is not None:
            self._part_fields.leave_out("detail")
        if image.url is not None:
            raise self._adapter.unsupported(self._call, "does not fetch images: give their bytes")
        return image.base64

    def _results(self, message: Message, names: Mapping[str, str]) -> Iterator[Json]:
        for result in results(message):
            self._part_fields.accepted("result", result.extra)
            name = result.name or names.get(result.call_id, "")
            written = self._message("tool", result.parts)
            yield {**written, "tool_name": name, "tool_call_id": result.call_id}

    def _answer(self, message: Message) -> Json:
        if (refusal := of_assistant(self._adapter, self._call, message.parts)) is not None:
            raise refusal
        answer = self._message("assistant", message.parts)
        for data in natives(message):
            if REASONING in data:  # from a chat completions dict
                answer["thinking"] = data[REASONING]
            else:
                answer.update(data)
        calls = []
        for call in message.tool_calls:
            self._part_fields.accepted("call", call.extra)
            calls.append({"id": call.id, "function": {"name": call.name, "arguments": call.arguments}})
        if calls:
            answer["tool_calls"] = calls
        return answer
