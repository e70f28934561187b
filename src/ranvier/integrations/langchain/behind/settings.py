"""Translates the options of a call to those of a chat model of LangChain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ranvier.providers._wire.fields import Extras

if TYPE_CHECKING:
    from ranvier.integrations.langchain.behind.asker import Asker
    from ranvier.integrations.langchain.behind.written_blocks import Blocks
    from ranvier.pipeline.call import Call

FIELDS: Final = ("temperature", "top_p", "max_tokens", "seed")
"""Options for which chat models have fields with these names or aliases."""

NOWHERE: Final = ("reasoning", "reasoning_summary", "cache", "cache_key")
"""Options for which LangChain has no common name."""


def prepared(provider: Asker, call: Call, blocks: Blocks) -> tuple[Any, dict[str, Any]]:
    """The chat model with the tools and settings of the request, and the arguments of its call.

    Raises:
        UnsupportedRequestError: the chat model has no field for a setting, or is of another API than a tool.
    """
    request = call.request
    for name in NOWHERE:
        if getattr(request, name) not in (None, False):
            raise provider.unsupported(call, f"cannot be asked for {name}=...: {_remedy(call)}")
    model: Any = provider.chat_model.model_copy(update=dict(_fields(provider, call)))
    if request.tools:
        if request.schema is not None:
            raise provider.unsupported(call, "takes either tools or a schema")
        chosen = {} if request.tool_choice is None else {"tool_choice": blocks.choice(request.tool_choice)}
        model = _with_tools(provider, call, model, [blocks.tool(tool) for tool in request.tools], chosen)
    arguments: dict[str, Any] = {"stop": list(request.stop)} if request.stop else {}
    extras = Extras(call, provider.name)
    for fields in (extras.settings, *extras.fields):
        arguments |= fields
    return model, arguments


def _remedy(call: Call) -> str:
    return f"set it on the chat model, or in extra={{{call.deployment.provider.name!r}: ...}}"


def _fields(provider: Asker, call: Call) -> Iterator[tuple[str, Any]]:
    for name in FIELDS:
        value = getattr(call.request, name)
        if value is None:
            continue
        field = _field(type(provider.chat_model), name)
        if field is None:
            raise provider.unsupported(call, f"has no field {name!r}: {_remedy(call)}")
        yield field, value


def _field(kind: Any, name: str) -> str | None:
    """The field of a chat model for an option, by its name or by its alias."""
    fields = kind.model_fields
    return name if name in fields else next((each for each in fields if fields[each].alias == name), None)


def _with_tools(
    provider: Asker, call: Call, model: Any, tools: list[dict[str, Any]], chosen: dict[str, Any]
) -> Any:
    try:
        return model.bind_tools(tools, **chosen)
    except NotImplementedError as error:
        raise provider.unsupported(call, "takes no tools") from error
