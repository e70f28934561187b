"""How much each model may think: the table, and the translation of the options `reasoning` and its summary.

A wish is snapped to the nearest value that the model accepts; of two equally near, to the higher. `off` is
the least where a model always thinks. The first row that matches the vendor and the start of the model's id
wins. Sources as in `refusals`; where they differ, P, which tried most of them on the live APIs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ranvier.messages.request import LEVELS
from ranvier.providers._models.actions import NotAcceptedError, Translated
from ranvier.providers._models.ids import starts_with
from ranvier.providers._models.thinking_fields import (
    Json,
    Writer,
    claude,
    effort,
    effort_or_switch,
    effort_within,
    further,
    gemini,
    nova,
    ollama,
    openrouter,
    qwen,
    switch,
)


class Knob(NamedTuple):
    """How the thinking of a model is set.

    Attributes:
        levels: The levels that it accepts, from the least: with `off` if it can stop thinking, and with `on`
            if it knows no levels.
        budgets: The least and the largest budget that it accepts, in tokens.
        write: Writes an accepted value; `None` if nothing can be set.
    """

    levels: tuple[str, ...]
    budgets: tuple[int, int] | None
    write: Writer | None


_FROM_LOW = "low medium high xhigh max"
_OPENAI = "openai responses"
_CLAUDE = "anthropic converse"
_ROOM: Final = 4_096
"""The tokens that an answer has beside the budget of its thinking, if no limit is given."""

_MODELS: tuple[tuple[str, str, str, tuple[int, int] | None, Writer | None], ...] = (
    # vendors, or APIs of theirs, starts of model ids (* is all), levels, budgets, the fields
    # -- Anthropic (P). A budget is at least 1024 tokens, and below the limit of the answer (S).
    (_CLAUDE, "claude-mythos-preview", "on", None, None),
    (_CLAUDE, "claude-fable-5 claude-mythos-5 claude-opus-5-5", _FROM_LOW, None, claude()),
    (_CLAUDE, "claude-sonnet-5-5", f"off {_FROM_LOW}", None, claude(off="between_tools")),
    (_CLAUDE, "claude-opus-5 claude-sonnet-5 claude-haiku-5-5", f"off {_FROM_LOW}", None,
     claude(off="disabled")),
    (_CLAUDE, "claude-opus-4-7 claude-opus-4-8", f"off {_FROM_LOW}", None, claude()),
    (_CLAUDE, "claude-opus-4-6 claude-sonnet-4-6", "off low medium high max", (1_024, 128_000 - _ROOM),
     claude()),
    (_CLAUDE, "claude-opus-4-5 claude-sonnet-4 claude-haiku-4-5 claude-4-sonnet claude-3-7", "off",
     (1_024, 64_000 - _ROOM), claude()),
    (_CLAUDE, "claude-opus-4 claude-4-opus", "off", (1_024, 32_000 - _ROOM), claude()),
    (_CLAUDE, "claude-2 claude-3 claude-instant", "off", None, None),
    ("anthropic", "*", f"off {_FROM_LOW}", None, claude(off="disabled")),
    # -- Other models on Bedrock's Converse (P; C for Nova). Those of the last row are not known to think.
    ("converse", "nova-2", "off low medium high", None, further(nova)),
    ("converse", "gpt-oss", "low medium high", None, further(effort)),
    ("converse", "gpt-6-astra gpt-6.1-sol grok", "low medium high xhigh", None, further(effort_within)),
    ("converse", "gpt-", "off low medium high xhigh", None, further(effort_within)),
    ("converse", "qwen3-coder", "off", None, None),
    ("converse", "qwen3", "off low high", None, further(qwen)),
    ("converse", "glm-5.3", _FROM_LOW, None, further(effort)),
    ("converse", "glm- v3.2", "off high", None, further(effort)),
    ("converse", "*", "", None, None),
    # -- OpenAI (P; D for xhigh, which is younger than gpt-5.1). Only the Responses API accepts `max`.
    (_OPENAI, "gpt-3 gpt-4 chatgpt gpt-5-chat o1-mini o1-preview", "off", None, None),
    (_OPENAI, "gpt-5.1-chat gpt-5.2-chat gpt-5.3-chat", "medium", None, effort),
    (_OPENAI, "gpt-5-pro", "high", None, effort),
    (_OPENAI, "gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro", "medium high xhigh", None, effort),
    ("responses", "gpt-6-astra gpt-6.1-sol", _FROM_LOW, None, effort),
    ("responses", "gpt-5.6 gpt-6", f"off {_FROM_LOW}", None, effort),
    (_OPENAI, "gpt-5.1-codex-max gpt-6-astra gpt-6.1-sol", "low medium high xhigh", None, effort),
    (_OPENAI, "gpt-5-codex gpt-5.1-codex o1 o3 o4", "low medium high", None, effort),
    (_OPENAI, "gpt-5.1", "off low medium high", None, effort),
    (_OPENAI, "gpt-5. gpt-6", "off low medium high xhigh", None, effort),
    (_OPENAI, "gpt-5", "minimal low medium high", None, effort),
    (_OPENAI, "*", "off minimal low medium high xhigh", None, effort),
    # -- Gemini (P): a budget up to 2.5, a level since; no level is `off`.
    ("gemini", "gemini-1 gemini-2.0 gemini-2.5-flash-image gemini-pro gemma learnlm", "off", None, None),
    ("gemini", "gemini-2.5-pro", "", (128, 32_768), gemini),
    ("gemini", "gemini-2.5-flash-lite", "off", (512, 24_576), gemini),
    ("gemini", "gemini-2", "off", (1, 24_576), gemini),
    ("gemini", "gemini-3-pro", "low high", None, gemini),
    ("gemini", "gemini-3.1-flash-image gemini-3.1-flash-lite-image", "minimal high", None, gemini),
    ("gemini", "gemini-3.1-pro gemini-3.7-flash gemini-3.8-flash gemini-4", "low medium high", None, gemini),
    ("gemini", "*", "minimal low medium high", None, gemini),
    # -- Kimi (P, D)
    ("kimi", "kimi-k2.5 kimi-k2.6", "off on", None, switch),
    ("kimi", "kimi-k2.7 kimi-k2-thinking kimi-thinking", "on", None, None),
    ("kimi", "kimi-k2 moonshot-v1", "off", None, None),
    ("kimi", "*", "low high max", None, effort),
    # -- GLM, DeepSeek (P, D)
    ("glm", "glm-5.3", "low high max", None, effort),
    ("glm", "glm-5.2", " ".join(LEVELS), None, effort_or_switch),
    ("glm", "glm-4-", "off", None, None),
    ("glm", "*", "off on", None, switch),
    ("deepseek", "*", "off low high max", None, effort_or_switch),
    # -- OpenRouter snaps levels itself (D), but refuses `none` for models that always think (P).
    ("openrouter", "claude-fable claude-mythos claude-opus-5-5 claude-sonnet-5-5 gemini-2.5-pro gemini-3 "
     "gemini-4 gpt-oss gpt-6-astra gpt-6.1-sol o1 o3 o4 kimi-k2-thinking kimi-k2.7 kimi-k3 glm-5.3",
     _FROM_LOW, (1_024, 128_000), openrouter),
    ("openrouter", "*", " ".join(LEVELS), (1_024, 128_000), openrouter),
    # -- Ollama (S): gpt-oss knows levels, and ignores a boolean
    ("ollama", "gpt-oss", "low medium high", None, ollama),
    ("ollama", "*", "off on", None, ollama),
)  # fmt: skip

_UNKNOWN = Knob(LEVELS, None, effort)
"""An unknown server with an API like OpenAI's: what it rejects is fixed by its error message."""

_THINK_UNASKED = "claude-fable-5 claude-mythos claude-opus-5 claude-sonnet-5 claude-haiku-5-5"
_SEND_NO_THOUGHTS = f"{_THINK_UNASKED} claude-opus-4-7 claude-opus-4-8"

BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 24_576, "max": 32_768,
}  # fmt: skip
"""The number of tokens that a level stands for, where only one of them is known."""


@lru_cache(maxsize=1024)
def knob_of(provider: str, model: str) -> Knob:
    """How the thinking of a model is set."""
    for vendors, starts, levels, budgets, write in _MODELS:
        if provider in vendors.split() and starts_with(model, starts):
            return Knob(tuple(levels.split()), budgets, write)
    return _UNKNOWN


def reasoned(provider: str, model: str, given: Mapping[str, Any]) -> Translated:
    """The parameters for the `reasoning` and `reasoning_summary` that are given.

    Raises:
        NotAcceptedError: the model accepts no forced tool call while it thinks on a budget.
    """
    wish, summary = given.get("reasoning"), bool(given.get("reasoning_summary"))
    parameters, dropped, changes = _translated(provider, model, wish, given)
    if summary and wish != "off":
        dropped = (*dropped, *_add_summary(provider, model, parameters))
    if provider in _CLAUDE.split():
        dropped = (*dropped, *_left_out_beside(parameters, given))
    return Translated(parameters, dropped, changes)


def _left_out_beside(thinking: Json, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The parameters that Claude rejects while it thinks (S)."""
    kind = thinking.get("thinking", {}).get("type")
    if kind == "enabled" and given.get("tool_choice") not in (None, "auto", "none"):
        raise NotAcceptedError("together with tool_choice")
    sampling = ("temperature", "top_p", "top_k") if kind in ("adaptive", "enabled") else ()
    return tuple(name for name in sampling if name in given)


def _translated(provider: str, model: str, wish: str | int | None, given: Mapping[str, Any]) -> Translated:
    if wish is None:
        return Translated({})
    knob = knob_of(provider, model)
    limit = given.get("max_tokens") if provider in ("anthropic", "converse", "openrouter") else None
    value = snapped(wish, knob, limit)
    if value is None or knob.write is None:
        return Translated({}, () if value == wish else ("reasoning",))
    shown = f"{value} tokens" if isinstance(value, int) else value
    return Translated(knob.write(value), (), () if value == wish else (("reasoning", f"sent as {shown}"),))


def snapped(wish: str | int, knob: Knob, limit: int | None = None) -> str | int | None:
    """The nearest value that the model accepts; `None` if there is none below the `limit` of the answer."""
    levels = [level for level in knob.levels if level != "off"]
    if wish == "off" and "off" in knob.levels:
        return "off"
    if knob.budgets and (isinstance(wish, int) or not levels):
        least, most = knob.budgets
        tokens = _tokens(wish, least, limit)
        if limit is None or least < limit:
            return min(max(tokens, least), most)
    if not levels:
        return None
    if "on" in levels:
        return "on"
    ranks = {level: LEVELS.index(level) for level in levels}
    rank = LEVELS.index(_level(wish) if isinstance(wish, int) else wish)
    return min(levels, key=lambda level: (abs(ranks[level] - rank), -ranks[level]))


def _tokens(wish: str | int, least: int, limit: int | None) -> int:
    """A budget below the limit of the answer; of a level or one that is too large, at most half the limit."""
    tokens = wish if isinstance(wish, int) else BUDGETS.get(wish, least)
    if limit is None or tokens < (limit if isinstance(wish, int) else limit // 2):
        return tokens
    return max(least, limit // 2)


def _level(tokens: int) -> str:
    """The level that stands for the nearest number of tokens, by their ratio."""
    return min(BUDGETS, key=lambda level: abs(math.log(BUDGETS[level] / tokens)))


def _add_summary(provider: str, model: str, parameters: Json) -> tuple[str, ...]:
    """Request the thoughts where they are not sent by default; returns the option if that is impossible."""
    speechless = provider in ("responses", "gemini") and knob_of(provider, model).write is None
    if provider == "openai" or speechless:  # S: chat completions have no such field
        return ("reasoning_summary",)
    if provider == "responses":
        parameters["reasoning_summary"] = "auto"
    if provider == "gemini":
        parameters["thinkingConfig"] = {**parameters.get("thinkingConfig", {}), "includeThoughts": True}
    thinks = "thinking" in parameters or starts_with(model, _THINK_UNASKED)
    if provider in _CLAUDE.split() and thinks and starts_with(model, _SEND_NO_THOUGHTS):
        thinking = parameters.get("thinking", {"type": "adaptive"})
        parameters["thinking"] = {**thinking, "display": "summarized"}
    return ()


def limit_beside(thinking: object, limit: int) -> int:
    """The limit of an answer whose limit is not given: the default, or more if a budget needs it."""
    budget = thinking.get("budget_tokens", 0) if isinstance(thinking, Mapping) else 0
    return max(limit, budget + _ROOM)
