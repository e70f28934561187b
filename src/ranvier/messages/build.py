"""Builds a `Request` from a prompt and options, and validates it before anything is sent."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Generic, TypedDict

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.message import read_message
from ranvier.messages.dicts.tools import check_choice, read_choice, read_tools
from ranvier.messages.request import Message, Part, Request, ToolResult
from ranvier.messages.response import ParsedT
from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool
from ranvier.remedies import unknown_option

Prompt = str | Sequence[Message | Mapping[str, Any]] | Request
"""A text, a conversation (also as dicts of chat completions or of Anthropic's API), or a whole request."""


class Options(TypedDict, Generic[ParsedT], total=False):
    """The options of a call; `None` means unset. See `Request`.

    `schema` is a JSON schema, a pydantic model, a dataclass or a TypedDict; `repair=1` shows the model what
    is wrong with an answer that does not match it, and asks once more. Tools may be functions, types and
    dicts; `tool_choice` is `auto`, `none`, `required`, the name of a tool, or an equivalent dict.
    """

    system: str | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: str | Sequence[str] | None
    tools: Iterable[Tool | WireTool | Mapping[str, Any] | Callable[..., Any] | type] | None
    tool_choice: str | Mapping[str, Any] | None
    schema: type[ParsedT] | UnionType | Mapping[str, Any] | Schema | None
    repair: int | None
    extra: Mapping[str, Any] | None


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
    fields = {name: getattr(request, name) for name in _CHECKS}
    unset: dict[str, object] = {"stop": (), "tools": (), "extra": {}}
    return {name: value for name, value in fields.items() if value is not None and value != unset.get(name)}


def _field(name: str, value: object) -> Any:
    check = _CHECKS.get(name)
    if check is None:
        raise unknown_option(name, (*_CHECKS, "repair"))
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
        names.update((call.id, call.name) for call in message.tool_calls)
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            if result.call_id not in names:
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


def _named(part: Part, names: Mapping[str, str]) -> Part:
    if isinstance(part, ToolResult) and not part.name:
        return dataclasses.replace(part, name=names[part.call_id])
    return part


def _stop(stop: object) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, Iterable) else ()
    if not stops or not all(isinstance(text, str) and text for text in stops):
        shown = f"={stop!r}" if stop in ("", (), []) else f" is a {type(stop).__name__}"
        raise ConfigurationError(f"stop{shown}: give a text, or a list of texts, none of them empty")
    return stops


def _text(name: str) -> Any:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} is a {type(value).__name__}: give a str")
        return value

    return check


def _number(name: str) -> Any:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise ConfigurationError(f"{name}={value!r:.60}: give a number, 0 or more")
        return value

    return check


def _mapping(extra: object) -> Mapping[str, Any]:
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra is a {type(extra).__name__}: give a dict of wire fields")
    validation.one_answer("extra", extra)
    return copy.deepcopy(dict(extra))  # a retry must send the same, even if the caller changes it meanwhile


def _repaired(schema: Schema | None, repair: object) -> Schema | None:
    if type(repair) is not int or repair not in (0, 1):
        raise ConfigurationError(f"repair={repair!r:.80}: give 1 to show a model what is wrong, once, or 0")
    if schema is None and repair:
        raise ConfigurationError("repair=1: give schema=... too, which the answer is checked against")
    return schema and dataclasses.replace(schema, repairs=repair)


_CHECKS: dict[str, Any] = {
    "system": _text("system"),
    "max_tokens": lambda value: validation.count("max_tokens", value, least=1),
    "temperature": _number("temperature"),
    "top_p": _number("top_p"),
    "stop": _stop,
    "tools": read_tools,
    "tool_choice": read_choice,
    "schema": Schema.of,
    "extra": _mapping,
}
"""Validates each field, and makes it immutable."""
