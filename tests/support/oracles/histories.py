"""One conversation in our words, and in those of each SDK: pictures, calls of tools, and their results."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from google.genai import types

from ranvier.messages import Image, Message, Part, Text, ToolCall

PNG = b"\x89PNG\r\n\x1a\nnot a picture at all"
ADDRESS = "https://example.org/node.png"
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

SYSTEM = "Be brief."
SUNNY, NONE_SUCH = "Sunny, 21 °C", "There is no such city."


def ours(*, by_address: bool = True) -> tuple[Message, ...]:
    """In our words."""
    pictures: list[Part] = [Image.from_bytes(PNG), *([Image(ADDRESS)] if by_address else [])]
    calls = [ToolCall("call_1", "get_weather", {"city": "Zürich"}), ToolCall("call_2", "now")]
    return (
        Message("user", (Text("What is in these?"), *pictures)),
        Message.assistant("Let me look.", tool_calls=calls),
        Message.tool("call_1", SUNNY),
        Message.tool("call_2", NONE_SUCH, is_error=True),
        Message.user("And now?"),
        Message.assistant("Snow."),
        Message.user("Sure?"),
    )


def openai(*, by_address: bool = True) -> dict[str, Any]:
    """As the messages of a chat completion."""
    pictures = [DATA_URL, *([ADDRESS] if by_address else [])]
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    calls = [_called("call_1", "get_weather", '{"city":"Zürich"}'), _called("call_2", "now", "{}")]
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": "What is in these?"}, *shown]},
        {"role": "assistant", "content": "Let me look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": SUNNY},
        {"role": "tool", "tool_call_id": "call_2", "content": NONE_SUCH},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "Snow."},
        {"role": "user", "content": "Sure?"},
    ]
    return {"messages": messages}


def _called(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def anthropic() -> dict[str, Any]:
    """As messages of blocks."""
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    shown = [
        {"type": "image", "source": source},
        {"type": "image", "source": {"type": "url", "url": ADDRESS}},
    ]
    calls = [
        {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"city": "Zürich"}},
        {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": SUNNY},
        {"type": "tool_result", "tool_use_id": "call_2", "content": NONE_SUCH, "is_error": True},
    ]
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What is in these?"}, *shown]},
        {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, *calls]},
        {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
        {"role": "assistant", "content": "Snow."},
        {"role": "user", "content": "Sure?"},
    ]
    return {"system": SYSTEM, "messages": messages}


def gemini() -> dict[str, Any]:
    """As contents of parts."""
    shown = [
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
        types.Part.from_uri(file_uri=ADDRESS, mime_type="image/png"),
    ]
    calls = [
        types.FunctionCall(id="call_1", name="get_weather", args={"city": "Zürich"}),
        types.FunctionCall(id="call_2", name="now", args={}),
    ]
    results = [
        types.FunctionResponse(id="call_1", name="get_weather", response={"result": SUNNY}),
        types.FunctionResponse(id="call_2", name="now", response={"error": NONE_SUCH}),
    ]
    contents = [
        types.UserContent([types.Part(text="What is in these?"), *shown]),
        types.ModelContent(
            [types.Part(text="Let me look."), *(types.Part(function_call=call) for call in calls)]
        ),
        types.UserContent(
            [*(types.Part(function_response=result) for result in results), types.Part(text="And now?")]
        ),
        types.ModelContent("Snow."),
        types.UserContent("Sure?"),
    ]
    return {"system_instruction": SYSTEM, "contents": contents}


def responses() -> dict[str, Any]:
    """As input items."""
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    shown = [{"type": "input_image", "image_url": each, "detail": "auto"} for each in (url, ADDRESS)]
    calls = [
        {
            "type": "function_call",
            "call_id": key,
            "name": name,
            "arguments": json.dumps(arguments, ensure_ascii=False, separators=(",", ":")),
        }
        for key, name, arguments in (("call_1", "get_weather", {"city": "Zürich"}), ("call_2", "now", {}))
    ]
    results = [
        {"type": "function_call_output", "call_id": key, "output": output}
        for key, output in (("call_1", SUNNY), ("call_2", NONE_SUCH))
    ]
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "What is in these?"}, *shown]},
        {"role": "assistant", "content": "Let me look."},
        *calls,
        *results,
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "Snow."},
        {"role": "user", "content": "Sure?"},
    ]
    return {"instructions": SYSTEM, "input": items}


HISTORIES: dict[str, Callable[[], dict[str, Any]]] = {
    "anthropic": anthropic,
    "gemini": gemini,
    "openai": openai,
    "responses": responses,
    "kimi": lambda: openai(by_address=False),
    "glm": openai,
    "openrouter": openai,
}
