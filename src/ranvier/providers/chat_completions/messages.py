"""Writes a conversation as chat completions messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import Native
from ranvier.messages.wire import WirePart
from ranvier.providers._history.history import arguments_text, introduction, natives, results
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._reading.reading import Json
from ranvier.providers._wire.media import check_taken, of_assistant
from ranvier.providers.chat_completions.fragments import KEPT_OF_CALLS
from ranvier.providers.chat_completions.reasoning import REASONING, rounds_with_tools

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers.chat_completions.adapter import ChatCompletions

FOLLOWS: Final = "The result follows in the next message."
"""The text of a tool result that has none: a tool message must not be empty."""


class Conversation:
    """Writes the messages of one request."""

    def __init__(self, adapter: ChatCompletions, call: Call, part_fields: PartFields) -> None:
        self._adapter = adapter
        self._call = call
        self._part_fields = part_fields
        self._shown: list[
            Json
        ] = []  # pictures, documents and sound from tools, to follow the last result of a turn

    def messages(self) -> list[Json]:
        """The conversation, with one tool message for each result; without the request's `system`."""
        turns = self._call.request.messages
        with_tools = rounds_with_tools(turns) if self._adapter.returned else frozenset()
        written: list[Json] = []
        for index, turn in enumerate(turns):
            if turn.role in ("user", "system") and isinstance(turn.content, str) and not turn.extra:
                written += self._pictures()
                written.append({"role": turn.role, "content": turn.content})  # nearly all messages
            else:
                written += self._turn(turn, in_tool_round=index in with_tools)
        written += self._pictures()
        return written

    def _pictures(self) -> Iterable[Json]:
        """What tools have shown, after all results have followed their calls."""
        if not self._shown:
            return ()
        shown, self._shown = self._shown, []
        return ({"role": "user", "content": shown},)

    def _turn(self, message: Message, *, in_tool_round: bool) -> Iterator[Json]:
        more = self._part_fields.accepted("message", message.extra)
        for result in results(message):
            yield {**self._result(result), **(more if message.role == "tool" else {})}
        if message.role == "tool":
            self._shown += self._content(message.parts)
            return
        yield from self._pictures()
        if message.role == "assistant":
            answer = self._answer(message, in_tool_round=in_tool_round)
            if answer["content"] or "tool_calls" in answer:  # Kimi and GLM reject an empty one
                yield {**answer, **more}
            return
        content = list(self._content(message.parts))
        if content or not results(message):
            yield {"role": message.role, "content": _plain(content), **more}

    def _result(self, result: ToolResult) -> Json:
        """A tool result as text; a tool message cannot hold anything else, so that follows later."""
        content: Any = result.content
        more = self._part_fields.accepted("result", result.extra)
        if more or not isinstance(content, str):
            words: list[Part] = [part for part in result.parts if isinstance(part, Text)]
            others: list[Part] = [part for part in result.parts if not isinstance(part, Text)]
            if others:
                self._shown += [{"type": "text", "text": introduction(result)}, *self._content(others)]
                words = words or [Text(FOLLOWS)]
            written = list(self._content(words)) or [{"type": "text", "text": ""}]
            written[-1].update(more)
            content = _plain(written)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}

    def _answer(self, message: Message, *, in_tool_round: bool) -> Json:
        """An assistant message: its text, its tool calls, and the fields that the server wants back."""
        if (refusal := of_assistant(self._adapter, self._call, message.parts)) is not None:
            raise refusal
        content: Any = message.content
        if not isinstance(content, str):
            parts = [part for part in content if isinstance(part, (Text, WirePart))]
            content = _plain(list(self._content(parts)))
        answer: Json = {"role": "assistant", "content": content or None}
        if calls := [self._tool_call(call) for call in message.tool_calls]:
            answer["tool_calls"] = calls
        self._adapter.put_back(self._call, message, answer, in_tool_round=in_tool_round)
        if any(REASONING in data for data in natives(message)) and not _has_reasoning(answer):
            self._part_fields.leave_out(REASONING)
        return answer

    def _tool_call(self, call: ToolCall) -> Json:
        written: Json = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": arguments_text(call)},
            **self._part_fields.accepted("call", call.extra),
        }
        if call.native is not None:
            kept = {name: call.native.data[name] for name in KEPT_OF_CALLS if name in call.native.data}
            issued_here = call.native.endpoint is not None
            written |= kept if issued_here else self._part_fields.accepted("call", kept)
        return written

    def _content(self, parts: Iterable[Part]) -> Iterator[Json]:
        for part in parts:
            if isinstance(part, Text):
                yield {"type": "text", "text": part.text, **self._part_fields.accepted("text", part.extra)}
            elif isinstance(part, Image):
                image = self._adapter.image(self._call, part)
                yield {**image, **self._part_fields.accepted("image", part.extra)}
            elif isinstance(part, (Document, Audio)):
                check_taken(self._adapter, self._call, part)
                kind, written = (
                    ("audio", _sound(part)) if isinstance(part, Audio) else ("document", _file(part))
                )
                yield {**written, **self._part_fields.accepted(kind, part.extra)}
            elif isinstance(part, WirePart):
                yield self._part_fields.of_wire(part, *self._adapter.wires)
            elif isinstance(part, Native) and "type" in part.data:
                yield dict(part.data)  # for example a file


def _file(document: Document) -> Json:
    """A document as a file, whose name is required beside its bytes."""
    return {"type": "file", "file": {"filename": document.file_name, "file_data": document.data_url}}


def _sound(audio: Audio) -> Json:
    return {"type": "input_audio", "input_audio": {"data": audio.base64, "format": audio.format}}


def _plain(content: list[Json]) -> str | list[Json]:
    """The parts as one str if all of them are plain text."""
    if all(part["type"] == "text" and len(part) == 2 for part in content):
        return "".join(part["text"] for part in content)
    return content


def _has_reasoning(answer: Json) -> bool:
    return not answer.keys().isdisjoint((REASONING, "reasoning", "reasoning_details"))
