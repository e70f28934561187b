"""Builds a `Request` from a prompt and options, and validates it before anything is sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.message import read_message
from ranvier.messages.dicts.tools import check_choice
from ranvier.messages.message import Message, Part, Text, ToolCall, ToolResult
from ranvier.messages.request import CHECKS, Options, Request
from ranvier.messages.schema.schema import Schema
from ranvier.remedies import unknown_option

Prompt = str | Sequence[Message | Mapping[str, Any]] | Request
"""A text, a conversation (also as dicts of chat completions or of Anthropic's API), or a whole request."""


def build_request(prompt: Prompt, options: Options) -> Request:
    """The request for `prompt`; if that is a `Request`, the options replace its fields.

    Raises:
        ConfigurationError: a message or an option is invalid.
        TypeError: an unknown option.
    """
    if not options and type(prompt) is str and prompt:
        return Request((Message("user", prompt),))
    given = {name: value for name, value in options.items() if value is not None}
    repair = given.pop("repair", None)
    if isinstance(prompt, Request):
        given = {**_options_of(prompt), **given}
    fields = {name: _field(name, value) for name, value in given.items()}
    if repair is not None:
        fields["schema"] = _repaired(fields.get("schema"), repair)
    if "tool_choice" in fields:
        fields["tool_choice"] = check_choice(fields["tool_choice"], fields.get("tools", ()))
    if isinstance(prompt, Request):
        return dataclasses.replace(prompt, messages=_conversation(prompt.messages), **fields)
    return Request(_conversation(prompt), **fields)


def _options_of(request: Request) -> dict[str, object]:
    """The fields of a request except its messages, without unset ones; they are validated like options."""
    fields = {name: getattr(request, name) for name in CHECKS}
    unset: dict[str, object] = {"stop": (), "tools": (), "metadata": {}, "keep_raw": False, "extra": {}}
    return {name: value for name, value in fields.items() if value is not None and value != unset.get(name)}


def _field(name: str, value: object) -> Any:
    check = CHECKS.get(name)
    if check is None:
        raise unknown_option(name, (*CHECKS, "repair"))
    return check(value)


def _conversation(prompt: object) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        if not prompt:
            raise ConfigurationError("prompt='': give a text, or at least one message")
        return (Message("user", prompt),)
    if not isinstance(prompt, (list, tuple)):
        one = " ([message] for a single one)" if isinstance(prompt, (Message, Mapping)) else ""
        raise ConfigurationError(
            f"prompt is a {type(prompt).__name__}: give a str, a list of messages{one}, or a Request"
        )
    if not prompt:
        raise ConfigurationError("prompt=[]: give at least one message")
    return _with_names_of_tools([_message(entry, index) for index, entry in enumerate(prompt)])


def _message(entry: object, index: int) -> Message:
    if isinstance(entry, Message):
        return entry
    if isinstance(entry, Mapping):
        return read_message(entry, f"messages[{index}]")
    raise ConfigurationError(
        f"prompt holds a {type(entry).__name__}: give Message objects or dicts (of an SDK's object: "
        "model_dump())"
    )


def _with_names_of_tools(messages: list[Message]) -> tuple[Message, ...]:
    """The conversation, with the tool's name added to each tool result."""
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        if isinstance(message.content, str) and message.role != "tool":
            continue
        _check_place(message, index)
        _check_fields(message, index)
        names.update((call.id, call.name) for call in message.tool_calls)
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            if result.call_id not in names:
                if not result.call_id:
                    raise ConfigurationError(
                        f"messages[{index}] has no tool_call_id: give the id of the tool call that it answers"
                    )
                raise ConfigurationError(
                    f"messages[{index}] is the result of tool call {result.call_id!r:.80}, but no message "
                    "before it makes that call: append response.message before the results"
                )
        if any(not result.name for result in results):
            content = tuple(_named(part, names) for part in message.parts)
            messages[index] = dataclasses.replace(message, content=content)
    return tuple(messages)


def _check_place(message: Message, index: int) -> None:
    """Reject tool calls and results in messages of other roles, which most wires do not support."""
    if message.role != "assistant" and message.tool_calls:
        raise ConfigurationError(
            f"messages[{index}] of the {message.role} calls a tool: only the assistant may"
        )
    results = any(isinstance(part, ToolResult) for part in message.parts)
    if results and message.role not in ("tool", "user"):
        raise ConfigurationError(
            f"messages[{index}] of the {message.role} holds the result of a tool: use Message.tool(...)"
        )
    if message.role == "tool" and not results:
        raise ConfigurationError(
            f"messages[{index}] of the tool holds no result: use Message.tool(call_id, content)"
        )


def _check_fields(message: Message, index: int) -> None:
    """Reject parts that no wire could send; each answer has some, so they are not checked when built."""
    for part in message.parts:
        if isinstance(part, Text) and not isinstance(part.text, str):
            kind = type(part.text).__name__
            raise ConfigurationError(f"messages[{index}]: a Text holds a {kind}: give a str")
        if isinstance(part, ToolCall) and not isinstance(part.arguments, Mapping):
            raise ConfigurationError(
                f"messages[{index}]: the arguments of tool call {part.id!r:.80} are a "
                f"{type(part.arguments).__name__}: give a dict, or ToolCall.parse(id, name, text)"
            )


def _named(part: Part, names: Mapping[str, str]) -> Part:
    if isinstance(part, ToolResult) and not part.name:
        return dataclasses.replace(part, name=names[part.call_id])
    return part


def _repaired(schema: Schema | None, repair: object) -> Schema | None:
    if type(repair) is not int or repair not in (0, 1):
        raise ConfigurationError(f"repair={repair!r:.80}: give 1 to show a model what is wrong, once, or 0")
    if schema is None and repair:
        raise ConfigurationError("repair=1: give schema=... too, which the answer is checked against")
    return schema and dataclasses.replace(schema, repairs=repair)
