"""Reads tools and the tool choice from dicts of chat completions and of Anthropic's API."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.dicts.keys import Keys
from ranvier.messages.native import CHAT_COMPLETIONS, RESPONSES
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool

WORDS: Final = ("auto", "none", "required")
"""Choices that name no tool."""

OF_ANTHROPIC: Final = re.compile(r".+_\d{8}|mcp_toolset")
"""Types of tools that Anthropic runs, or has trained its models for: `web_search_20250305`."""

OF_GEMINI: Final = frozenset(
    (
        *("googleSearch", "google_search", "googleMaps", "google_maps", "urlContext", "url_context"),
        *("codeExecution", "code_execution", "fileSearch", "file_search", "computerUse", "computer_use"),
        *("googleSearchRetrieval", "google_search_retrieval"),
    )
)
"""Tools that Google runs; the name is the only key of their dict."""

OF_RESPONSES: Final = frozenset(
    (
        *("web_search_preview", "file_search", "image_generation", "computer_use_preview", "tool_search"),
        *("shell", "local_shell", "apply_patch"),
    )
)
"""Types of tools that only the Responses API has; others run some of the rest in chat completions too."""

PASSED_ON: Final = (
    *("strict", "cache_control", "input_examples", "defer_loading", "allowed_callers"),
    "eager_input_streaming",
)
"""Further fields of a tool, which not every wire supports."""


def read_tools(tools: object) -> tuple[Tool | WireTool, ...]:
    """The tools, from objects, functions, types and dicts.

    Raises:
        ConfigurationError: one is none of these, has no name, or has the same name as another.
    """
    if isinstance(tools, (str, Mapping)) or not isinstance(tools, Iterable):
        raise ConfigurationError(f"tools is a {type(tools).__name__}: give a list of Tool")
    read = tuple(_tool(tool, f"tools[{index}]") for index, tool in enumerate(tools))
    names = Counter(tool.name for tool in read if isinstance(tool, Tool) or "name" in tool.data)
    if len(names) < len(read) and names:
        name, times = names.most_common(1)[0]
        if times > 1:
            raise ConfigurationError(
                f"tools: {times} tools are named {name!r:.80}: give each a name of its own"
            )
    return read


def _tool(tool: object, where: str) -> Tool | WireTool:
    if isinstance(tool, (Tool, WireTool)):
        return tool
    if callable(tool):
        return Tool.of(tool)
    if not isinstance(tool, Mapping):
        raise ConfigurationError(
            f"{where} is a {type(tool).__name__}: give Tool(name, description, parameters), a function "
            "or a dict"
        )
    wire = _wire_of(tool)
    if wire is not None:
        return WireTool(wire, copy.deepcopy(dict(tool)))
    keys = Keys({key: value for key, value in tool.items() if key != "type"}, where)
    function = keys.take("function")
    if function is not None and not isinstance(function, Mapping):
        raise ConfigurationError(
            f"{where}.function is a {type(function).__name__}: "
            "give Tool(name, description, parameters), or a dict with these"
        )
    inner = keys if function is None else Keys(function, f"{where}.function")
    name, description = inner.text("name"), inner.text("description")
    if not name:
        raise ConfigurationError(f"{where} has no name: give Tool(name, description, parameters)")
    parameters = inner.first("parameters", "input_schema", "inputSchema")
    extra = {**(inner.extra(*PASSED_ON) or {}), **(keys.extra(*PASSED_ON) or {})}
    inner.end()
    keys.end()
    parameters = {"type": "object", "properties": {}} if parameters is None else parameters
    return Tool(name, description, parameters, extra=extra or None)


def _wire_of(tool: Mapping[str, Any]) -> str | None:
    """The only wire that supports this tool; `None` for a function, which all support."""
    kind = tool.get("type")
    if kind is None:
        return "gemini" if len(tool) == 1 and not OF_GEMINI.isdisjoint(tool) else None
    if kind == "function" or (kind == "custom" and "custom" not in tool):  # Anthropic's word for a function
        return None
    if str(kind) in OF_RESPONSES or (kind == "web_search" and "web_search" not in tool):  # GLM's has the key
        return RESPONSES
    return "anthropic" if OF_ANTHROPIC.fullmatch(str(kind)) else CHAT_COMPLETIONS


# --- the choice ----------------------------------------------------------------------------------


def read_choice(choice: object) -> str:
    """The tool choice: a word or the name of a tool, also from the dicts of the two APIs.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(choice, str):
        return choice
    if not isinstance(choice, Mapping):
        raise ConfigurationError(
            f"tool_choice is a {type(choice).__name__}: give a str: {', '.join(WORDS)}, or the name of a tool"
        )
    keys = Keys(choice, "tool_choice")
    kind = keys.take("type")
    function = Keys(keys.mapping("function"), "tool_choice.function")
    name = function.text("name") or keys.text("name")
    if keys.flag("disable_parallel_tool_use"):
        raise ConfigurationError(
            "tool_choice: only Anthropic supports disable_parallel_tool_use=True: give "
            "extra={'anthropic': {'tool_choice': {'disable_parallel_tool_use': True}}} beside the choice"
        )
    function.end()
    keys.end()
    if kind in ("tool", "function") and name:
        return name
    if kind in (*WORDS, "any") and not name:
        return str(kind)
    raise ConfigurationError(
        f"tool_choice: a dict of the type {kind!r:.60} with{'' if name else 'out'} a name is not understood: "
        f"give one of {', '.join(WORDS)}, or the name of a tool"
    )


def check_choice(choice: str | None, tools: Sequence[Tool | WireTool]) -> str | None:
    """The choice, if it matches the tools; `any`, the word of some APIs, becomes `required`.

    Raises:
        ConfigurationError: an unknown tool, or a tool must be called and there are none.
    """
    names = [tool.name for tool in tools]
    if choice is None or choice in names or choice in ("auto", "none"):
        return choice
    if choice in ("required", "any") and names:
        return "required"
    known = f"the tools are {', '.join(names):.300}" if names else "there are no tools: give tools=[...] too"
    raise ConfigurationError(
        f"tool_choice={choice!r:.80}: {known}; choose one of {', '.join(WORDS)}, or the name of a tool"
    )
