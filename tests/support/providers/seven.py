"""The APIs of the seven providers, and bodies of them, written by hand from their shapes."""

from pathlib import Path
from typing import Any

from ranvier.messages import Response, StreamEvent, Tool
from ranvier.messages.collector import Collector
from ranvier.providers import GLM, Anthropic, Gemini, Kimi, Ollama, OpenRouter
from support.providers.bedrock_apis import Converse
from support.providers.openai_apis import Chat, Responses

APIS: dict[str, Any] = {
    "anthropic": Anthropic,
    "openai": Chat,
    "responses": Responses,
    "converse": Converse,
    "gemini": Gemini,
    "kimi": Kimi,
    "glm": GLM,
    "openrouter": OpenRouter,
    "ollama": Ollama,
}
BODIES = Path(__file__).parents[2] / "data"

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("get_weather", "Weather by city", CITY)

PNG = b"\x89PNG\r\n\x1a\nnot a picture at all"


def body(provider: str, name: str) -> bytes:
    """The body of that name: `answer` or `tools`, whole (`.json`) or streamed (`.stream`)."""
    return (BODIES / provider / name).read_bytes()


def collected(events: list[StreamEvent], provider: str = "") -> Response:
    """What a stream adds up to."""
    collector = Collector()
    for each in events:
        collector.add(each)
    return collector.response(provider, "model")
