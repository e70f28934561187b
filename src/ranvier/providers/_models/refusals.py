"""The table of models: which model rejects, renames or bounds which parameter. `models` reads it.

Sources: P, the profiles of pydantic-ai (many of them tested on the live API); L, the model map of
litellm; S, a vendor's SDK; D, a vendor's documentation; C, recorded traffic; I, an issue with the body.
"""

from __future__ import annotations

from math import inf

from ranvier.providers._models.actions import (
    DROPPED,
    Action,
    Renamed,
    at_most,
    drop,
    keep,
    moonshot_temperature,
    one_of,
    reject,
    reject_beside,
    unless_beside,
    unless_reasoning,
    within,
)

_NEWEST_CLAUDE = (
    "claude-fable-5 claude-mythos-5 claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-sonnet-5 "
    "claude-haiku-5-5"
)
_WIDE_CLAUDE = f"{_NEWEST_CLAUDE} claude-opus-4-6 claude-sonnet-4-6"
_OLD_CLAUDE = (
    "claude-instant claude-2 claude-3 claude-4 claude-opus-4-0 claude-opus-4-1 claude-opus-4-2 "
    "claude-sonnet-4-0 claude-sonnet-4-2 claude-sonnet-4-5 claude-haiku-4-5"
)
_SCHEMALESS_CLAUDE = (  # 4-2 is the start of a date
    "claude-instant claude-2 claude-3 claude-4-opus claude-4-sonnet claude-opus-4-0 claude-opus-4-2 "
    "claude-sonnet-4-0 claude-sonnet-4-2"
)
_ALWAYS_REASONING = "gpt-6-astra gpt-6.1-sol"
_OPENAI = "openai responses"
_CLAUDE = "anthropic converse"
_SAMPLING = "temperature top_p logprobs top_logprobs"
_PENALTIES = "presence_penalty frequency_penalty logit_bias"

ROWS: tuple[tuple[str, str, str, Action], ...] = (
    # providers (or APIs of theirs), starts of model ids (* is all), parameters, action
    # -- Bedrock's Converse (P)
    ("converse", "gpt-oss", "temperature", within(0.0, 1.0)),
    ("converse", "gpt-oss", "top_p", keep),
    ("converse", "gpt- grok", "temperature top_p", drop),
    # -- Anthropic, on Converse too. The newest reject sampling settings with a 400 (P, L); the other fields
    # do not exist (S).
    (_CLAUDE, f"{_NEWEST_CLAUDE} claude-mythos-preview", "temperature top_p top_k", drop),
    (_CLAUDE, "*", "temperature", within(0.0, 1.0)),
    (_CLAUDE, "*", f"{_PENALTIES} seed n logprobs top_logprobs", drop),
    (_CLAUDE, _WIDE_CLAUDE, "max_tokens", within(0, 128_000)),  # P, L: more is a 400
    (_CLAUDE, "claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5", "max_tokens", within(0, 64_000)),
    # These reject a forced tool (P, L), but accept `auto` and `none`.
    (_CLAUDE, "claude-fable-5-1 claude-fable-5-2 claude-mythos-5-1 claude-mythos-5-2 claude-opus-5-5 "
     "claude-sonnet-5-5", "tool_choice", one_of({"auto": "auto", "none": "none"}, others=DROPPED)),
    # `output_config.effort` (P): unknown before opus-4-5 and sonnet-4-6; some do not know the highest values.
    (_CLAUDE, _NEWEST_CLAUDE, "reasoning_effort", one_of({"none": "low", "minimal": "low"})),
    (_CLAUDE, "claude-opus-4-6 claude-sonnet-4-6", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "xhigh": "high"})),
    (_CLAUDE, "claude-opus-4-5", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "xhigh": "high", "max": "high"})),
    (_CLAUDE, _OLD_CLAUDE, "reasoning_effort", drop),
    (_CLAUDE, _SCHEMALESS_CLAUDE, "schema", reject),  # P: only a forced tool would work there
    # Converse has no field for top_k, but passes one on to models that know it (P; C for Nova).
    ("converse", "claude", "top_k", keep),
    ("converse", "nova", "top_k", lambda value, given: Renamed("topK", value)),
    ("converse", "*", "top_k", drop),
    ("converse", "claude nova glm- kimi- grok", "tool_choice", keep),  # P: others take only `auto`
    ("converse", "*", "tool_choice", one_of({"auto": "auto", "none": "none"}, others=DROPPED)),
    ("converse", "claude-opus-4-1 claude-fable-5 nova titan llama command jamba palmyra r1 grok", "schema",
     reject),  # P
    ("converse", "claude", "reasoning_effort", keep),
    ("converse", "*", "reasoning_effort", drop),  # each family has a field of its own
    # -- OpenAI's Responses API. It takes tools and an effort together (P, I).
    ("responses", "*", f"{_PENALTIES} stop seed n logprobs", drop),  # S: no such fields
    ("responses", "*", "max_tokens", within(16, inf)),  # I: fewer is a 400
    # -- OpenAI. Reasoning models accept no sampling (P), and never penalties and stop (L).
    (_OPENAI, "*", "top_k", drop),  # S: no such field
    (_OPENAI, "gpt-5-chat", f"{_SAMPLING} {_PENALTIES}", keep),
    (_OPENAI, "gpt-5-chat", "stop", at_most(4)),
    (_OPENAI, "gpt-5 gpt-6 o1 o3 o4", _PENALTIES, drop),
    (_OPENAI, "gpt-5.1-chat gpt-5.2-chat gpt-5.3-chat gpt-5-pro gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro "
     f"gpt-5-codex gpt-5.1-codex {_ALWAYS_REASONING} o1 o3 o4", _SAMPLING, drop),
    (_OPENAI, "gpt-5.1 gpt-5.2 gpt-5.3 gpt-5.4", _SAMPLING, unless_reasoning(by_default=False)),
    (_OPENAI, "gpt-5.5 gpt-5.6 gpt-6-sol gpt-6-luna gpt-6.1-terra", _SAMPLING,
     unless_reasoning(by_default=True)),
    (_OPENAI, "gpt-5", _SAMPLING, drop),
    (_OPENAI, "gpt-5 gpt-6 o3 o4-mini", "stop", drop),  # L; S for the o-series
    (_OPENAI, "*", "stop", at_most(4)),  # S
    (_OPENAI, "gpt-3 gpt-4 chatgpt gpt-5-chat", "reasoning_effort", drop),  # P, as the next four
    (_OPENAI, "gpt-5.1-chat gpt-5.2-chat gpt-5.3-chat", "reasoning_effort", one_of({}, others="medium")),
    (_OPENAI, "gpt-5-pro", "reasoning_effort", one_of({}, others="high")),
    (_OPENAI, "gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro", "reasoning_effort",
     one_of({"none": "medium", "minimal": "medium", "low": "medium", "max": "xhigh"})),
    (_OPENAI, "o1 o3 o4", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "low": "low", "medium": "medium"}, others="high")),
    # In chat completions these accept no tools with an effort (I: pipecat#4043, litellm#34569), so models
    # that always reason accept none at all.
    ("openai", f"{_ALWAYS_REASONING} gpt-5.2-pro gpt-5.4-pro gpt-5.5-pro", "tools", reject),
    ("openai", _ALWAYS_REASONING, "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "max": "xhigh"})),
    ("openai", "gpt-5.2 gpt-5.3 gpt-5.4 gpt-5.5 gpt-5.6 gpt-6", "reasoning_effort",
     unless_beside("tools", "none", one_of({"minimal": "low", "max": "xhigh"}))),
    ("responses", _ALWAYS_REASONING, "reasoning_effort", one_of({"none": "low", "minimal": "low"})),
    ("responses", "gpt-5.6 gpt-6", "reasoning_effort", one_of({"minimal": "low"})),  # P: they know `max`
    ("responses", "gpt-5.2 gpt-5.3 gpt-5.4 gpt-5.5", "reasoning_effort",
     one_of({"minimal": "low", "max": "xhigh"})),
    (_OPENAI, "gpt-5.1", "reasoning_effort",
     one_of({"minimal": "low", "max": "xhigh"})),  # L: only the plain gpt-5 accepts `minimal`
    (_OPENAI, "gpt-5-codex", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "xhigh": "high", "max": "high"})),  # P, as the next two
    (_OPENAI, "gpt-5.", "reasoning_effort", one_of({"max": "xhigh"})),
    (_OPENAI, "gpt-5", "reasoning_effort", one_of({"none": "minimal", "xhigh": "high", "max": "high"})),
    ("openai", "*", "reasoning_effort", one_of({"max": "xhigh"})),
    # -- Gemini
    ("gemini", "gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash",
     "temperature top_p top_k", drop),  # L: accepted and ignored today, a 400 in later generations
    ("gemini", "gemini-3 gemini-4", "presence_penalty frequency_penalty", drop),  # L
    ("gemini", "*", "logit_bias", drop),  # S: no such field
    ("gemini", "*", "stop", at_most(5)),  # L
    ("gemini", "gemini-2.5-flash-image gemini-3-pro-image gemini-3.1-flash-image",
     "tools schema", reject),  # P
    ("gemini", "gemini-1 gemini-2", "schema", reject_beside("tools")),  # P, I: python-genai#867
    ("gemini", "gemini-3-pro-preview", "reasoning_effort",
     one_of({"none": "LOW", "minimal": "LOW", "low": "LOW"}, others="HIGH")),  # P, as the next four
    ("gemini", "gemini-3.7-flash gemini-3.8-flash gemini-3.1-pro-preview gemini-4-argon", "reasoning_effort",
     one_of({"none": "LOW", "minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}, others="HIGH")),
    ("gemini", "gemini-3 gemini-4", "reasoning_effort",
     one_of({"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}, others="HIGH")),
    ("gemini", "*", "reasoning_effort", drop),  # a level is a 400 there; 2.5 accepts only a budget
    # -- Kimi. Fixed sampling for every kimi-*; never send temperature 1: without thinking it is 0.6 (D, L).
    ("kimi", "kimi-", "temperature top_p n presence_penalty frequency_penalty", drop),
    ("kimi", "moonshot-v1", "temperature", moonshot_temperature),  # L
    ("kimi", "kimi-thinking-preview", "tools", reject),  # L
    ("kimi", "*", "tool_choice", one_of({"auto": "auto", "none": "none"}, others=DROPPED)),  # P, L, D
    ("kimi", "kimi-k3", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"})),  # P, as the next two
    ("kimi", "kimi-k2.5 kimi-k2.6", "reasoning_effort",
     one_of({"none": Renamed("thinking", {"type": "disabled"})}, others=DROPPED)),
    ("kimi", "kimi-k2 kimi-thinking moonshot-v1", "reasoning_effort", drop),
    # -- GLM
    ("glm", "*", f"{_PENALTIES} n logprobs top_logprobs", drop),  # S: no such fields
    ("glm", "*", "tool_choice", one_of({"auto": "auto"}, others=DROPPED)),  # S: accepts only `auto`
    ("glm", "glm-5.3", "reasoning_effort",
     one_of({"none": "low", "minimal": "low", "medium": "high", "xhigh": "max"})),  # P, as the next two
    ("glm", "glm-5.2", "reasoning_effort", keep),
    ("glm", "glm-", "reasoning_effort",
     one_of({"none": Renamed("thinking", {"type": "disabled"})}, others=DROPPED)),
    # -- OpenRouter adapts the rest to the route itself (D)
    ("openrouter", "*", "reasoning_effort", one_of({"max": "xhigh"})),  # L
    # -- Ollama, native (S)
    ("ollama", "*", "logit_bias n tool_choice", drop),
    ("ollama", "gpt-oss", "reasoning_effort",
     one_of({"none": False, "minimal": "low", "low": "low", "medium": "medium"}, others="high")),
    ("ollama", "*", "reasoning_effort", one_of({"none": False}, others=True)),  # I: ollama#11766
)  # fmt: skip

# Names in the API, if they differ (S). Some are inside another object (`options`, `generationConfig`,
# `output_config`), where the adapter puts them.
NAMES: dict[str, dict[str, str]] = {
    "anthropic": {"stop": "stop_sequences", "reasoning_effort": "effort"},
    "openai": {"max_tokens": "max_completion_tokens"},  # P, L; reasoning models reject the old name (C)
    "responses": {"max_tokens": "max_output_tokens"},  # S
    "converse": {
        "max_tokens": "maxTokens",
        "top_p": "topP",
        "stop": "stopSequences",
        "reasoning_effort": "effort",
    },
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
    "kimi": {"max_tokens": "max_tokens"},  # D calls it deprecated, but every model accepts it (L)
    "ollama": {"max_tokens": "num_predict", "reasoning_effort": "think"},
}

# Anthropic requires a limit. Unset means the provider's own, so the model's maximum is sent. If that is
# unknown, and for old models, which reject a request whose input and limit together exceed the window, the
# value is one that every model accepts (P).
CLAUDE_LIMITS = (
    (_WIDE_CLAUDE, 128_000),
    ("claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5", 64_000),
    ("*", 4_096),
)

# L: they accept no prefill of the answer; older models continue a prefill.
NO_PREFILL = f"{_WIDE_CLAUDE} claude-mythos-preview"

# They reason before the first token and do not show it by default: OpenAI never does in chat completions;
# Gemini only with `includeThoughts`; the Claude models that think by default send it empty (C for sonnet-5).
# Kimi and GLM stream their reasoning, so their first event is not later than that of other models.
SILENT = (
    "o1 o3 o4 gpt-5 gpt-6 codex gemini-2.5-pro gemini-2.5-flash gemini-3 gemini-4 "
    "claude-fable-5 claude-mythos claude-opus-5 claude-sonnet-5 claude-haiku-5-5"
)
SPEAKING = ("-chat", "flash-lite")

# OpenAI's models that reason, by default or on request: their reasoning goes back to them encrypted.
REASONING = "o1 o3 o4 gpt-5 gpt-6 codex"
UNREASONING = "gpt-5-chat"

# I: they reason by default, and then reject tools in chat completions.
NONE_BESIDE_TOOLS = "gpt-5.5 gpt-5.6 gpt-6"

# P: their chat completions accept only `json_object`, which promises JSON but no schema.
NO_SCHEMAS = ("deepseek", "glm", "kimi")

# P, D: all others answer a tool call in the history without a thought signature with a 400.
UNSIGNED = "gemini-1 gemini-2 gemma gemini-embedding learnlm"
