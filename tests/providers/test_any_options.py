"""Whatever options are combined, for whichever model: the request is valid, or an error says why not."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranvier.errors import RanvierError, UnsupportedRequestError
from ranvier.messages import Tool
from ranvier.messages.build import build_request
from ranvier.messages.request import LEVELS, LIFETIMES
from ranvier.providers._models.models import Facts, changed, fit
from ranvier.simulator.wires import Sent, wire_of
from support.providers.asking import opened
from support.providers.seven import APIS

NOTHING = httpx.Response(200, json={})
SIMULATED = {"responses": "openai"}
"""Whose wires the simulator has an API among, where it is not its own."""

TOOL = Tool("now", "The time.", {"type": "object", "properties": {}})

MODELS = {
    "anthropic": "claude-fable-5 claude-mythos-preview claude-mythos-5-1 claude-opus-5-5 claude-opus-5 "
    "claude-sonnet-5-5 claude-sonnet-5 claude-haiku-5-5 claude-opus-4-8 claude-opus-4-6 claude-sonnet-4-6 "
    "claude-opus-4-5 claude-sonnet-4-5 claude-haiku-4-5 claude-opus-4-1 claude-sonnet-4-20250514 "
    "claude-3-7-sonnet claude-3-5-haiku",
    "openai": "gpt-4.1 gpt-5 gpt-5-mini gpt-5-chat-latest gpt-5-codex gpt-5-pro gpt-5.1 gpt-5.1-chat gpt-5.2 "
    "gpt-5.2-pro gpt-5.3-codex gpt-5.4 gpt-5.5 gpt-5.6-terra gpt-6-astra gpt-6-sol gpt-6.1-sol o1 o3 o4-mini",
    "responses": "gpt-4.1 gpt-5 gpt-5-mini gpt-5-chat-latest gpt-5-codex gpt-5-pro gpt-5.1 gpt-5.1-chat "
    "gpt-5.2 gpt-5.2-pro gpt-5.3-codex gpt-5.4 gpt-5.5 gpt-5.6-terra gpt-6-astra gpt-6-sol gpt-6.1-sol o1 o3 "
    "o4-mini",
    "gemini": "gemini-2.0-flash gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-flash-image gemini-2.5-pro "
    "gemini-3-pro-preview gemini-3.1-pro-preview gemini-3.6-flash gemini-3.8-flash gemini-4-argon gemma-3",
    "kimi": "kimi-k2.5 kimi-k2.6 kimi-k2.7-code kimi-k2-thinking kimi-k3 kimi-k3.1-pro moonshot-v1-8k",
    "glm": "glm-4.5 glm-4.6 glm-5 glm-5.1 glm-5.2 glm-5.3",
    "openrouter": "anthropic/claude-sonnet-5 anthropic/claude-sonnet-5-5 google/gemini-3.6-flash "
    "openai/gpt-5.2 openai/gpt-4.1 z-ai/glm-5.3 moonshotai/kimi-k2.7-code",
    "ollama": "qwen3 gpt-oss:20b",
}

TARGETS = st.sampled_from([(name, model) for name, models in MODELS.items() for model in models.split()])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "reasoning": st.sampled_from(LEVELS) | st.integers(0, 200_000),
        "reasoning_summary": st.booleans(),
        "seed": st.integers(0, 9),
        "cache": st.booleans() | st.sampled_from(LIFETIMES),
        "cache_key": st.text("abc", min_size=1, max_size=64),
        "max_tokens": st.integers(1, 200_000) | st.sampled_from([1_023, 1_024, 1_025, 2_048, 2_049]),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "tools": st.just([TOOL]),
    },
)
CHOICES = st.sampled_from([None, "auto", "none", "required", "now"])


@settings(max_examples=400, deadline=None)
@given(TARGETS, OPTIONS, CHOICES, st.booleans())
def test_any_combination_is_valid_or_refused(
    target: tuple[str, str], options: Any, choice: str | None, streamed: bool
) -> None:
    """The simulator has rules of its own; what ranvier does not send, it says."""
    name, model = target
    if "tools" in options:
        options["tool_choice"] = choice
    path, headers, body = asyncio.run(asked(name, model, options, streamed))
    if body is not None:
        at = SIMULATED.get(name, name)
        wire_of(at, path).read(Sent(at, path, "alt=sse" if streamed else "", headers, body))


async def asked(name: str, model: str, options: Any, streamed: bool) -> tuple[str, Any, Any]:
    """The path, headers and fields of the request; no fields if it was refused with a reason."""
    async with opened(APIS[name], NOTHING) as server:
        request = build_request("Hi", options)
        try:
            body = await server.sent(request, model=model, streamed=streamed)
        except IndexError:  # because: nothing was sent
            with pytest.raises(UnsupportedRequestError, match="nothing was sent: choose another model"):
                await server.complete(request, model=model)
            return "", {}, None
    (sent,) = server.requests
    root = str(server.provider.base_url).removesuffix(wire_of(SIMULATED.get(name, name)).suffix)
    return str(sent.url).removeprefix(root).partition("?")[0], sent.headers, body


@given(TARGETS, OPTIONS)
def test_no_option_disappears(target: tuple[str, str], options: Any) -> None:
    """Each leaves a field, or is named as left out or changed; `off` and False may need nothing."""
    name, model = target
    for option, value in options.items():
        if option == "tools" or value in (False, "off", 0):
            continue
        try:
            fitted = fit(name, model, {option: value})
        except RanvierError:
            continue
        plain = fit(name, model, {}).parameters
        changes = dict((*fitted.changes, *changed(Facts(name, model), {option: value})))
        left = option in fitted.dropped or option in changes
        itself = option in ("cache", "reasoning_summary")  # done by itself, or nothing is hidden
        default = option == "max_tokens" and plain.get(option) == value  # Claude's limit, sent anyway
        assert left or itself or default or fitted.parameters != plain
