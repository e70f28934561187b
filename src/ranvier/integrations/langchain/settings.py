"""The options of a call as those of a chat model of LangChain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.messages.request import Request
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call

FIELDS: Final = ("temperature", "top_p", "max_tokens", "seed")
"""Options for which chat models have fields of these names, or by these aliases."""

NOWHERE: Final = ("reasoning", "reasoning_summary", "cache", "cache_key")
"""Options for which LangChain has no common name."""


def unsupported(call: Call, reason: str) -> UnsupportedRequestError:
    """The error for what the chat model cannot be asked; the next target may."""
    provider = call.deployment.provider.name
    return UnsupportedRequestError(
        f"{call.deployment} {reason}", provider=provider, model=call.deployment.model
    )


def prepared(chat_model: Any, call: Call) -> tuple[Any, dict[str, Any]]:
    """The chat model with the tools and settings of the request, and the arguments of its call.

    Raises:
        UnsupportedRequestError: the chat model has no field for a setting.
    """
    request = call.request
    for name in NOWHERE:
        if getattr(request, name) is not None:
            raise unsupported(call, f"cannot be asked for {name}=...: {_remedy(call)}")
    asked: Any = chat_model.model_copy(update=dict(_fields(chat_model, call)))
    if request.tools:
        if request.schema is not None:
            raise unsupported(call, "takes either tools or a schema")
        choice = "any" if request.tool_choice == "required" else request.tool_choice
        chosen = {} if choice is None else {"tool_choice": choice}
        asked = asked.bind_tools([_tool(tool) for tool in request.tools], **chosen)
    arguments = _extra(call)
    if request.stop:
        arguments["stop"] = list(request.stop)
    return asked, arguments


def _remedy(call: Call) -> str:
    return f"set it on the chat model, or in extra={{{call.deployment.provider.name!r}: ...}}"


def _fields(chat_model: Any, call: Call) -> Iterator[tuple[str, Any]]:
    request: Request = call.request
    for name in FIELDS:
        value = getattr(request, name)
        if value is None:
            continue
        field = _field(type(chat_model), name)
        if field is None:
            raise unsupported(call, f"has no field {name!r}: {_remedy(call)}")
        yield field, value


def _field(kind: Any, name: str) -> str | None:
    """The field of a chat model for an option, by its name or by its alias."""
    fields = kind.model_fields
    return name if name in fields else next((each for each in fields if fields[each].alias == name), None)


def _tool(tool: Tool | WireTool) -> dict[str, Any]:
    if isinstance(tool, WireTool):
        return dict(tool.data)
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": {**function, **(tool.extra or {})}}


def _extra(call: Call) -> dict[str, Any]:
    """The fields for this provider: those without a provider's name, and those under its own."""
    name, extra = call.deployment.provider.name, call.request.extra
    others = call.pipeline.provider_names
    shared = {
        key: value
        for key, value in extra.items()
        if key != name and not (key in others and isinstance(value, Mapping))
    }
    return {**call.deployment.options, **shared, **extra.get(name, {})}
