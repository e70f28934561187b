"""The same question, asked by the official SDK and by our adapter: what goes over the wire."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from google.genai import types

from ranvier.messages import Message, Request, Tool
from ranvier.providers import OpenAI
from support.oracles import histories
from support.oracles.answers import our_reading
from support.oracles.asking_both import ADAPTERS, LIMITS, WEATHER, declared, formed
from support.oracles.comparing_letters import AT_ALL_TIMES, differences
from support.oracles.postbox import Postbox
from support.oracles.vendors import KEY, READING
from support.providers.seven import body

pytestmark = pytest.mark.once

MODELS = {
    "anthropic": "claude-opus-4-6",
    "gemini": "gemini-2.5-flash",
    "openai": "gpt-4.1",
    "responses": "gpt-4.1",
    "kimi": "kimi-k2.6",
    "glm": "glm-5.2",
    "openrouter": "openai/gpt-4.1",
}
STOPS = {"anthropic": "stop_sequences", "gemini": "stop_sequences"}
SAMPLING: dict[str, dict[str, Any]] = {
    "gemini": {"temperature": 0.5, "top_p": 0.9},
    "openai": {"temperature": 0.5, "top_p": 0.9},
    "responses": {"temperature": 0.5, "top_p": 0.9},
    "glm": {"temperature": 0.5, "top_p": 0.9},
    "openrouter": {"temperature": 0.5, "top_p": 0.9},
}

WITH_TOOLS = {"gemini": {"tools[0].functionDeclarations[1].description": "what is empty is left out"}}
"""Places in which our requests differ from those of the SDK where tools are offered, and why."""

IN_A_CONVERSATION = {
    "gemini": {
        **WITH_TOOLS["gemini"],
        "systemInstruction.role": "instructions are nobody's turn, the SDK calls them the user's",
    },
    "kimi": {"messages[2].reasoning_content": "a thinking model refuses a call without its thought"},
}
"""The same for a conversation with tools."""

CHOOSES_ITSELF = {
    "kimi": "while it thinks, it refuses to be told that it must call a tool",
    "glm": "it takes no choice but `auto`, so that for `none` no tools are offered",
}
"""Who is not sent the choice of a tool, and why."""

ASKED = {**ADAPTERS, "responses": partial(OpenAI, api="responses")}
"""Our adapters; OpenAI's under its own name, so that it knows the models."""

ENCRYPTED = {"include": ["reasoning.encrypted_content"]}
"""What a model that reasons is asked for, so that its thoughts can go back."""

NOW = Tool("now", "", {"type": "object", "properties": {}})


async def asked(
    postbox: Postbox,
    provider: str,
    request: Request,
    fields: dict[str, Any],
    *,
    streamed: bool = False,
    model: str | None = None,
) -> dict[str, tuple[Any, Any]]:
    """How our request differs from the SDK's."""
    postbox.answers(body(provider, f"answer.{'stream' if streamed else 'json'}"), streamed=streamed)
    how: dict[str, Any] = {"model": model or MODELS[provider], "streamed": streamed}
    url = f"{postbox.url}/v1beta"
    async with READING[provider](url) as sdk, our_reading(ASKED[provider], url) as adapter:
        await adapter(**how, request=request, key=KEY)
        await sdk(**how, **fields)
    ours, theirs = postbox.letters
    return differences(ours, theirs)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ADAPTERS)
async def test_a_conversation(postbox: Postbox, provider: str, streamed: bool) -> None:
    """Instructions, pictures, calls of tools and their results are written as the SDK writes them."""
    messages = histories.ours(by_address=provider != "kimi")
    request = Request(messages, system=histories.SYSTEM, tools=(WEATHER, NOW), max_tokens=100)
    fields = histories.HISTORIES[provider]() | {LIMITS.get(provider, "max_tokens"): 100}
    fields["tools"] = [declared(provider, tool) for tool in request.tools]
    different = await asked(postbox, provider, request, fields, streamed=streamed)
    assert different.keys() == {*AT_ALL_TIMES.get(provider, ()), *IN_A_CONVERSATION.get(provider, ())}


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
@pytest.mark.parametrize("provider", ADAPTERS)
async def test_settings(postbox: Postbox, provider: str, choice: str) -> None:
    """So are limits, sampling, and which tool has to be called."""
    different = await asked(postbox, provider, *settings(provider, choice))
    if (provider, choice) == ("glm", "none"):
        assert different
        assert all(place.startswith("tool") for place in different)  # no tools are sent at all
        return
    allowed = {*AT_ALL_TIMES.get(provider, ()), *WITH_TOOLS.get(provider, ())}
    refused = choice in ("required", "get_weather") and CHOOSES_ITSELF.get(provider)
    assert {place for place in different if not place.startswith("tool_choice")} == allowed
    assert any(place.startswith("tool_choice") for place in different) == bool(refused)


@pytest.mark.parametrize("provider", ADAPTERS)
async def test_a_form(postbox: Postbox, provider: str) -> None:
    """So is a JSON schema, in its field or, where there is none, in words."""
    question = formed(provider, max_tokens=100)
    different = await asked(postbox, provider, question.request, question.fields)
    assert different.keys() == set(AT_ALL_TIMES.get(provider, ()))


THINKING = {"thinking": {"type": "disabled"}}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 5_000}, "max_tokens": 9_000}
ADAPTIVE: dict[str, Any] = {
    "thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"},
    "max_tokens": 9_000,
}  # fmt: skip
OPTIONS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("anthropic", "claude-opus-5", {"reasoning": "xhigh", "reasoning_summary": True, "max_tokens": 9_000},
     ADAPTIVE),
    ("anthropic", "claude-haiku-4-5", {"reasoning": 5_000, "max_tokens": 9_000}, BUDGET),
    ("anthropic", "claude-haiku-4-5", {"cache": "1h", "max_tokens": 9},
     {"cache_control": {"type": "ephemeral", "ttl": "1h"}, "max_tokens": 9}),
    ("openai", "gpt-5.6", {"reasoning": "low", "seed": 7}, {"reasoning_effort": "low", "seed": 7}),
    ("openai", "gpt-5.6", {"cache": "30m", "cache_key": "acme"},
     {"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}, "prompt_cache_key": "acme"}),
    ("responses", "gpt-5.6", {"reasoning": "low", "reasoning_summary": True},
     {"reasoning": {"effort": "low", "summary": "auto"}, **ENCRYPTED}),
    ("responses", "gpt-5.6", {"reasoning": "off", "cache": "12h", "cache_key": "acme"},
     {"reasoning": {"effort": "none"}, "prompt_cache_options": {"mode": "implicit", "ttl": "12h"},
      "prompt_cache_key": "acme", **ENCRYPTED}),
    ("gemini", "gemini-2.5-flash", {"reasoning": 500, "reasoning_summary": True, "seed": 7},
     {"thinking_config": types.ThinkingConfig(thinking_budget=500, include_thoughts=True), "seed": 7}),
    ("gemini", "gemini-3.6-flash", {"reasoning": "low"},
     {"thinking_config": types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW)}),
    ("kimi", "kimi-k2.6", {"reasoning": "off"}, {"extra_body": THINKING}),
    ("kimi", "kimi-k3", {"reasoning": "high"}, {"reasoning_effort": "high"}),
    ("glm", "glm-5.2", {"reasoning": "off"}, {"extra_body": THINKING}),
    ("openrouter", "x/y", {"reasoning": "high"},
     {"extra_body": {"reasoning": {"effort": "high", "enabled": True}}}),
]  # fmt: skip
"""Options in our words and in those of the SDK, for models that take them."""


@pytest.mark.parametrize(("provider", "model", "options", "fields"), OPTIONS)
async def test_options(
    postbox: Postbox, provider: str, model: str, options: dict[str, Any], fields: dict[str, Any]
) -> None:
    """How much a model thinks and what is cached is written as the SDK writes it."""
    request = Request((Message.user("Hi"),), **options)
    different = await asked(postbox, provider, request, fields, model=model)
    assert different.keys() == set(AT_ALL_TIMES.get(provider, ()))


def settings(provider: str, choice: str) -> tuple[Request, dict[str, Any]]:
    """A request with all the settings that the model takes, in our words and in those of the SDK."""
    stops = provider != "responses"
    request = Request(
        (Message.user("Hi"),),
        max_tokens=100,
        stop=("END",) if stops else (),
        tools=(WEATHER, NOW),
        tool_choice=choice,
        **SAMPLING.get(provider, {}),
    )
    fields = {
        LIMITS.get(provider, "max_tokens"): 100,
        **({STOPS.get(provider, "stop"): ["END"]} if stops else {}),
        "tools": [declared(provider, tool) for tool in request.tools],
        **chosen(provider, choice),
        **SAMPLING.get(provider, {}),
    }
    return request, fields


def chosen(provider: str, choice: str) -> dict[str, Any]:
    """The choice of a tool in the words of the SDK."""
    if provider == "anthropic":
        kind = {"required": "any", "get_weather": "tool"}.get(choice, choice)
        return {"tool_choice": {"type": kind, **({"name": choice} if kind == "tool" else {})}}
    if provider == "gemini":
        mode = {"required": "ANY", "get_weather": "ANY"}.get(choice, choice.upper())
        names = [choice] if choice == "get_weather" else None
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=names)
        return {"tool_config": types.ToolConfig(function_calling_config=calling)}
    named: dict[str, Any] = {"type": "function", "function": {"name": choice}}
    if provider == "responses":
        named = {"type": "function", "name": choice}
    return {"tool_choice": named if choice == "get_weather" else choice}
