"""The fields in which each API takes a level or a budget of thinking; used in the table of `reasoning`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

Writer = Callable[[str | int], Json]
"""Takes a level, `on`, or a number of tokens, as the model accepts it; returns parameters."""


def effort(value: str | int) -> Json:
    """OpenAI and its likes: one field, with `none` for no thinking."""
    return {"reasoning_effort": "none" if value == "off" else value}


def switch(value: str | int) -> Json:
    """Kimi, GLM: thinking is on or off."""
    return {"thinking": {"type": "disabled" if value == "off" else "enabled"}}


def effort_or_switch(value: str | int) -> Json:
    """GLM, DeepSeek: an effort, but another field switches thinking off."""
    return switch(value) if value == "off" else effort(value)


def claude(off: str | None = None) -> Writer:
    """Claude: an effort of adaptive thinking, or a budget; `off` is the type that switches thinking off."""

    def write(value: str | int) -> Json:
        if value == "off":
            return {"thinking": {"type": off}} if off else {}
        if isinstance(value, int):
            return {"thinking": {"type": "enabled", "budget_tokens": value}}
        return {"thinking": {"type": "adaptive"}, "reasoning_effort": value}

    return write


def gemini(value: str | int) -> Json:
    """Gemini: a budget up to 2.5, a level since."""
    if value == "off" or isinstance(value, int):
        return {"thinkingConfig": {"thinkingBudget": 0 if value == "off" else value}}
    return {"thinkingConfig": {"thinkingLevel": value.upper()}}


def openrouter(value: str | int) -> Json:
    """OpenRouter, which translates for the vendor; some of its routes think only if `enabled` is sent."""
    if value == "off":
        return {"reasoning": {"effort": "none"}}
    return {"reasoning": {"max_tokens" if isinstance(value, int) else "effort": value, "enabled": True}}


def further(write: Callable[[str | int], Json]) -> Writer:
    """Converse: among the fields that it passes on to the model."""
    return lambda value: {"additionalModelRequestFields": write(value)}


def nova(value: str | int) -> Json:
    """Nova 2."""
    if value == "off":
        return {"reasoningConfig": {"type": "disabled"}}
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": value}}


def effort_within(value: str | int) -> Json:
    """Grok, and OpenAI's models that speak Responses: an effort in an object."""
    return {"reasoning": {"effort": "none" if value == "off" else value}}


def qwen(value: str | int) -> Json:
    """Qwen 3 on Bedrock."""
    return {"reasoning_config": "none" if value == "off" else value}


def ollama(value: str | int) -> Json:
    """Ollama: a level for models that know levels, else a boolean."""
    return {"think": {"on": True, "off": False}.get(str(value), value)}
