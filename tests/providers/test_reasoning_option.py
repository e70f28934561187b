"""The option `reasoning`: one name for all providers, snapped to what the model takes."""

import json
from typing import Any

import httpx
import pytest

from ranvier import Pipeline
from ranvier.errors import ConfigurationError
from ranvier.layers import Fallback
from ranvier.messages import Message, Tool
from ranvier.providers import OpenAI
from ranvier.providers._models.models import fit
from ranvier.testing import ScriptedProvider
from support.providers.repairs import added, adjusted, left_out, refusal, server, tuned
from support.providers.seven import APIS

pytestmark = pytest.mark.virtual_time

LOOK_UP = Tool("look_up", "Look it up.", {"type": "object"})
NOTHING = httpx.Response(200, json={})


def thinking(kind: str, **more: Any) -> dict[str, Any]:
    """The fields of Claude, Kimi and GLM."""
    return {"thinking": {"type": kind, **more}}


def claude(effort: str) -> dict[str, Any]:
    """An effort of Claude."""
    return {**thinking("adaptive"), "output_config": {"effort": effort}}


def budget(tokens: int) -> dict[str, Any]:
    """A budget of Claude."""
    return thinking("enabled", budget_tokens=tokens)


def gemini(**config: Any) -> dict[str, Any]:
    """The fields of Gemini."""
    return {"generationConfig": {"thinkingConfig": config}}


def effort(level: str) -> dict[str, Any]:
    """The field of OpenAI's chat completions."""
    return {"reasoning_effort": level}


def of_responses(level: str) -> dict[str, Any]:
    """The field of OpenAI's Responses API."""
    return {"reasoning": {"effort": level}}


def routed(**reasoning: Any) -> dict[str, Any]:
    """The field of OpenRouter."""
    return {"reasoning": {**reasoning, "enabled": True}}


EXACT: list[tuple[str, str, str | int, dict[str, Any]]] = [
    ("anthropic", "claude-sonnet-5", "off", thinking("disabled")),
    ("anthropic", "claude-sonnet-5", "xhigh", claude("xhigh")),
    ("anthropic", "claude-sonnet-5-5", "off", thinking("between_tools")),
    ("anthropic", "claude-opus-4-8", "off", {}),
    ("anthropic", "claude-opus-4-8", "max", claude("max")),
    ("anthropic", "claude-opus-4-6", 5_000, budget(5_000)),
    ("anthropic", "claude-haiku-4-5", "off", {}),
    ("anthropic", "claude-haiku-4-5", 5_000, budget(5_000)),
    ("anthropic", "claude-3-5-haiku", "off", {}),
    ("anthropic", "claude-of-tomorrow", "high", claude("high")),
    ("openai", "gpt-5.2", "off", effort("none")),
    ("openai", "gpt-5.2", "xhigh", effort("xhigh")),
    ("openai", "gpt-5", "minimal", effort("minimal")),
    ("openai", "o3", "medium", effort("medium")),
    ("openai", "gpt-4.1", "off", {}),
    ("responses", "gpt-5.2", "off", of_responses("none")),
    ("responses", "gpt-5.2", "xhigh", of_responses("xhigh")),
    ("responses", "gpt-5.6", "max", of_responses("max")),
    ("responses", "gpt-6-astra", "max", of_responses("max")),
    ("responses", "gpt-5", "minimal", of_responses("minimal")),
    ("responses", "o3", "medium", of_responses("medium")),
    ("responses", "gpt-4.1", "off", {}),
    ("gemini", "gemini-2.5-flash", "off", gemini(thinkingBudget=0)),
    ("gemini", "gemini-2.5-pro", 20_000, gemini(thinkingBudget=20_000)),
    ("gemini", "gemini-3.6-flash", "minimal", gemini(thinkingLevel="MINIMAL")),
    ("gemini", "gemini-3.8-flash", "high", gemini(thinkingLevel="HIGH")),
    ("gemini", "gemini-2.0-flash", "off", {}),
    ("kimi", "kimi-k3", "max", effort("max")),
    ("kimi", "kimi-k2.6", "off", thinking("disabled")),
    ("kimi", "moonshot-v1-8k", "off", {}),
    ("glm", "glm-5.3", "low", effort("low")),
    ("glm", "glm-5.2", "medium", effort("medium")),
    ("glm", "glm-5.2", "off", thinking("disabled")),
    ("glm", "glm-4.6", "off", thinking("disabled")),
    ("openrouter", "openai/gpt-5.2", "max", routed(effort="max")),
    ("openrouter", "openai/gpt-5.2", "off", {"reasoning": {"effort": "none"}}),
    ("openrouter", "anthropic/claude-opus-4.5", 5_000, routed(max_tokens=5_000)),
    ("ollama", "qwen3", "off", {"think": False}),
    ("ollama", "gpt-oss:20b", "low", {"think": "low"}),
]
"""What a model takes as it is given."""

SNAPPED: list[tuple[str, str, str | int, dict[str, Any], str]] = [
    ("anthropic", "claude-fable-5", "off", claude("low"), "low"),
    ("anthropic", "claude-sonnet-5", "minimal", claude("low"), "low"),
    ("anthropic", "claude-sonnet-5", 9_000, claude("medium"), "medium"),
    ("anthropic", "claude-opus-4-6", "xhigh", claude("max"), "max"),
    ("anthropic", "claude-haiku-4-5", "high", budget(16_384), "16384 tokens"),
    ("anthropic", "claude-haiku-4-5", 5, budget(1_024), "1024 tokens"),
    ("anthropic", "claude-opus-4-1", 500_000, {**budget(27_904), "max_tokens": 32_000}, "27904 tokens"),
    ("openai", "gpt-5.2", "minimal", effort("low"), "low"),
    ("openai", "gpt-5.2", "max", effort("xhigh"), "xhigh"),
    ("openai", "gpt-5", "off", effort("minimal"), "minimal"),
    ("openai", "gpt-5-pro", "low", effort("high"), "high"),
    ("openai", "gpt-5.2", 3_000, effort("low"), "low"),
    ("openai", "gpt-6.1-sol", "off", effort("low"), "low"),
    ("responses", "gpt-5.2", "max", of_responses("xhigh"), "xhigh"),
    ("responses", "gpt-5", "off", of_responses("minimal"), "minimal"),
    ("responses", "gpt-5-pro", "low", of_responses("high"), "high"),
    ("responses", "gpt-5.2", 3_000, of_responses("low"), "low"),
    ("responses", "gpt-6.1-sol", "off", of_responses("low"), "low"),
    ("gemini", "gemini-2.5-pro", "off", gemini(thinkingBudget=128), "128 tokens"),
    ("gemini", "gemini-2.5-flash", "max", gemini(thinkingBudget=24_576), "24576 tokens"),
    ("gemini", "gemini-2.5-flash-lite", 100, gemini(thinkingBudget=512), "512 tokens"),
    ("gemini", "gemini-3-pro-preview", "medium", gemini(thinkingLevel="HIGH"), "high"),
    ("gemini", "gemini-3.8-flash", "off", gemini(thinkingLevel="LOW"), "low"),
    ("gemini", "gemini-3.6-flash", 1_000, gemini(thinkingLevel="MINIMAL"), "minimal"),
    ("kimi", "kimi-k3", "off", effort("low"), "low"),
    ("kimi", "kimi-k3", "medium", effort("high"), "high"),
    ("kimi", "kimi-k2.6", "high", thinking("enabled"), "on"),
    ("glm", "glm-5.3", "off", effort("low"), "low"),
    ("glm", "glm-4.6", 700, thinking("enabled"), "on"),
    ("openrouter", "z-ai/glm-5.3", "off", routed(effort="low"), "low"),
    ("openrouter", "x/y", 10, routed(max_tokens=1_024), "1024 tokens"),
    ("ollama", "qwen3", "medium", {"think": True}, "on"),
    ("ollama", "gpt-oss", "off", {"think": "low"}, "low"),
    ("ollama", "gpt-oss", "max", {"think": "high"}, "high"),
]
"""What is sent instead of a value that a model does not take, and what listeners hear."""

LEFT_OUT = [
    ("anthropic", "claude-3-5-haiku", "low"),
    ("anthropic", "claude-mythos-preview", "off"),
    ("openai", "gpt-4.1", "low"),
    ("responses", "gpt-4.1", "low"),
    ("gemini", "gemini-2.0-flash", 500),
    ("kimi", "kimi-k2.7-code", "off"),
    ("kimi", "moonshot-v1-8k", "high"),
    ("glm", "glm-4-plus", "high"),
]
"""Models whose thinking cannot be set."""


@pytest.mark.parametrize(("name", "model", "wish", "fields"), EXACT)
async def test_a_value_that_the_model_takes_is_sent(
    ask: Any, name: str, model: str, wish: str | int, fields: Any
) -> None:
    """In the fields of its API, and there is nothing to tell."""
    async with ask(APIS[name], NOTHING) as asked:
        assert await added(asked, model, reasoning=wish) == fields
        assert (adjusted(asked), left_out(asked)) == ([], [])


@pytest.mark.parametrize(("name", "model", "wish", "fields", "told"), SNAPPED)
async def test_another_value_becomes_the_nearest(
    ask: Any, name: str, model: str, wish: str | int, fields: Any, told: str
) -> None:
    """And listeners hear of it."""
    async with ask(APIS[name], NOTHING) as asked:
        assert await added(asked, model, reasoning=wish) == fields
        assert (adjusted(asked), left_out(asked)) == ([("reasoning", f"sent as {told}")], [])


@pytest.mark.parametrize(("name", "model", "wish"), LEFT_OUT)
async def test_where_nothing_can_be_set_it_is_left_out(
    ask: Any, name: str, model: str, wish: str | int
) -> None:
    """And listeners hear of it."""
    async with ask(APIS[name], NOTHING) as asked:
        assert await added(asked, model, reasoning=wish) == {}
        assert (adjusted(asked), left_out(asked)) == ([], ["reasoning"])


@pytest.mark.parametrize(("wish", "fields"), [("off", thinking("disabled")), ("medium", effort("high"))])
async def test_a_server_that_is_known_by_its_address_gets_its_own_fields(
    ask: Any, wish: str, fields: Any
) -> None:
    """Whatever its name: DeepSeek switches thinking off in another field."""
    async with ask(OpenAI, NOTHING, name="mine", base_url="https://api.deepseek.com") as asked:
        assert await added(asked, "deepseek-chat", reasoning=wish) == fields


async def test_an_unknown_server_gets_an_effort(ask: Any) -> None:
    """What it does not take it says itself: the request is fixed, and so are later ones."""
    words = "'reasoning_effort' does not support 'max'. Supported values are: 'low', 'medium', 'high'."

    def refuses(fields: Any) -> httpx.Response | None:
        return refusal(words, param="reasoning_effort") if fields.get("reasoning_effort") == "max" else None

    async with ask(OpenAI, server("openai", refuses), name="mine", base_url="http://gpu/v1") as asked:
        await asked.complete(tuned(reasoning="max"), model="m")
        assert json.loads(asked.requests[-1].content)["reasoning_effort"] == "high"
        assert (await asked.sent(tuned(reasoning="off"), model="m"))["reasoning_effort"] == "low"
        assert (await asked.sent(tuned(reasoning="off"), model="n"))["reasoning_effort"] == "none"


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [
        ("gpt-5.6", {"reasoning": "max", "tools": [LOOK_UP]}, {"reasoning_effort": "max"}),
        ("gpt-5.2", {"reasoning": "max"}, {"reasoning_effort": "xhigh"}),
        ("gpt-6-astra", {"reasoning": "off"}, {"reasoning_effort": "low"}),
        ("gpt-5.6", {"reasoning_summary": True}, {"reasoning_summary": "auto"}),
        ("gpt-4.1", {"reasoning_summary": True}, {}),
        ("gpt-5.6", {"cache": "12h"}, {"prompt_cache_options": {"mode": "implicit", "ttl": "12h"}}),
        ("gpt-5.6", {"cache_key": "acme"}, {"prompt_cache_key": "acme"}),
    ],
)
def test_the_responses_api_takes_more(model: str, options: Any, sent: Any) -> None:
    """Than chat completions of the same models."""
    parameters = fit("responses", model, options).parameters
    assert {name: value for name, value in parameters.items() if name != "tools"} == sent


@pytest.mark.parametrize(
    "reasoning", [True, -1, "lots", 2.5, "", [], float("nan")], ids=lambda value: repr(value)
)
async def test_a_bad_value_is_an_error_at_the_call(reasoning: Any) -> None:
    """It names the option, the value and the remedy, before anything is sent."""
    async with Pipeline(Fallback(ScriptedProvider("one"))) as pipeline:
        with pytest.raises(ConfigurationError) as caught:
            pipeline.complete("Hi", reasoning=reasoning)
    assert f"reasoning={reasoning!r}: give one of 'off', 'minimal'" in str(caught.value)
    assert "or a number of tokens" in str(caught.value)


async def test_zero_tokens_are_off(ask: Any) -> None:
    """A budget of nothing."""
    async with Pipeline(Fallback(first := ScriptedProvider("one", ["yes"]))) as pipeline:
        await pipeline.complete([Message.user("Hi")], reasoning=0)
    assert first.calls[0].request.reasoning == "off"
