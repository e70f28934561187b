"""Reads messages from dicts: `{"role": "user", "content": "..."}` with the further fields of SDKs."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.keys import Keys
from ranvier.messages.dicts.media import image_from_base64
from ranvier.messages.dicts.parts import (
    read_call_of,
    read_part,
    read_parts,
    result_of,
    thought_of,
)
from ranvier.messages.message import Message, Part, Role, Text, ToolCall, ToolResult
from ranvier.messages.native import CHAT_COMPLETIONS, Native

ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}

REASONING: Final = ("reasoning_content", "reasoning", "thinking")
"""Fields of reasoning: of Kimi, GLM and DeepSeek; of OpenRouter and vLLM; of Ollama."""

OF_LITELLM: Final = "provider_specific_fields"
"""Where litellm puts fields that OpenAI's format does not have; no API accepts it."""

LIFTED: Final = (*REASONING, "reasoning_details", "thinking_blocks", "refusal")
"""Keys that may be in that dict instead of in the message, or in both."""


def read_message(entry: Mapping[str, Any], where: str) -> Message:
    """The message that a dict holds.

    Raises:
        ConfigurationError: an unknown role, no content, or an unknown key; no content is quoted.
    """
    content = entry.get("content")
    given = entry.get("role")
    role = ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise ConfigurationError(f"{where}: role={given!r:.60}: choose one of {', '.join(ROLES)}")
    if len(entry) == 2 and isinstance(content, str) and role != "tool":  # the most frequent case
        return Message(role, content)
    keys = Keys({key: value for key, value in entry.items() if key not in ("role", "content")}, where)
    read = _result if role == "tool" else _answer if role == "assistant" else _words
    message = read(keys, role, content)
    keys.end()
    if not message.content and not isinstance(content, str):
        raise ConfigurationError(f"{where} has no content: give content{CALLS * (role == 'assistant')}")
    return message


CALLS: Final = ", or tool_calls"


def _words(keys: Keys, role: Role, content: object) -> Message:
    parts = [*_content(keys, content)]
    parts += [image_from_base64(data, f"{keys.where}.images") for data in keys.entries("images")]  # Ollama
    if role == "user" and parts and all(isinstance(part, ToolResult) for part in parts):
        role = "tool"  # Anthropic has no such role
    return _message(keys, role, content, parts)


def _answer(keys: Keys, role: Role, content: object) -> Message:
    lifted = _lift(keys)
    parts = [*_thoughts(keys), *_content(keys, content)]
    if refusal := keys.text("refusal"):
        parts.append(Text(refusal))
    for index, image in enumerate(keys.entries("images")):
        parts.append(read_part(image, f"{keys.where}.images[{index}]"))
    for index, call in enumerate(keys.entries("tool_calls")):
        parts += _call(call, f"{keys.where}.tool_calls[{index}]")
    if "function_call" in keys:
        raise ConfigurationError(f"{keys.where}.function_call: it has no id: give tool_calls instead")
    message = _message(keys, role, content, _with_one_thought(parts))
    return dataclasses.replace(message, extra={**(message.extra or {}), **lifted}) if lifted else message


def _result(keys: Keys, role: Role, content: object) -> Message:
    call_id, name = keys.take("tool_call_id", ""), keys.text("name") or keys.text("tool_name")
    extra, is_error = keys.extra("cache_control"), keys.flag("is_error")
    parts = result_of(content, f"{keys.where}.content")
    return Message(role, (ToolResult(str(call_id), parts, name, is_error, extra),))


def _message(keys: Keys, role: Role, content: object, parts: list[Part]) -> Message:
    extra = keys.extra("name", "partial", "prefix", "annotations", "audio")
    marked = keys.extra("cache_control")  # litellm: of the last part
    if marked and parts and isinstance(parts[-1], (Text, ToolCall, ToolResult)):
        parts[-1] = dataclasses.replace(parts[-1], extra={**(parts[-1].extra or {}), **marked})
    elif marked:
        raise ConfigurationError(f"{keys.where}.cache_control: give it to a part of the content")
    if isinstance(content, str) and (not parts or parts == [Text(content)]):
        return Message(role, content, extra)
    return Message(role, tuple(parts), extra)


def _content(keys: Keys, content: object) -> tuple[Part, ...]:
    if content is None or isinstance(content, str):
        return (Text(content),) if content else ()
    return read_parts(content, f"{keys.where}.content")


# --- reasoning and other opaque fields ------------------------------------------------------------


def _lift(keys: Keys) -> dict[str, Any]:
    """Move fields from litellm's own dict to the message; return the fields that have no place there."""
    given = dict(keys.mapping(OF_LITELLM))
    for key in LIFTED:
        if key in given and keys.put(key, given[key]):
            del given[key]
    rest = Keys(given, keys.where).extra(*given)
    return {} if rest is None else {OF_LITELLM: rest}


def _thoughts(keys: Keys) -> Iterator[Part]:
    for index, block in enumerate(keys.entries("thinking_blocks")):  # litellm
        yield read_part(block, f"{keys.where}.thinking_blocks[{index}]")
    if details := keys.entries("reasoning_details"):  # OpenRouter
        yield Native("openrouter", {"reasoning_details": copy.deepcopy(list(details))})
    thoughts = dict.fromkeys(filter(None, [keys.text(key) for key in REASONING]))  # each once
    if thoughts:
        yield thought_of("\n\n".join(thoughts))


def _with_one_thought(parts: list[Part]) -> list[Part]:
    """The parts with all reasoning texts joined into one, because a message has one field for them."""
    thoughts = [part for part in parts if isinstance(part, Native) and part.provider == CHAT_COMPLETIONS]
    if len(thoughts) < 2:
        return parts
    words = dict.fromkeys(str(part.data["reasoning_content"]) for part in thoughts)  # each once
    return [thought_of("\n\n".join(words)), *(part for part in parts if part not in thoughts)]


def _call(call: object, where: str) -> Iterator[Part]:
    if isinstance(call, ToolCall):
        yield call
        return
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise ConfigurationError(
            f"{where} is a {type(call).__name__} without a function: "
            "give {'id': ..., 'function': {'name', 'arguments'}}"
        )
    keys = Keys(call, where)
    inner = keys if function is call else Keys(keys.mapping("function"), f"{where}.function")
    if keys.take("type", "function") != "function":
        raise ConfigurationError(f"{where}.type: not every provider supports such calls: give 'function'")
    keys.take("index")  # its position in a stream
    inner.take("index")  # Ollama
    inner.take("parsed_arguments")  # OpenAI's SDK: the same as `arguments`
    native = keys.mapping("extra_content")
    yield from _signature(keys, native)
    call_id, name = str(keys.take("id", "")), inner.text("name")
    read = read_call_of(where, call_id, name, inner.take("arguments"), keys.extra("cache_control"))
    if native:
        issued = Native(CHAT_COMPLETIONS, {"extra_content": copy.deepcopy(dict(native))})
        read = dataclasses.replace(read, native=issued)
    inner.end()
    keys.end()
    yield read


def _signature(keys: Keys, native: Mapping[str, Any]) -> Iterator[Part]:
    """Gemini's signature of a call, as litellm and Google's compatible API give it."""
    google = native.get("google")
    signature = keys.mapping(OF_LITELLM).get("thought_signature")
    if not signature and isinstance(google, Mapping):
        signature = google.get("thought_signature")
    if isinstance(signature, str) and signature:
        yield Native("gemini", {"thoughtSignature": signature})
