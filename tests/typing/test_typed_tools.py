"""Tools: from functions and types, called until the model has its answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, assert_type

from pydantic import BaseModel

from ranvier import InvalidResponseError, Message, Pipeline, Response, Tool, ToolCall, resilient
from ranvier.testing import ScriptedProvider


async def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """The weather of today."""
    return f"18 {unit} and clear in {city}"


class Search(BaseModel):
    """Search the archive."""

    words: list[str]


FUNCTIONS: Mapping[str, Callable[..., Awaitable[str]]] = {"weather": weather}
TOOLS = {name: Tool.of(function) for name, function in FUNCTIONS.items()}


async def run(call: ToolCall) -> Message:
    assert_type(call.arguments, Mapping[str, Any])
    try:
        arguments = TOOLS[call.name].arguments(call)
    except InvalidResponseError as error:
        return Message.tool(call.id, str(error), is_error=True)
    return Message.tool(call.id, await FUNCTIONS[call.name](**arguments), name=call.name)


async def ask(pipeline: Pipeline, question: str) -> Response:
    history = [Message.system("Be brief."), Message.user(question)]
    while True:
        answer = await pipeline.complete(history, tools=[weather, Search])
        history.append(answer.message)
        if not answer.tool_calls:
            return answer
        history += [await run(call) for call in answer.tool_calls]


async def test_a_tool_is_called_and_its_result_goes_back() -> None:
    """As SDKs write them, tools and messages are dicts."""
    called = Response(tool_calls=(ToolCall("1", "weather", {"city": "Lyon"}),))
    provider = ScriptedProvider("anthropic", [called, "No coat.", "Hello."])
    pipeline = resilient(provider)
    assert (await ask(pipeline, "Do I need a coat in Lyon?")).text == "No coat."
    result = provider.calls[1].request.messages[-1]
    assert "18 C and clear in Lyon" in str(result.parts)
    schema = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    await pipeline.complete(messages, tools=[{"type": "function", "function": schema}], tool_choice="auto")
    await pipeline.complete([*messages, Message("user", "Go on")], tools=TOOLS.values(), stop="\n")
