"""Translates LangChain's tools and tool choices to ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from ranvier.messages.dicts.tools import OF_GEMINI
from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool


def written_tool(tool: Any, strict: bool | None) -> Any:
    """A tool for `Request.tools`; a tool that the provider runs is left unchanged."""
    if isinstance(tool, WireTool) or (isinstance(tool, Mapping) and _is_of_a_provider(tool)):
        return tool
    marks = {} if strict is None else {"strict": strict}
    if isinstance(tool, Tool):
        return replace(tool, extra={**(tool.extra or {}), **marks}) if marks else tool
    if isinstance(tool, Mapping) and (tool.get("type") == "function" or "input_schema" in tool):
        return {**tool, **marks}
    extras = getattr(tool, "extras", None) or {}
    if "provider_tool_definition" in extras:
        return extras["provider_tool_definition"]
    return {**convert_to_openai_tool(tool, strict=strict), **extras}


def _is_of_a_provider(tool: Mapping[str, Any]) -> bool:
    """True for a built-in tool of one API; a function's schema may have a `type`, too."""
    if "type" not in tool:
        return not OF_GEMINI.isdisjoint(tool)
    return tool["type"] not in ("function", "object") and "input_schema" not in tool


def written_choice(choice: Any) -> Any:
    """The tool choice; LangChain also uses `any` and True for `required`."""
    if choice is True or choice == "any":
        return "required"
    return None if choice is False else choice
