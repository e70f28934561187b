"""Nothing that an adapter sends is refused: our table of models against the simulator's own rules."""

import pytest

from ranvier import Deployment, Message, Pipeline, RanvierError, Tool
from ranvier.layers import Fallback
from ranvier.messages import Audio, Document, Image
from ranvier.messages.request import LEVELS, LIFETIMES
from ranvier.providers import OpenAI, adapter
from support.providers.vertex_apis import GeminiAtVertex
from support.simulator.talking import WIRES

ASKED = (*WIRES, "responses")
"""Everything that an adapter speaks; OpenAI's own models have rules for both of its APIs."""

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("one_tls_context")]

MODELS = {
    "anthropic": "claude-fable-5 claude-opus-4-7 claude-opus-5-5 claude-sonnet-5 claude-sonnet-5-5 "
    "claude-haiku-5-5 claude-opus-4-6 claude-sonnet-4-6 claude-haiku-4-5 claude-opus-4-5 claude-3-5-haiku",
    "openai": "gpt-4.1 gpt-5 gpt-5-chat-latest gpt-5.1 gpt-5.2 gpt-5.5 gpt-6-sol gpt-6.1-sol gpt-6-astra "
    "gpt-5-pro gpt-5.2-pro gpt-5.1-chat gpt-5-codex gpt-5.3-codex o1 o3 o4-mini",
    "responses": "gpt-4.1 gpt-5 gpt-5-chat-latest gpt-5.1 gpt-5.2 gpt-5.5 gpt-5.6 gpt-6-sol gpt-6.1-sol "
    "gpt-6-astra gpt-5-pro gpt-5.2-pro gpt-5.1-chat gpt-5-codex gpt-5.3-codex o1 o3 o4-mini",
    "gemini": "gemini-2.5-pro gemini-3-pro-preview gemini-3.1-pro-preview gemini-3.6-flash gemini-3.8-flash "
    "gemini-4-argon",
    "kimi": "kimi-k3 kimi-k2.6 kimi-k2.7-code moonshot-v1-8k",
    "glm": "glm-5.3 glm-5.2 glm-4.6",
    "openrouter": "anthropic/claude-sonnet-5 openai/gpt-5.2",
    "ollama": "qwen3 gpt-oss",
    "vertex": "gemini-2.5-pro gemini-3.6-flash claude-sonnet-4-5@20250929 claude-sonnet-5",
}
LOOSE = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 2}, "days": {"type": "integer", "minimum": 3}},
    "required": ["city"],
}
TOOL = Tool("get_weather", "", LOOSE)
TUNED = {"presence_penalty": 0.5, "frequency_penalty": 0.5, "seed": 3, "n": 1, "top_k": 4}
SETTINGS = [
    {"temperature": 0.2, "top_p": 0.5, "stop": ["x"], "system": "Be brief."},
    {"temperature": 1.7, "stop": list("abcdefg")},
    {"max_tokens": 1_000_000},
    {"extra": {**TUNED, "logprobs": True, "top_logprobs": 2, "logit_bias": {"1": 1}}},
    *({"extra": {"reasoning_effort": each}} for each in ("none", "minimal", "medium", "xhigh", "max")),
    *({"reasoning": each, "temperature": 0.3, "top_p": 0.4} for each in (*LEVELS, 500, 9_000, 99_000)),
    {"reasoning": "high", "tools": [TOOL], "max_tokens": 1_500},
    {"reasoning": "high", "tools": [TOOL], "tool_choice": "required"},
    {"reasoning": "off", "tools": [TOOL], "tool_choice": "required"},
    {"reasoning": 5_000, "max_tokens": 900, "reasoning_summary": True},
    {"reasoning_summary": True, "seed": 7, "cache": True, "cache_key": "x" * 64},
    *({"cache": each} for each in LIFETIMES),
    {"extra": {"reasoning_effort": "none"}, "temperature": 0.3, "top_p": 0.4},
    {"extra": {"reasoning_effort": "high"}, "temperature": 0.3, "top_p": 0.4},
    {"schema": LOOSE},
    {"schema": {**LOOSE, "required": ["city", "days"], "additionalProperties": False}},
    *({"tools": [TOOL], "tool_choice": each} for each in ("auto", "none", "required", "get_weather")),
    {"tools": [TOOL], "schema": LOOSE},
]
HISTORIES = [
    [Message.user("use get_weather")],
    [Message("system", "Be brief."), Message.user("Hi"), Message.user("Are you there?")],
    [Message.user("Hi"), Message.assistant("Hello."), Message.user("use get_weather")],
    [Message.user("Hi"), Message.assistant("Hel")],
    [Message("user", ("use get_weather", Image(data=b"\x89PNG\r\n\x1a\n and no more")))],
    *(
        [Message("user", ("use get_weather", part))]
        for part in (
            Document(data=b"%PDF-1.7 and no more"),
            Document("https://x.test/a.pdf"),
            Document.from_text("Hi", "application/json"),
            Audio(data=b"ID3 and no more"),
        )
    ),
]


def speaker(sim, provider, name=None):
    """The adapter of a provider; under its own name, OpenAI has rows in our table of models."""
    if provider == "responses":
        return OpenAI("sk-simulated", name=name, api="responses", base_url=sim.url("openai"))
    kind = GeminiAtVertex if provider == "vertex" else adapter(provider)
    return kind("sk-simulated", base_url=sim.url(provider))


async def converse(pipeline, history, settings):
    """Ask, and where a tool is called, answer it; what ranvier itself declines to send is no matter."""
    try:
        answer = await pipeline.complete(history, **settings)
        if answer.tool_calls:
            results = [Message.tool(call.id, "") for call in answer.tool_calls]
            rest = {name: value for name, value in settings.items() if name != "tool_choice"}
            await pipeline.complete([*history, answer.message, *results], **rest)
    except RanvierError:
        pass  # because: whether the provider has refused is seen in the log


@pytest.mark.parametrize("provider", ASKED)
async def test_nothing_that_is_sent_is_refused(sim, provider):
    """Every model with every setting, whatever it refuses: it is left out, renamed, or not sent at all."""
    target = speaker(sim, provider)
    for model in MODELS[provider].split():
        async with Pipeline(Fallback(Deployment(target, model))) as pipeline:
            for settings in SETTINGS:
                await converse(pipeline, HISTORIES[0], settings)
            for history in HISTORIES[1:]:
                await converse(pipeline, history, {"tools": [TOOL]})
    refused = [(exchange.refused, exchange.body) for exchange in sim.requests if exchange.refused]
    assert refused == []
    assert sim.total > len(SETTINGS)


@pytest.mark.parametrize("second", ASKED)
@pytest.mark.parametrize("first", ASKED)
async def test_a_history_goes_on_at_another_provider(sim, first, second):
    """What one has said, thought and called, the other takes: a conversation survives a failover."""
    thinking = {
        "anthropic": {"thinking": {"type": "adaptive"}},
        "openrouter": {"reasoning": {"effort": "low"}},
        "responses": {"reasoning": {"effort": "low", "summary": "auto"}},
    }
    targets = [
        Deployment(speaker(sim, name, "responses"), options=thinking.get(name))
        for name in dict.fromkeys((first, second))
    ]
    question = Message.user("use get_weather")
    async with Pipeline(Fallback(*targets)) as pipeline:
        answer = await pipeline.complete([question], to=first, tools=[TOOL])
        results = [Message.tool(call.id, "fine") for call in answer.tool_calls]
        told = await pipeline.complete([question, answer.message, *results], to=second, tools=[TOOL])
    assert told.text
    assert told.provider == second
    assert [exchange.refused for exchange in sim.requests] == [None, None]
