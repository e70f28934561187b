"""A provider that does what langchain-tests ask a model for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from ranvier import FinishReason, Request, Response, StreamEvent, Text, Tool, ToolCall, ToolCallDelta, Usage
from ranvier.pipeline.call import Call
from ranvier.providers import FunctionProvider

USAGE = Usage(input=10, output=5, total=15, cache_read=2, cache_write=1, reasoning=3)


def compliant(name: str) -> FunctionProvider:
    """It calls a tool if it must, or if it is asked for the weather; else it answers with words or JSON."""
    return FunctionProvider(name, _complete, _stream)


async def _complete(call: Call) -> Response:
    request = call.request
    tool = _tool(request)
    if tool is None:
        text = _words(request)
        return Response(text, usage=USAGE, model=call.deployment.model, parts=(Text(text),))
    called = ToolCall("call_1", tool.name, _instance(tool.parameters, _asked(request)))
    return Response(
        tool_calls=(called,),
        finish_reason=FinishReason.TOOL_CALLS,
        usage=USAGE,
        model=call.deployment.model,
        parts=(called,),
    )


async def _stream(call: Call) -> AsyncIterator[StreamEvent]:
    answer = await _complete(call)
    for called in answer.tool_calls:
        yield StreamEvent(tool_call=ToolCallDelta(0, called.id, called.name))
        for letter in json.dumps(dict(called.arguments)):
            yield StreamEvent(tool_call=ToolCallDelta(0, arguments=letter))
    for word in answer.text.split(" "):
        yield StreamEvent(text=f"{word} ")
    yield StreamEvent(finish_reason=answer.finish_reason, usage=USAGE, model=answer.model)


def _asked(request: Request) -> str:
    return request.messages[-1].text


def _tool(request: Request) -> Tool | None:
    tools = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
    if not tools or request.messages[-1].role == "tool":
        return None
    if request.tool_choice in tools:
        return tools[request.tool_choice]
    if request.tool_choice == "required" or "weather" in _asked(request):
        return next(iter(tools.values()))
    return None


def _words(request: Request) -> str:
    if request.schema is not None:
        return json.dumps(_instance(request.schema.definition, "a cat"))
    return "Hello to you"


def _instance(schema: Any, text: str) -> dict[str, Any]:
    """The smallest object of the schema; its texts are `text`."""
    return {
        name: 3 if field.get("type") == "integer" else text for name, field in schema["properties"].items()
    }
