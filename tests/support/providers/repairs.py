"""Servers that refuse what can be fixed, for the tests of repairs."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from ranvier import Deployment, Pipeline
from ranvier.events import ParameterDropped, RequestAdjusted
from ranvier.layers import Fallback, Retry
from ranvier.messages import Message, Request
from support.providers.openai_apis import Chat
from support.providers.seven import body

TEMPERATURE = {
    "anthropic": ("temperature",),
    "openai": ("temperature",),
    "responses": ("temperature",),
    "gemini": ("generationConfig", "temperature"),
    "kimi": ("temperature",),
    "glm": ("temperature",),
    "openrouter": ("temperature",),
    "ollama": ("options", "temperature"),
    "converse": ("inferenceConfig", "temperature"),
}
"""Where a temperature stands on each wire."""

WORDS = "`temperature` is not supported with this model."


def at(fields: Any, path: tuple[str, ...]) -> Any:
    """The value at a place of a request, or `None`."""
    for key in path:
        fields = fields.get(key, {}) if isinstance(fields, dict) else {}
    return fields if fields != {} else None


def refusal(message: str, status: int = 400, **more: Any) -> httpx.Response:
    """A refusal with these words."""
    return httpx.Response(
        status, json={"error": {"message": message, "type": "invalid_request_error", **more}}
    )


def server(name: str, refuses: Callable[[Any], httpx.Response | None]) -> Callable[..., httpx.Response]:
    """A server of that wire: it refuses what `refuses` says, and answers all else as it was asked."""

    def serve(request: httpx.Request) -> httpx.Response:
        fields = json.loads(request.content)
        refused = refuses(fields)
        if refused is not None:
            return refused
        url = str(request.url)
        streams = fields.get("stream") or "streamGenerateContent" in url or url.endswith("converse-stream")
        return httpx.Response(200, content=body(name, "answer.stream" if streams else "answer.json"))

    return serve


def without(path: tuple[str, ...], message: str = WORDS) -> Callable[[Any], httpx.Response | None]:
    """Refuses whatever has that field."""
    return lambda fields: refusal(message) if at(fields, path) is not None else None


def tuned(**settings: Any) -> Request:
    """A request with settings."""
    return Request((Message.user("Hi"),), **settings)


def adjusted(server: Any) -> list[tuple[str, str]]:
    """What listeners were told that was changed, and how."""
    return [(each.parameter, each.change) for each in server.heard if isinstance(each, RequestAdjusted)]


async def added(asked: Any, model: str, **options: Any) -> dict[str, Any]:
    """The fields that options add to a request."""
    before = await asked.sent("Hi", model=model)
    asked.heard.clear()
    after = await asked.sent(tuned(**options), model=model)
    return {name: value for name, value in after.items() if before.get(name) != value}


def left_out(asked: Any) -> list[str]:
    """What listeners were told that was left out."""
    return [each.parameter for each in asked.heard if isinstance(each, ParameterDropped)]


def piped(asked: Any, **arguments: Any) -> Pipeline:
    """A pipeline with retries over that server."""
    transport = httpx.MockTransport(asked)
    target = Deployment(Chat("sk-1", http_client=httpx.AsyncClient(transport=transport)), "m")
    return Pipeline(Fallback(target), Retry(max_retries=2), *arguments.pop("layers", ()), **arguments)
