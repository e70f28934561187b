"""Reads a conversation of LangChain as messages of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, ToolMessage

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.message import ROLES
from ranvier.messages.dicts.parts import read_call_of, read_part, thought_of
from ranvier.messages.media.image import Image
from ranvier.messages.message import Message, Part, Role, Text, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS
from ranvier.messages.saved.dumping import load
from ranvier.messages.wire import WirePart

SAVED: Final = "ranvier"
"""The key in `additional_kwargs` for an answer whose parts LangChain has no words for."""

OF_TYPES: Final[Mapping[str, Role]] = {"human": "user", "system": "system", "ai": "assistant", "tool": "tool"}

CALLS: Final = frozenset(("tool_call", "tool_call_chunk", "tool_use", "function_call", "invalid_tool_call"))
"""Types of blocks that repeat what stands in `tool_calls` as well."""

DATA: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset(("source",)),
    "file": frozenset(("file",)),
    "audio": frozenset(),
}
"""Blocks of LangChain, and the keys of those blocks of an API that have the same type."""

OF_LANGCHAIN: Final = ("index", "extras", "id")
"""Keys of a text or a picture that LangChain adds for itself."""


def read_history(messages: Iterable[BaseMessage]) -> list[Message]:
    """The conversation as messages of ours.

    Raises:
        ConfigurationError: a message or a block of one has no equivalent; no content is quoted.
    """
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: BaseMessage, where: str) -> Message:
    if isinstance(message, AIMessage):
        return _saved(message) or Message("assistant", _answer(message, where), _extra(message))
    if isinstance(message, ToolMessage):
        result = ToolResult(
            message.tool_call_id, _result(message, where), message.name or "", message.status == "error"
        )
        return Message("tool", (result,))
    role = ROLES.get(message.role) if isinstance(message, ChatMessage) else OF_TYPES.get(message.type)
    if role is None or role == "tool":
        raise ConfigurationError(
            f"{where} is a {type(message).__name__}: "
            "give SystemMessage, HumanMessage, AIMessage or ToolMessage"
        )
    return Message(role, _content(message, where), _extra(message))


def _extra(message: BaseMessage) -> Mapping[str, Any] | None:
    return {"name": message.name} if message.name else None


def _content(message: BaseMessage, where: str) -> str | tuple[Part, ...]:
    if isinstance(message.content, str):
        return message.content
    return tuple(_parts(message.content, f"{where}.content"))


def _result(message: ToolMessage, where: str) -> str | tuple[Any, ...]:
    """What a tool returned; `ToolResult` rejects parts that it cannot hold."""
    content = _content(message, where)
    if isinstance(content, str) or any(not isinstance(part, Text) or part.extra for part in content):
        return content
    return "".join(part.text for part in content if isinstance(part, Text))


def _parts(content: Iterable[Any], where: str) -> Iterator[Part]:
    for index, block in enumerate(content):
        part = _part(block, f"{where}[{index}]")
        if part is not None:
            yield part


def _part(block: Any, where: str) -> Part | None:
    """The part that a block holds; `None` for one that says nothing, or says what `tool_calls` says."""
    kind = block.get("type") if isinstance(block, Mapping) else None
    if kind is None:
        return read_part(block, where)
    if kind in CALLS:
        return None
    if kind == "non_standard":
        return _part(block.get("value"), where)
    if kind == "reasoning":
        return thought_of(str(block["reasoning"])) if block.get("reasoning") else None
    if kind in DATA and not DATA[kind] & block.keys():
        return _data(kind, block, where)
    if kind in ("text", "image_url"):
        block = {key: value for key, value in block.items() if key not in OF_LANGCHAIN and value != []}
    return read_part(block, where)


def _data(kind: str, block: Mapping[str, Any], where: str) -> Part:
    """A picture, a file or sound in LangChain's form, or in that of its versions before 1.0."""
    data = block.get("base64") or (block.get("data") if block.get("source_type") == "base64" else None)
    media_type = block.get("mime_type") or ""
    if kind == "image":
        try:
            return Image(f"data:{media_type};base64,{data}") if data else Image(block.get("url"))
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None
    if data and kind == "audio":
        sound = {"data": data, "format": media_type.rpartition("/")[2]}
        return WirePart(CHAT_COMPLETIONS, {"type": "input_audio", "input_audio": sound})
    if data:
        name = (block.get("extras") or block).get("filename") or "file"
        file = {"filename": name, "file_data": f"data:{media_type};base64,{data}"}
        return WirePart(CHAT_COMPLETIONS, {"type": "file", "file": file})
    if block.get("file_id"):
        return WirePart(CHAT_COMPLETIONS, {"type": "file", "file": {"file_id": block["file_id"]}})
    raise ConfigurationError(f"{where}: the {kind} has no content that every API takes: give it as base64")


# --- answers -------------------------------------------------------------------------------------


def _answer(message: AIMessage, where: str) -> tuple[Part, ...]:
    content = _content(message, where)
    said = (Text(content),) if isinstance(content, str) and content else tuple(content)
    thought = message.additional_kwargs.get("reasoning_content")
    thoughts = (thought_of(thought),) if isinstance(thought, str) and thought else ()
    calls = (
        read_call_of(f"{where}.tool_calls", call["id"] or "", call["name"], call["args"])
        for call in message.tool_calls
    )
    broken = (
        ToolCall(call["id"] or "", call["name"] or "", {}, call["args"] or "")
        for call in message.invalid_tool_calls
    )
    return (*thoughts, *said, *calls, *broken)


def _saved(message: AIMessage) -> Message | None:
    """The answer as its provider gave it; `None` if it is another's, or if its words were changed since."""
    saved = message.additional_kwargs.get(SAVED)
    if not isinstance(saved, str):
        return None
    (answer,) = load(saved)
    ids = [call["id"] for call in (*message.tool_calls, *message.invalid_tool_calls)]
    unchanged = answer.text == str(message.text) and [call.id for call in answer.tool_calls] == ids
    return answer if unchanged else None
