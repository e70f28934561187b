"""The same questions in the words of each SDK and in ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from google.genai import types

from ranvier.messages import Message, Request, Schema, Tool
from ranvier.providers import GLM, Anthropic, Gemini, Kimi, OpenAI, OpenRouter
from ranvier.providers._models.schemas import instruction
from support.providers.openai_apis import Responses

ADAPTERS: dict[str, Callable[..., Any]] = {
    "anthropic": Anthropic,
    "gemini": Gemini,
    "openai": OpenAI,
    "responses": Responses,
    "kimi": Kimi,
    "glm": GLM,
    "openrouter": OpenRouter,
}
MODELS = {name: kind.default_model for name, kind in ADAPTERS.items()} | {  # type: ignore[attr-defined]
    "openrouter": "anthropic/claude-sonnet-5"
}

LIMITS = {
    "openai": "max_completion_tokens",
    "responses": "max_output_tokens",
    "gemini": "max_output_tokens",
}
"""What the limit of an answer is called where it is not `max_tokens`."""

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("get_weather", "Weather by city", CITY)


SIMULATED = {"responses": "openai"}
"""Whose base URL the simulator serves an API at, where it is not its own."""


class Question(NamedTuple):
    """What is asked.

    Attributes:
        request: In our words.
        options: What our adapter is given beside it, in the words of the wire.
        fields: The arguments for the SDK.
    """

    request: Request
    options: dict[str, Any]
    fields: dict[str, Any]


def plain(provider: str) -> Question:
    """Words."""
    return Question(_request(), {}, {})


def limited(provider: str) -> Question:
    """Words, up to a limit."""
    return Question(_request(max_tokens=16), {}, {LIMITS.get(provider, "max_tokens"): 16})


def thinking(provider: str) -> Question:
    """Words, and what was thought before."""
    if provider == "anthropic":
        fields: dict[str, Any] = {"thinking": {"type": "adaptive"}}
        return Question(_request(), fields, fields)
    if provider == "gemini":
        options: dict[str, Any] = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
        return Question(_request(), options, {"thinking_config": types.ThinkingConfig(include_thoughts=True)})
    if provider == "openrouter":
        options = {"reasoning": {"effort": "low"}}
        return Question(_request(), options, {"extra_body": options})
    if provider == "responses":
        options = {"reasoning": {"effort": "low", "summary": "auto"}}
        return Question(_request(), options, options)
    fields = {"reasoning_effort": "low"} if provider == "openai" else {}
    return Question(_request(), fields, fields)


def calling(provider: str) -> Question:
    """A tool is called."""
    words = "use get_weather"
    said: dict[str, Any] = {"messages": [_said("user", words)]}
    others: dict[str, Any] = {"gemini": {"contents": words}, "responses": {"input": [_said("user", words)]}}
    said = others.get(provider, said)
    request = Request((Message.user(words),), tools=(WEATHER,))
    return Question(request, {}, {**said, "tools": [declared(provider, WEATHER)]})


def formed(provider: str, **limit: int) -> Question:
    """An answer in a form, perhaps up to a limit."""
    question = _formed(provider)
    request = replace(question.request, **limit)  # type: ignore[arg-type]
    told = {LIMITS.get(provider, "max_tokens"): tokens for tokens in limit.values()}
    return question._replace(request=request, fields={**question.fields, **told})


def _formed(provider: str) -> Question:
    request = _request(schema=Schema(CITY))
    if provider == "anthropic":
        return Question(request, {}, {"output_config": {"format": {"type": "json_schema", "schema": CITY}}})
    if provider == "gemini":
        fields = {"response_mime_type": "application/json", "response_json_schema": CITY}
        return Question(request, {}, fields)
    if provider in ("glm", "kimi"):  # they cannot be told the form but in words
        told = [_said("system", instruction(CITY)), _said("user", "Hi")]
        return Question(request, {}, {"messages": told, "response_format": {"type": "json_object"}})
    form = {"name": "answer", "schema": CITY, "strict": True}
    if provider == "responses":
        return Question(request, {}, {"text": {"format": {"type": "json_schema", **form}}})
    return Question(request, {}, {"response_format": {"type": "json_schema", "json_schema": form}})


def declared(provider: str, tool: Tool) -> Any:
    """A tool in the words of the SDK."""
    if provider == "anthropic":
        return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
    if provider == "gemini":
        function = types.FunctionDeclaration(
            name=tool.name, description=tool.description, parameters_json_schema=tool.parameters
        )
        return types.Tool(function_declarations=[function])
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if provider == "responses":
        return {"type": "function", **function, "strict": False}
    return {"type": "function", "function": function}


def _request(**settings: Any) -> Request:
    return Request((Message.user("Hi"),), **settings)


def _said(role: str, words: str) -> dict[str, str]:
    return {"role": role, "content": words}
