"""Which model refuses, renames or bounds which parameter: one table, and `fit`, which reads it.

Within one parameter the first row that matches the provider and the start of the model's id wins. What
is in no row is sent as it was given, so that a model nobody knew yesterday works today; a provider that
is in no row is some server that speaks OpenAI's dialect, and gets everything unchanged.

Sources: P, the profiles of pydantic-ai (many of them tried on the live API); L, the model map of
litellm; S, a vendor's SDK; D, a vendor's documentation; C, recorded traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ranvier.errors import UnsupportedRequestError


class Fitted(NamedTuple):
    """Parameters under the names of the wire, and the neutral names of those that were left out."""

    parameters: dict[str, Any]
    dropped: tuple[str, ...]


class _Renamed(NamedTuple):
    """A value that goes by another name on the wire than its parameter does."""

    name: str
    value: Any


class _RefusedError(Exception):
    """To `fit`, which knows the names for the message."""


_DROPPED = object()
_Action = Callable[[Any, Mapping[str, Any]], Any]
"""From the value and all parameters to the value to send, `_DROPPED`, or a `_Renamed`."""

# --- what can be done with a parameter -----------------------------------------------------------


def _keep(value: Any, given: Mapping[str, Any]) -> Any:
    return value


def _drop(value: Any, given: Mapping[str, Any]) -> Any:
    return _DROPPED


def _refuse(value: Any, given: Mapping[str, Any]) -> Any:
    if value:
        raise _RefusedError
    return value


def _within(least: float, most: float) -> _Action:
    def clamp(value: Any, given: Mapping[str, Any]) -> Any:
        return min(max(value, least), most) if isinstance(value, (int, float)) else value

    return clamp


def _at_most(count: int) -> _Action:
    def check(value: Any, given: Mapping[str, Any]) -> Any:
        return _refuse(value, given) if isinstance(value, (list, tuple)) and len(value) > count else value

    return check


def _one_of(known: Mapping[str, Any], *, others: Any = None) -> _Action:
    """Translate the values that are known; all others are kept, or replaced by `others`."""

    def translate(value: Any, given: Mapping[str, Any]) -> Any:
        return known.get(value, value if others is None else others) if isinstance(value, str) else value

    return translate


def _unless_reasoning(*, by_default: bool) -> _Action:
    def drop(value: Any, given: Mapping[str, Any]) -> Any:
        effort = given.get("reasoning_effort", "high" if by_default else "none")
        return value if effort == "none" else _DROPPED

    return drop


def _moonshot_temperature(value: Any, given: Mapping[str, Any]) -> Any:
    several = isinstance(given.get("n"), int) and given["n"] > 1
    return _within(0.3 if several else 0.0, 1.0)(value, given)


# --- the table -----------------------------------------------------------------------------------

_NEWEST_CLAUDE = (
    "claude-fable-5 claude-mythos-5 claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-sonnet-5 "
    "claude-haiku-5-5"
)
_WIDE_CLAUDE = f"{_NEWEST_CLAUDE} claude-opus-4-6 claude-sonnet-4-6"
_OLD_CLAUDE = (
    "claude-instant claude-2 claude-3 claude-4 claude-opus-4-0 claude-opus-4-1 claude-opus-4-2 "
    "claude-sonnet-4-0 claude-sonnet-4-2 claude-sonnet-4-5 claude-haiku-4-5"
)
_SAMPLING = "temperature top_p logprobs top_logprobs"
_PENALTIES = "presence_penalty frequency_penalty logit_bias"

_ROWS: tuple[tuple[str, str, str, _Action], ...] = (
    # provider, starts of ids (* is all), parameters, action
    # -- Anthropic. The newest refuse sampling with a 400 (P, L); there are no such fields (S).
    ("anthropic", f"{_NEWEST_CLAUDE} claude-mythos-preview", "temperature top_p top_k", _drop),
    ("anthropic", "*", "temperature", _within(0.0, 1.0)),
    ("anthropic", "*", f"{_PENALTIES} seed n logprobs top_logprobs", _drop),
    ("anthropic", _WIDE_CLAUDE, "max_tokens", _within(0, 128_000)),  # P, L: more is a 400
    ("anthropic", "claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5", "max_tokens", _within(0, 64_000)),
    # These refuse a forced tool (P, L); `auto` and `none` they take.
    ("anthropic", "claude-fable-5-1 claude-fable-5-2 claude-mythos-5-1 claude-mythos-5-2 claude-opus-5-5 "
     "claude-sonnet-5-5", "tool_choice", _one_of({"auto": "auto", "none": "none"}, others=_DROPPED)),
    # `output_config.effort` (P): unknown before opus-4-5 and sonnet-4-6, its upper end to some.
    ("anthropic", _NEWEST_CLAUDE, "reasoning_effort", _one_of({"none": "low", "minimal": "low"})),
    ("anthropic", "claude-opus-4-6 claude-sonnet-4-6", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "xhigh": "high"})),
    ("anthropic", "claude-opus-4-5", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "xhigh": "high", "max": "high"})),
    ("anthropic", _OLD_CLAUDE, "reasoning_effort", _drop),
    # -- OpenAI. Who reasons takes no sampling (P); penalties and stop never come back (L).
    ("openai", "*", "top_k", _drop),  # S: no such field
    ("openai", "gpt-5-chat", f"{_SAMPLING} {_PENALTIES} stop", _keep),
    ("openai", "gpt-5 gpt-6 o1 o3 o4", _PENALTIES, _drop),
    ("openai", "gpt-5.1-chat gpt-5.2-chat gpt-5.3-chat gpt-5-pro gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro "
     "gpt-5-codex gpt-5.1-codex gpt-6-astra gpt-6.1-sol o1 o3 o4", _SAMPLING, _drop),
    ("openai", "gpt-5.1 gpt-5.2 gpt-5.3 gpt-5.4", _SAMPLING, _unless_reasoning(by_default=False)),
    ("openai", "gpt-5.5 gpt-5.6 gpt-6-sol gpt-6-luna gpt-6.1-terra", _SAMPLING,
     _unless_reasoning(by_default=True)),
    ("openai", "gpt-5", _SAMPLING, _drop),
    ("openai", "gpt-5 gpt-6 o3 o4-mini", "stop", _drop),  # L; S for the o-series
    ("openai", "*", "stop", _at_most(4)),  # S
    ("openai", "gpt-3 gpt-4 chatgpt gpt-5-chat", "reasoning_effort", _drop),  # P, as the next four
    ("openai", "gpt-5.1-chat gpt-5.2-chat gpt-5.3-chat", "reasoning_effort", _one_of({}, others="medium")),
    ("openai", "gpt-5-pro", "reasoning_effort", _one_of({}, others="high")),
    ("openai", "gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro", "reasoning_effort",
     _one_of({"none": "medium", "minimal": "medium", "low": "medium", "max": "xhigh"})),
    ("openai", "o1 o3 o4", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "low": "low", "medium": "medium"}, others="high")),
    ("openai", "gpt-6-astra gpt-6.1-sol", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "max": "xhigh"})),
    ("openai", "gpt-5.1 gpt-5.2 gpt-5.3 gpt-5.4 gpt-5.5 gpt-5.6 gpt-6", "reasoning_effort",
     _one_of({"minimal": "low", "max": "xhigh"})),  # L: only the plain gpt-5 takes `minimal`
    ("openai", "*", "reasoning_effort", _one_of({"max": "xhigh"})),
    # -- Gemini
    ("gemini", "gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash",
     "temperature top_p top_k", _drop),  # L: taken and ignored today, a 400 in later generations
    ("gemini", "gemini-3 gemini-4", "presence_penalty frequency_penalty", _drop),  # L
    ("gemini", "*", "logit_bias", _drop),  # S: no such field
    ("gemini", "*", "stop", _at_most(5)),  # L
    ("gemini", "gemini-2.5-flash-image gemini-3-pro-image gemini-3.1-flash-image", "tools", _refuse),  # P
    ("gemini", "gemini-3-pro-preview", "reasoning_effort",
     _one_of({"none": "LOW", "minimal": "LOW", "low": "LOW"}, others="HIGH")),  # P, as the next four
    ("gemini", "gemini-3.7-flash gemini-3.8-flash gemini-3.1-pro-preview gemini-4-argon", "reasoning_effort",
     _one_of({"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}, others="HIGH")),
    ("gemini", "gemini-3 gemini-4", "reasoning_effort",
     _one_of({"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}, others="HIGH")),
    ("gemini", "*", "reasoning_effort", _drop),  # a level is a 400 there; 2.5 knows a budget only
    # -- Kimi. Sampling is fixed for every kimi-*: never set it to 1, without thinking it is 0.6 (D, L).
    ("kimi", "kimi-", "temperature top_p n presence_penalty frequency_penalty", _drop),
    ("kimi", "moonshot-v1", "temperature", _moonshot_temperature),  # L
    ("kimi", "kimi-thinking-preview", "tools", _refuse),  # L
    ("kimi", "*", "tool_choice", _one_of({"auto": "auto", "none": "none"}, others=_DROPPED)),  # P, L, D
    ("kimi", "kimi-k3", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"})),  # P, as the next two
    ("kimi", "kimi-k2.5 kimi-k2.6", "reasoning_effort",
     _one_of({"none": _Renamed("thinking", {"type": "disabled"})}, others=_DROPPED)),
    ("kimi", "kimi-k2 kimi-thinking moonshot-v1", "reasoning_effort", _drop),
    # -- GLM
    ("glm", "*", f"{_PENALTIES} n logprobs top_logprobs", _drop),  # S: no such fields
    ("glm", "*", "tool_choice", _one_of({"auto": "auto"}, others=_DROPPED)),  # S: knows `auto` alone
    ("glm", "glm-5.3", "reasoning_effort",
     _one_of({"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"})),  # P, as the next two
    ("glm", "glm-5.2", "reasoning_effort", _keep),
    ("glm", "glm-", "reasoning_effort",
     _one_of({"none": _Renamed("thinking", {"type": "disabled"})}, others=_DROPPED)),
    # -- OpenRouter fits the rest to the route itself (D)
    ("openrouter", "*", "reasoning_effort", _one_of({"max": "xhigh"})),  # L
    # -- Ollama, native (S)
    ("ollama", "*", "logit_bias n tool_choice", _drop),
    ("ollama", "*", "reasoning_effort",
     _one_of({"none": False, "minimal": "low", "low": "low", "medium": "medium"}, others="high")),
)  # fmt: skip

# Names on the wire, where they differ (S). Some live inside another object there (`options`,
# `generationConfig`, `output_config`): to put them there is the adapter's work.
_NAMES: dict[str, dict[str, str]] = {
    "anthropic": {"stop": "stop_sequences", "reasoning_effort": "effort"},
    "openai": {"max_tokens": "max_completion_tokens"},  # P, L; who reasons refuses the old name (C)
    "gemini": {
        "max_tokens": "maxOutputTokens",
        "top_p": "topP",
        "top_k": "topK",
        "stop": "stopSequences",
        "n": "candidateCount",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
        "reasoning_effort": "thinkingLevel",
    },
    "kimi": {"max_tokens": "max_tokens"},  # D calls it deprecated, but every model takes it (L)
    "ollama": {"max_tokens": "num_predict", "reasoning_effort": "think"},
}

# Anthropic must be told a limit. `None` means the provider's own, so it is the most that the model takes;
# where that is unknown, and on old models, which refuse input and limit that exceed the window together, it
# is what every one of them takes (P).
_CLAUDE_LIMITS = (
    (_WIDE_CLAUDE, 128_000),
    ("claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5", 64_000),
    ("*", 4_096),
)

# L: the answer must not be begun for them; older ones continue what they find.
_NO_PREFILL = f"{_WIDE_CLAUDE} claude-mythos-preview"

# They think before the first word and show none of it unless asked: OpenAI never does in chat completions;
# Gemini without `includeThoughts`; the Claude models that think by default send it empty (C for sonnet-5).
# Kimi and GLM stream their reasoning, so that they are no slower to show life than others.
_SILENT = (
    "o1 o3 o4 gpt-5 gpt-6 codex gemini-2.5-pro gemini-2.5-flash gemini-3 gemini-4 "
    "claude-fable-5 claude-mythos claude-opus-5 claude-sonnet-5 claude-haiku-5-5"
)
_SPEAKING = ("-chat", "flash-lite")

# --- the reading of it ---------------------------------------------------------------------------


def fit(provider: str, model: str, parameters: Mapping[str, Any]) -> Fitted:
    """The parameters as this model takes them.

    Args:
        provider: One of the seven by its own name, whatever name the user gave to it; any other is an
            unknown server that speaks OpenAI's dialect.
        model: The model's id, with or without a routing prefix.
        parameters: Those that are set, under their neutral names, `tools` among them. A name that is
            in no table passes.

    Raises:
        UnsupportedRequestError: one of them carries meaning that would be lost, as tools would be.
    """
    if not parameters and provider != "anthropic":
        return Fitted({}, ())
    rules = _rules(provider, model)
    wire: dict[str, Any] = {}
    dropped: tuple[str, ...] = ()
    for name, value in parameters.items():
        wire_name, action = rules.get(name, (name, _keep))
        try:
            value = action(value, parameters)
        except _RefusedError:
            raise _unsupported(provider, model, name) from None
        if value is _DROPPED:
            dropped += (name,)
        elif isinstance(value, _Renamed):
            wire[value.name] = value.value
        else:
            wire[wire_name] = value
    if provider == "anthropic" and "max_tokens" not in wire:
        wire["max_tokens"] = _limit(model)
    return Fitted(wire, dropped)


@lru_cache(maxsize=1024)
def _rules(provider: str, model: str) -> dict[str, tuple[str, _Action]]:
    """For each parameter that is special here, its name on the wire and what to do with it."""
    names = _NAMES.get(provider, {})
    rules: dict[str, tuple[str, _Action]] = {}
    for owner, starts, parameters, action in _ROWS:
        if owner == provider and _starts(model, starts):
            for name in parameters.split():
                rules.setdefault(name, (names.get(name, name), action))
    return {name: (wire_name, _keep) for name, wire_name in names.items()} | rules


def _starts(model: str, starts: str) -> bool:
    return starts == "*" or _bare(model).startswith(tuple(starts.split()))


def _bare(model: str) -> str:
    """`anthropic/claude-sonnet-4.6` -> `claude-sonnet-4-6`: without routing, as the vendor writes it."""
    bare = model.lower().rsplit("/", 1)[-1].lstrip("~").removeprefix("ft:")
    return bare.replace(".", "-") if bare.startswith("claude") else bare


def _unsupported(provider: str, model: str, name: str) -> UnsupportedRequestError:
    message = f"{provider}/{model} cannot take {name} as given; nothing was sent: choose another model"
    return UnsupportedRequestError(message, provider=provider, model=model)


@lru_cache(maxsize=1024)
def _limit(model: str) -> int:
    return next(limit for starts, limit in _CLAUDE_LIMITS if _starts(model, starts))


def refuses_prefill(provider: str, model: str) -> bool:
    """True where the last message must not be the assistant's; so says OpenRouter for the same models."""
    return provider in ("anthropic", "openrouter") and _starts(model, _NO_PREFILL)


def first_token_allowance(provider: str, model: str) -> float:
    """Seconds to wait for the first content: 20, or 120 where silence is no bad sign.

    That is so for a model that thinks without a word, and for Ollama, which may load the model first.
    """
    speaks = any(mark in _bare(model) for mark in _SPEAKING)
    return 120.0 if provider == "ollama" or (_starts(model, _SILENT) and not speaks) else 20.0
