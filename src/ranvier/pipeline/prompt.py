"""From what people write to a `Request`: checked once, before anything is sent."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from ranvier import checks
from ranvier.errors import ConfigurationError
from ranvier.messages import Image, Message, Part, Request, Schema, Text, Tool, ToolCall, ToolResult

Prompt = str | Sequence[Message | Mapping[str, Any]] | Request
"""A question, a conversation (dicts as chat APIs have them are understood too), or a whole request."""


class Options(TypedDict, total=False):
    """What a call may say beside its prompt; `None` is as if it had not been said. See `Request`.

    `schema` is a JSON schema, a pydantic model, a dataclass or a TypedDict; `repair=1` shows a model what
    is wrong with an answer that does not fit it, and asks once more. Tools may be functions and types.
    """

    system: str | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    stop: str | Sequence[str] | None
    tools: Iterable[Tool | Mapping[str, Any] | Callable[..., Any] | type] | None
    tool_choice: str | None
    schema: Any
    repair: int | None
    extra: Mapping[str, Any] | None


def build_request(prompt: Prompt, options: Options) -> Request:
    """The request for `prompt`; beside a `Request` the options replace its fields.

    Raises:
        ConfigurationError: something cannot be asked like that.
        TypeError: an option that there is not.
    """
    if not options and type(prompt) is str and prompt:
        return _question(prompt)
    given = {name: value for name, value in options.items() if value is not None}
    repair = given.pop("repair", None)
    if isinstance(prompt, Request):
        given = {**_said_in(prompt), **given}
    fields = {name: _field(name, value) for name, value in given.items()}
    if repair is not None:
        fields["schema"] = _repaired(fields.get("schema"), repair)
    if isinstance(prompt, Request):
        return dataclasses.replace(prompt, messages=_conversation(prompt.messages), **fields)
    return Request(_conversation(prompt), **fields)


def _question(text: str) -> Request:
    """`Request((Message("user", text),))`, at half its price: nearly every call is made so."""
    message = _new(Message)
    _set_role(message, "user")
    _set_content(message, text)
    request = _new(Request)
    request.messages = (message,)
    request.system = request.max_tokens = request.temperature = request.top_p = None
    request.stop = request.tools = ()
    request.tool_choice = request.schema = None
    request.extra = {}
    return request


_new = object.__new__
_set_role = vars(Message)["role"].__set__  # because a message is frozen
_set_content = vars(Message)["content"].__set__


def _said_in(request: Request) -> dict[str, object]:
    """What a request says beside its messages; it is checked like what a call says."""
    said = {name: getattr(request, name) for name in _CHECKS}
    unsaid: dict[str, object] = {"stop": (), "tools": (), "extra": {}}
    return {name: value for name, value in said.items() if value is not None and value != unsaid.get(name)}


def _field(name: str, value: object) -> Any:
    check = _CHECKS.get(name)
    if check is None:
        raise TypeError(f"unexpected keyword argument {name!r}: the options are {', '.join(_CHECKS)}, repair")
    return check(value)


def _conversation(prompt: object) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        if not prompt:
            raise ConfigurationError("prompt='': give a text, or at least one message")
        return (Message("user", prompt),)
    if not isinstance(prompt, (list, tuple)):
        raise ConfigurationError(
            f"prompt is a {type(prompt).__name__}: give a str, a list of messages, or a Request"
        )
    if not prompt:
        raise ConfigurationError("prompt=[]: give at least one message")
    return _with_names_of_tools([_message(entry) for entry in prompt])


def _message(entry: object) -> Message:
    if isinstance(entry, Message):
        return entry
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"prompt holds a {type(entry).__name__}: give Message objects or dicts")
    role, content = entry.get("role"), _content(entry.get("content"))
    if role == "tool":
        words = (
            content if isinstance(content, str) else "".join(getattr(part, "text", "") for part in content)
        )
        return Message.tool(str(entry.get("tool_call_id", "")), words, name=str(entry.get("name", "")))
    calls = _calls(entry.get("tool_calls") or ())
    if calls and isinstance(content, str):
        content = (Text(content),) if content else ()
    return Message(role, (*content, *calls) if calls else content)  # type: ignore[arg-type]  # because: it checks


def _content(content: object) -> str | tuple[Part, ...]:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, (list, tuple)):
        raise ConfigurationError(f"content is a {type(content).__name__}: give a str, or a list of parts")
    return tuple(_part(part) for part in content)


def _part(part: object) -> Part:
    if isinstance(part, Mapping) and part.get("type") == "text":
        return Text(str(part.get("text", "")))
    if isinstance(part, Mapping) and part.get("type") == "image_url":
        place = part.get("image_url")
        return Image(str(place.get("url", "")) if isinstance(place, Mapping) else str(place))
    if isinstance(part, (Text, Image, ToolCall, ToolResult)):
        return part
    raise ConfigurationError(f"content holds {type(part).__name__} {part!r:.80}: give text, images or a str")


def _calls(calls: object) -> tuple[ToolCall, ...]:
    if not isinstance(calls, (list, tuple)):
        raise ConfigurationError(f"tool_calls is a {type(calls).__name__}: give a list")
    return tuple(call if isinstance(call, ToolCall) else _call(call) for call in calls)


def _call(call: object) -> ToolCall:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise ConfigurationError(
            f"tool_calls holds {call!r:.80}: give {{'id': ..., 'function': {{'name', 'arguments'}}}}"
        )
    arguments = function.get("arguments") or {}
    try:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the arguments {arguments!r:.80} of a tool call are no JSON: {error}"
        ) from None
    return ToolCall.parse(str(call.get("id", "")), str(function.get("name", "")), text)


def _with_names_of_tools(messages: list[Message]) -> tuple[Message, ...]:
    """The conversation, each tool result bearing the name of the tool that was called."""
    names: dict[str, str] = {}
    for index, message in enumerate(messages):
        names.update((call.id, call.name) for call in message.tool_calls)
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            if result.call_id not in names:
                raise ConfigurationError(
                    f"messages[{index}] is the result of tool call {result.call_id!r:.80}, but no message "
                    "before it makes that call: append response.message before the results"
                )
        if any(not result.name for result in results):
            messages[index] = Message(message.role, tuple(_named(part, names) for part in message.parts))
    return tuple(messages)


def _named(part: Part, names: Mapping[str, str]) -> Part:
    if isinstance(part, ToolResult) and not part.name:
        return dataclasses.replace(part, name=names[part.call_id])
    return part


def _tools(tools: object) -> tuple[Tool, ...]:
    if isinstance(tools, (str, Mapping)) or not isinstance(tools, Iterable):
        raise ConfigurationError(f"tools={tools!r:.80}: give a list of Tool")
    return tuple(tool if isinstance(tool, Tool) else _tool(tool) for tool in tools)


def _tool(tool: object) -> Tool:
    if callable(tool):
        return Tool.of(tool)
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping):
        raise ConfigurationError(
            f"tools holds a {type(tool).__name__}: give Tool(name, description, parameters)"
        )
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return Tool(function.get("name", ""), function.get("description") or "", parameters)


def _stop(stop: object) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, Iterable) else ()
    if not stops or not all(isinstance(text, str) and text for text in stops):
        raise ConfigurationError(f"stop={stop!r:.80}: give a text, or a list of texts")
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
            raise ConfigurationError(f"{name}={value!r}: give a number, 0 or more")
        return value

    return check


def _mapping(extra: object) -> Mapping[str, Any]:
    if not isinstance(extra, Mapping):
        raise ConfigurationError(f"extra is a {type(extra).__name__}: give a dict of wire fields")
    return copy.deepcopy(dict(extra))  # a retry sends what the first attempt sent, whatever the caller does


def _repaired(schema: Schema | None, repair: object) -> Schema | None:
    if type(repair) is not int or repair not in (0, 1):
        raise ConfigurationError(f"repair={repair!r:.80}: give 1 to show a model what is wrong, once, or 0")
    if schema is None and repair:
        raise ConfigurationError("repair=1: give schema=... too, or else nothing can be wrong")
    return schema and dataclasses.replace(schema, repairs=repair)


_CHECKS: dict[str, Any] = {
    "system": _text("system"),
    "max_tokens": lambda value: checks.count("max_tokens", value, least=1),
    "temperature": _number("temperature"),
    "top_p": _number("top_p"),
    "stop": _stop,
    "tools": _tools,
    "tool_choice": _text("tool_choice"),
    "schema": Schema.of,
    "extra": _mapping,
}
"""How each field is checked, and made immutable."""
