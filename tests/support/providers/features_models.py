"""Which model takes which setting: what the adapters make of each, found out by asking them."""

import json
from typing import Any

from ranvier.messages import Message, Request, Schema
from support.providers.features_sent import FORM, LEFT_OUT, REFUSED, TOOL, Table, asked, leaves, quoted, sent

MODELS = {
    "anthropic": (
        "claude-sonnet-5",
        "claude-sonnet-5-5",
        "claude-sonnet-4-6",
        "claude-haiku-4-5",
        "claude-3-haiku",
    ),
    "openai": ("gpt-5.2", "gpt-5.5", "gpt-5", "gpt-5-chat", "o3", "gpt-4.1"),
    "responses": ("gpt-5.2", "gpt-5.5", "gpt-5", "gpt-5-chat", "o3", "gpt-4.1"),
    "gemini": ("gemini-3.6-flash", "gemini-3-pro-preview", "gemini-2.5-flash", "gemini-3-pro-image"),
    "kimi": ("kimi-k3", "kimi-k2.6", "kimi-thinking-preview", "moonshot-v1-8k"),
    "glm": ("glm-5.3", "glm-5.2", "glm-4.6"),
    "openrouter": ("anthropic/claude-sonnet-5", "openai/gpt-5.2"),
    "ollama": ("qwen3",),
    "converse": (
        *("anthropic.claude-sonnet-5", "anthropic.claude-haiku-4-5", "amazon.nova-2-lite-v1:0"),
        *("openai.gpt-oss-120b-1:0", "openai.gpt-5.6-sol", "meta.llama4-maverick-17b-instruct-v1:0"),
    ),
}
"""Models that differ from each other in what they take."""

THINKERS = {
    "anthropic": (
        *("claude-fable-5", "claude-opus-5", "claude-sonnet-5-5", "claude-opus-4-8", "claude-sonnet-4-6"),
        *("claude-haiku-4-5", "claude-3-5-haiku"),
    ),
    "openai": ("gpt-6-astra", "gpt-5.6", "gpt-5.2", "gpt-5.1", "gpt-5", "gpt-5-pro", "o3", "gpt-4.1"),
    "responses": ("gpt-6-astra", "gpt-5.6", "gpt-5.2", "gpt-5.1", "gpt-5", "gpt-5-pro", "o3", "gpt-4.1"),
    "gemini": (
        "gemini-3.8-flash",
        "gemini-3.6-flash",
        "gemini-3-pro-preview",
        "gemini-2.5-pro",
        "gemini-2.5-flash",
    ),
    "kimi": ("kimi-k3", "kimi-k2.6", "kimi-k2.7-code"),
    "glm": ("glm-5.3", "glm-5.2", "glm-4.6"),
    "openrouter": ("anthropic/claude-sonnet-5-5", "openai/gpt-5.2"),
    "ollama": ("gpt-oss", "qwen3"),
    "converse": (
        *("anthropic.claude-sonnet-5-5", "anthropic.claude-haiku-4-5", "amazon.nova-2-lite-v1:0"),
        *("openai.gpt-oss-120b-1:0", "openai.gpt-5.6-sol", "xai.grok-4.7", "qwen.qwen3-next-80b-a3b"),
        *("zai.glm-5.3", "deepseek.v3.2", "meta.llama4-maverick-17b-instruct-v1:0"),
    ),
}
"""Models that differ from each other in how much they may think."""

CACHES = {
    "anthropic": ("claude-sonnet-5",),
    "openai": ("gpt-5.6", "gpt-5.2"),
    "responses": ("gpt-5.6", "gpt-5.2"),
    "gemini": ("gemini-3.6-flash",),
    "kimi": ("kimi-k3",),
    "glm": ("glm-5.2",),
    "openrouter": ("anthropic/claude-sonnet-5", "openai/gpt-5.2"),
    "ollama": ("qwen3",),
    "converse": ("anthropic.claude-sonnet-5", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-120b-1:0"),
}
"""Models that differ from each other in how long they cache."""

SETTINGS: dict[str, tuple[dict[str, Any], Any]] = {
    "max_tokens": ({"max_tokens": 1_000_000}, 1_000_000),
    "temperature": ({"temperature": 1.5}, 1.5),
    "top_p": ({"top_p": 0.75}, 0.75),
    "stop": ({"stop": ("END",)}, "END"),
    "tools": ({"tools": (TOOL,)}, None),
    "tool_choice": ({"tools": (TOOL,), "tool_choice": "required"}, None),
    "schema": ({"schema": Schema(FORM, "mark_of_name")}, None),
}
"""The settings that models take differently; what was given, where it is a plain value."""

PLACED = {**SETTINGS, "seed": ({"seed": 7}, 7), "cache_key": ({"cache_key": "acme"}, "acme")}
"""The settings whose places are shown."""

WISHES = ("off", "minimal", "low", "medium", "high", "xhigh", "max", 5_000)
"""How much a model may think."""

WITHOUT: dict[str, dict[str, Any]] = {"max_tokens": {"max_tokens": 1}, "tool_choice": {"tools": (TOOL,)}}
"""What the request has before, where that is not nothing."""


async def added(name: str, model: str, setting: str) -> dict[str, Any] | None:
    """What a setting adds to the request for a model, by its places; `None` if it cannot be asked."""
    given, _ = PLACED[setting]
    before = await sent(name, asked(**WITHOUT.get(setting, {})), model=model)
    after = await sent(name, asked(**given), model=model)
    if before is None or after is None:
        return None
    known = dict(leaves(before.fields))
    return {path: value for path, value in leaves(after.fields) if known.get(path, LEFT_OUT) != value}


async def setting_places() -> Table:
    """Where a setting stands: asked of a model that takes it."""
    shown = ("max_tokens", "temperature", "top_p", "stop", "seed", "cache_key")
    table = [["provider", *(f"`{setting}`" for setting in shown)]]
    for name, models in MODELS.items():
        row = [name]
        for setting in shown:
            found = [await added(name, model, setting) for model in models]
            row.append(quoted(next(filter(None, found), {})) or LEFT_OUT)
        table.append(row)
    return table


async def settings() -> Table:
    """What each model takes, and the limit that it is told where none was given."""
    table = [["model", *(f"`{setting}`" for setting in SETTINGS), "prefilled answer", "default `max_tokens`"]]
    begun = Request((Message.user("Hi"), Message.assistant("Well,")))
    for name, models in MODELS.items():
        for model in models:
            cells = [taken(await added(name, model, setting), SETTINGS[setting][1]) for setting in SETTINGS]
            prefill = REFUSED if await sent(name, begun, model=model) is None else "sent"
            plain = await sent(name, asked(), model=model)
            assert plain is not None
            limit = plain.fields.get("max_tokens")
            table.append([f"{name}/{model}", *cells, prefill, str(limit) if limit else "not sent"])
    return table


async def thinking() -> Table:
    """What is sent for each wish to think."""
    table = [["model", "field", *(f"`{wish}`" for wish in WISHES), "`reasoning_summary=True`"]]
    for name, models in THINKERS.items():
        for model in models:
            cells = [await fields(name, model, reasoning=wish) for wish in WISHES]
            where = next((path for path in reversed(cells[4]) if path != "reasoning.enabled"), "")
            row = [f"`{json.dumps(cell[where])}`" if where in cell else written(cell) for cell in cells]
            summary = written(await fields(name, model, reasoning_summary=True))
            table.append([f"{name}/{model}", f"`{where}`" if where else "none", *row, summary])
    return table


async def caching() -> Table:
    """What is sent for each wish to cache."""
    times = (True, "5m", "30m", "1h", "12h")
    table = [["model", *(f"`{time if time is True else json.dumps(time)}`" for time in times)]]
    for name, models in CACHES.items():
        for model in models:
            row = [written(await fields(name, model, cache=time)) for time in times]
            table.append([f"{name}/{model}", *row])
    return table


async def fields(name: str, model: str, **options: Any) -> dict[str, Any]:
    """What options add to the request for a model, by its places."""
    before, after = await sent(name, asked(), model=model), await sent(name, asked(**options), model=model)
    assert before is not None
    assert after is not None
    known = dict(leaves(before.fields))
    return {path: value for path, value in leaves(after.fields) if known.get(path, LEFT_OUT) != value}


def written(fields: dict[str, Any]) -> str:
    """Fields with their values."""
    return quoted(f"{path}: {json.dumps(value)}" for path, value in fields.items()) or "nothing"


def taken(added: dict[str, Any] | None, given: Any) -> str:
    """What became of a setting."""
    if not added:
        return REFUSED if added is None else LEFT_OUT
    value = next(iter(added.values()))
    return "sent" if given is None or value == given else f"sent as `{json.dumps(value)}`"
