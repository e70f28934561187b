"""The tools of a request of Converse.

Converse has no tool choice `none`, and rejects calls and results in the conversation if no tools are
declared. So tools that may not be called are declared all the same once the conversation has called some.
Claude has a field of its own that forbids calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ranvier.messages.tool import Tool
from ranvier.messages.wire import WireTool
from ranvier.providers._history.part_fields import PartFields
from ranvier.providers._models.ids import starts_with
from ranvier.providers._reading.reading import Json
from ranvier.providers._repairs.places import FURTHER
from ranvier.providers.converse.messages import called_tools

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.providers._wire.wire import Wire

FORBIDDEN: Final = {"tool_choice": {"type": "none"}}
"""Forbids Claude to call tools; one of the fields that Bedrock passes on to the model."""

GONE: Final = "Not available any more: do not call it."
"""The description of a tool that the conversation has called and the request does not offer."""


def tool_fields(
    wire: Wire, call: Call, choice: str | None, messages: Sequence[Json], part_fields: PartFields
) -> Json:
    """The fields of the request for its tools, and for the `choice` that the model accepts.

    Raises:
        UnsupportedRequestError: tool calls are forbidden, and nothing keeps this model from one.
    """
    request, called = call.request, called_tools(messages)
    forbidden = request.tool_choice == "none"
    if forbidden and not called:
        return {}
    tools = [_declared(wire, tool, part_fields) for tool in request.tools]
    if not tools and not called:
        return {}
    config: Json = {"tools": tools or [_gone(name) for name in called]}
    if tools and not forbidden:
        return {"toolConfig": config | _choice(choice)}
    if starts_with(wire.rules(call).model, "claude"):
        return {"toolConfig": config, FURTHER: FORBIDDEN}
    if tools:
        raise wire.unsupported(call, "cannot be kept from calling tools once the conversation has tool calls")
    return {"toolConfig": config}


def _declared(wire: Wire, tool: Tool | WireTool, part_fields: PartFields) -> Json:
    if isinstance(tool, WireTool):
        return part_fields.of_wire(tool, *wire.wires)
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.parameters}}
    if tool.description:
        spec["description"] = tool.description
    return {"toolSpec": {**spec, **part_fields.accepted("tool", tool.extra)}}


def _gone(name: str) -> Json:
    schema = {"json": {"type": "object", "properties": {}}}
    return {"toolSpec": {"name": name, "description": GONE, "inputSchema": schema}}


def _choice(choice: str | None) -> Json:
    if choice is None:
        return {}
    if choice in ("auto", "required"):
        return {"toolChoice": {"any" if choice == "required" else "auto": {}}}
    return {"toolChoice": {"tool": {"name": choice}}}
