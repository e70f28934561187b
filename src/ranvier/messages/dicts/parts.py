"""Reads parts of a message from dicts: `{"type": "text", "text": "..."}` and other types."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts import media
from ranvier.messages.dicts.keys import Keys
from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import Document
from ranvier.messages.media.image import Image
from ranvier.messages.message import Media, Part, Text, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS, Native
from ranvier.messages.wire import WirePart

PARTS: Final = (Text, Image, Document, Audio, ToolCall, ToolResult, Native, WirePart)

ONLY_ONE_WIRE: Final = {
    **dict.fromkeys(("search_result", "container_upload"), "anthropic"),
    **dict.fromkeys(("audio_url", "video_url"), CHAT_COMPLETIONS),
}
"""Types that only one wire supports; sent there unchanged."""

OF_THE_MODEL: Final = (
    "redacted_thinking",
    "server_tool_use",
    "mcp_tool_use",
    "compaction",
)
"""Types of blocks that Claude issued for itself; so are types that end with `_tool_result`."""


def read_parts(content: object, where: str) -> tuple[Part, ...]:
    """The parts of a `content` that is a list.

    Raises:
        ConfigurationError: one of them is invalid.
    """
    if not isinstance(content, (list, tuple)):
        raise ConfigurationError(f"{where} is a {type(content).__name__}: give a str, or a list of parts")
    return tuple(read_part(part, f"{where}[{index}]") for index, part in enumerate(content))


def read_part(part: object, where: str) -> Part:
    """One part, from a dict, a str or a part."""
    if isinstance(part, PARTS):
        return part
    if isinstance(part, str):
        return Text(part)
    if not isinstance(part, Mapping):
        raise ConfigurationError(
            f"{where} is a {type(part).__name__}: give a str, a part such as Text or Image, or a dict "
            "(of an SDK's object: model_dump())"
        )
    kind = part.get("type")
    if isinstance(kind, str) and (wire := ONLY_ONE_WIRE.get(kind)):
        return WirePart(wire, copy.deepcopy(dict(part)))
    if isinstance(kind, str) and (kind in OF_THE_MODEL or kind.endswith("_tool_result")):
        return _of_the_model(part)
    reader = READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ConfigurationError(
            f"{where}: the type {kind!r:.60} of a part is not understood: choose one of "
            f"{', '.join((*READERS, *ONLY_ONE_WIRE))}, or WirePart(wire, {{...}}), which is passed on"
        )
    keys = Keys({key: value for key, value in part.items() if key != "type"}, where)
    read = reader(keys, part)
    keys.end()
    return read


def _text(keys: Keys, part: Mapping[str, Any]) -> Text:
    if part.get("text") is None:
        raise ConfigurationError(f"{keys.where} has no text: give one")
    words = keys.text("text")
    return Text(words, keys.extra("cache_control", "citations", "annotations", "prompt_cache_breakpoint"))


def _refusal(keys: Keys, part: Mapping[str, Any]) -> Text:
    return Text(keys.text("refusal"))


def _tool_use(keys: Keys, part: Mapping[str, Any]) -> ToolCall:
    call_id, name = keys.text("id"), keys.text("name")
    return read_call_of(keys.where, call_id, name, keys.take("input"), keys.extra("caller", "cache_control"))


def read_call_of(
    where: str, id: str, name: str, arguments: Any, extra: Mapping[str, Any] | None = None
) -> ToolCall:
    """A tool call, with its arguments as JSON text or as data.

    Raises:
        ConfigurationError: it names no tool, or the arguments are not JSON.
    """
    if not name:
        raise ConfigurationError(f"{where} has no name: give the name of the tool that is called")
    try:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{where}: the arguments of a tool call are not JSON: {type(error).__name__}"
        ) from None
    call = ToolCall.parse(id, name, text)
    return ToolCall(call.id, call.name, call.arguments, call.invalid, extra=extra) if extra else call


def _tool_result(keys: Keys, part: Mapping[str, Any]) -> ToolResult:
    call_id, content = keys.text("tool_use_id"), result_of(keys.take("content"), f"{keys.where}.content")
    is_error = keys.flag("is_error")
    return ToolResult(call_id, content, is_error=is_error, extra=keys.extra("cache_control"))


def result_of(content: object, where: str) -> str | tuple[Text | Media | WirePart, ...]:
    """The result of a tool: a str if it is only text, else its parts."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = read_parts(content, where)
    found: list[Text | Media | WirePart] = []
    for index, part in enumerate(parts):
        if not isinstance(part, (Text, Image, Document, Audio, WirePart)):
            raise ConfigurationError(
                f"{where}[{index}]: a tool's result may hold text, images, documents and sound"
            )
        found.append(part)
    if all(isinstance(part, Text) and not part.extra for part in found):
        return "".join(part.text for part in found if isinstance(part, Text))
    return tuple(found)


def _thinking(keys: Keys, part: Mapping[str, Any]) -> Native:
    if "signature" in keys:
        keys.text("thinking")
        keys.text("signature")
        return _of_the_model(part)
    thought = keys.take("thinking", "")
    if isinstance(thought, (list, tuple)):  # Mistral
        thought = "".join(getattr(each, "text", "") for each in read_parts(thought, f"{keys.where}.thinking"))
    keys.take("closed")
    return thought_of(str(thought))


def thought_of(text: str) -> Native:
    """A model's reasoning, for every server of chat completions that expects it back."""
    return Native(CHAT_COMPLETIONS, {"reasoning_content": text})


def _of_the_model(part: Mapping[str, Any]) -> Native:
    return Native("anthropic", copy.deepcopy(dict(part)))


READERS: Final[Mapping[str, Callable[[Keys, Mapping[str, Any]], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "image_url": media.image_url,
    "input_image": media.image_url,
    "image": media.image,
    "document": media.document,
    "file": media.file,
    "input_file": media.input_file,
    "input_audio": media.input_audio,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
}
"""The reader of each type; it takes the keys that it understands."""
