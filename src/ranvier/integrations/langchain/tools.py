"""Writes LangChain's tools and choices of tools as ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool


def written_tool(tool: Any, strict: bool | None) -> Any:
    """A tool as `Request.tools` takes it; those that a provider runs, and our own, are left as they are."""
    if isinstance(tool, (Tool, WireTool)) or (
        isinstance(tool, Mapping) and ("type" in tool) != _is_schema(tool)
    ):
        return tool
    if isinstance(tool, Mapping) and "input_schema" in tool:
        return tool
    written = convert_to_openai_tool(tool, strict=strict)
    return {**written, **(getattr(tool, "extras", None) or {})}


def _is_schema(tool: Mapping[str, Any]) -> bool:
    """True for the JSON schema of an object, which also has a `type`."""
    return tool.get("type") == "object"


def written_choice(choice: Any) -> Any:
    """The choice of a tool: LangChain also says `any` and True for `required`."""
    if choice is True or choice == "any":
        return "required"
    return None if choice is False else choice
