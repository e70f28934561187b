"""The tools, the tool choice and the output schema of a request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ToolOrOutput
from pydantic_ai.tools import ToolDefinition

from ranvier.messages.schema.schema import Schema
from ranvier.messages.tool import Tool


def tools_of(parameters: ModelRequestParameters, choice: object) -> dict[str, Any]:
    """The options `tools`, `tool_choice` and `schema`.

    A choice among some tools sends only those tools, because few APIs support it otherwise.
    """
    if parameters.native_tools:  # pydantic-ai has rejected those without a local twin
        names = ", ".join(type(tool).__name__ for tool in parameters.native_tools)
        raise UserError(f"A pipeline of ranvier does not run native tools: {names}. Give function tools")
    options: dict[str, Any] = {}
    tools, mode = _chosen(parameters, choice)
    if tools:
        options["tools"] = [_tool(each) for each in tools]
        options["tool_choice"] = tools[0].name if mode == "required" and len(tools) == 1 else mode
    if parameters.output_mode == "native" and parameters.output_object is not None:
        output = parameters.output_object
        described = {"description": output.description} if output.description else {}
        options["schema"] = Schema.of({**described, **output.json_schema}, name=output.name)
    return options


def _chosen(parameters: ModelRequestParameters, choice: object) -> tuple[list[ToolDefinition], str]:
    functions, outputs = list(parameters.declared_function_tools), list(parameters.output_tools)
    free = "auto" if parameters.allow_text_output or parameters.allow_image_output else "required"
    if choice in (None, "auto"):
        return [*functions, *outputs], free
    if choice in ("none", []):
        return (outputs, free) if outputs else (functions, "none")
    if choice == "required":
        return _some(functions, choice), "required"
    if isinstance(choice, ToolOrOutput):
        return [*_named(functions, choice.function_tools), *outputs], free
    if isinstance(choice, list):
        return _some(_named([*functions, *outputs], choice), choice), "required"
    raise UserError("tool_choice: give 'auto', 'none', 'required', names of tools, or a ToolOrOutput")


def _named(tools: list[ToolDefinition], names: Collection[str]) -> list[ToolDefinition]:
    return [tool for tool in tools if tool.name in names]


def _some(tools: list[ToolDefinition], choice: object) -> list[ToolDefinition]:
    if not tools:
        raise UserError(f"tool_choice={choice!r:.200}: the request has no such tool")
    return tools


def _tool(tool: ToolDefinition) -> Tool:
    extra = None if tool.strict is None else {"strict": tool.strict}
    return Tool(tool.name, tool.description or "", tool.parameters_json_schema, extra=extra)
