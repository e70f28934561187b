"""Each model gets its parameters under the names it knows, and none that it refuses."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.errors import UnsupportedRequestError
from ranvier.providers._models.models import first_token_allowance, fit, refuses_prefill

SAMPLING = {"temperature": 0.5, "top_p": 0.9, "logprobs": True, "top_logprobs": 2}
PENALTIES = {"presence_penalty": 0.1, "frequency_penalty": 0.1, "logit_bias": {"1": 1}}


@pytest.mark.parametrize(
    ("provider", "parameters", "wire"),
    [
        ("openai", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("kimi", {"max_tokens": 5}, {"max_tokens": 5}),
        ("glm", {"max_tokens": 5}, {"max_tokens": 5}),
        ("openrouter", {"max_tokens": 5, "temperature": 1.5}, {"max_tokens": 5, "temperature": 1.5}),
        ("somewhere", {"max_tokens": 5, "logit_bias": {}}, {"max_tokens": 5, "logit_bias": {}}),
        ("ollama", {"max_tokens": 5, "stop": ["a"], "seed": 1}, {"num_predict": 5, "stop": ["a"], "seed": 1}),
        ("anthropic", {"max_tokens": 5, "stop": ["a"]}, {"max_tokens": 5, "stop_sequences": ["a"]}),
        (
            "gemini",
            {
                "max_tokens": 5,
                "top_p": 0.5,
                "top_k": 3,
                "stop": ["a"],
                "n": 1,
                "logprobs": True,
                "top_logprobs": 2,
            },
            {
                "maxOutputTokens": 5,
                "topP": 0.5,
                "topK": 3,
                "stopSequences": ["a"],
                "candidateCount": 1,
                "responseLogprobs": True,
                "logprobs": 2,
            },
        ),
    ],
)
def test_the_names_are_those_of_the_wire(
    provider: str, parameters: dict[str, Any], wire: dict[str, Any]
) -> None:
    """A parameter goes under the name that its provider knows, and an unknown model refuses nothing."""
    assert fit(provider, "unheard-of", parameters) == (wire, (), ())


@pytest.mark.parametrize("provider", ["openai", "gemini", "kimi", "glm", "openrouter", "ollama", "somewhere"])
def test_nothing_given_nothing_sent(provider: str) -> None:
    """Without parameters there is nothing to send."""
    assert fit(provider, "gpt-5", {}) == ({}, (), ())


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-sonnet-5", 128_000),
        ("claude-opus-4-6", 128_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("anthropic/claude-haiku-4.5", 64_000),
        ("claude-sonnet-4-20250514", 4096),
        ("claude-3-haiku-20240307", 4096),
        ("claude-of-tomorrow", 4096),
    ],
)
def test_anthropic_always_gets_a_limit(model: str, limit: int) -> None:
    """Anthropic's limit is required: the most that the model takes, and a safe one where that is unknown."""
    assert fit("anthropic", model, {}).parameters == {"max_tokens": limit}
    assert fit("anthropic", model, {"max_tokens": 7}).parameters == {"max_tokens": 7}


def test_a_limit_above_the_models_is_bounded() -> None:
    """More than the model can write is a 400, so it is bounded where the bound is known."""
    assert fit("anthropic", "claude-sonnet-5", {"max_tokens": 200_000}).parameters["max_tokens"] == 128_000
    assert fit("anthropic", "claude-sonnet-4-5", {"max_tokens": 200_000}).parameters["max_tokens"] == 64_000
    assert fit("anthropic", "claude-x", {"max_tokens": 200_000}).parameters["max_tokens"] == 200_000


@pytest.mark.parametrize(
    ("provider", "model", "parameters", "dropped"),
    [
        (
            "anthropic",
            "claude-sonnet-5",
            {"temperature": 0.5, "top_p": 0.5, "top_k": 1},
            "temperature top_p top_k",
        ),
        ("anthropic", "claude-opus-5-1", {"temperature": 0.5}, "temperature"),
        ("anthropic", "claude-mythos-preview", {"temperature": 0.5}, "temperature"),
        ("anthropic", "claude-haiku-4-5", {"temperature": 0.5, "top_p": 0.5}, ""),
        ("anthropic", "claude-haiku-4-5", PENALTIES, " ".join(PENALTIES)),
        ("anthropic", "claude-fable-5-1", {"tool_choice": "required"}, "tool_choice"),
        ("anthropic", "claude-fable-5-1", {"tool_choice": "auto"}, ""),
        ("anthropic", "claude-fable-5", {"tool_choice": "required"}, ""),
        ("openai", "gpt-4.1", {**SAMPLING, **PENALTIES}, ""),
        ("openai", "gpt-4.1", {"top_k": 1}, "top_k"),
        ("openai", "o4-mini", {**SAMPLING, **PENALTIES}, " ".join({**SAMPLING, **PENALTIES})),
        ("openai", "gpt-5-chat-latest", {**SAMPLING, **PENALTIES, "stop": ["a"]}, ""),
        ("openai", "gpt-5-mini", SAMPLING, " ".join(SAMPLING)),
        ("openai", "gpt-5.2", SAMPLING, ""),
        ("openai", "gpt-5.2", {**SAMPLING, "reasoning_effort": "none"}, ""),
        ("openai", "gpt-5.2", {**SAMPLING, "reasoning_effort": "low"}, " ".join(SAMPLING)),
        ("openai", "gpt-5.2", PENALTIES, " ".join(PENALTIES)),
        ("openai", "gpt-5.2-pro", {"temperature": 1}, "temperature"),
        ("openai", "gpt-5.2-chat-latest", {"temperature": 1}, "temperature"),
        ("openai", "gpt-5.3-codex", {"temperature": 1}, ""),
        ("openai", "gpt-5.1-codex", {"temperature": 1}, "temperature"),
        ("openai", "openai/GPT-5.5", SAMPLING, " ".join(SAMPLING)),
        ("openai", "gpt-5.5", {**SAMPLING, "reasoning_effort": "none"}, ""),
        ("openai", "gpt-6.1-sol", {"temperature": 1, "reasoning_effort": "none"}, "temperature"),
        ("openai", "gpt-5.2", {"stop": ["a"]}, "stop"),
        ("openai", "o3", {"stop": ["a"]}, "stop"),
        ("openai", "o1", {"stop": ["a"]}, ""),
        ("openai", "gpt-4o", {"reasoning_effort": "low"}, "reasoning_effort"),
        (
            "gemini",
            "gemini-3.6-flash",
            {"temperature": 1, "presence_penalty": 1},
            "temperature presence_penalty",
        ),
        ("gemini", "gemini-2.5-pro", {"temperature": 1, "presence_penalty": 1}, ""),
        (
            "gemini",
            "gemini-2.5-pro",
            {"reasoning_effort": "low", "logit_bias": {}},
            "reasoning_effort logit_bias",
        ),
        ("kimi", "kimi-k3", {"temperature": 1, "top_p": 1, "n": 1}, "temperature top_p n"),
        ("kimi", "kimi-k2-thinking", {"temperature": 1}, "temperature"),
        ("kimi", "moonshot-v1-8k", {"temperature": 1, "top_p": 1}, ""),
        ("kimi", "kimi-k3", {"tool_choice": "required"}, "tool_choice"),
        ("kimi", "kimi-k3", {"tool_choice": "get_weather"}, "tool_choice"),
        ("kimi", "kimi-k3", {"tool_choice": "none"}, ""),
        ("kimi", "kimi-k2.7-code", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("glm", "glm-5.3", {"temperature": 1, "seed": 1, "n": 2, "logprobs": True}, "n logprobs"),
        ("glm", "glm-5.3", {"tool_choice": "required"}, "tool_choice"),
        ("glm", "glm-4.7", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("ollama", "qwen3", {"n": 1, "logit_bias": {}, "tool_choice": "auto"}, "n logit_bias tool_choice"),
    ],
)
def test_what_a_model_refuses_is_left_out(
    provider: str, model: str, parameters: dict[str, Any], dropped: str
) -> None:
    """A parameter that only tunes is left out where it would be a 400, and is named."""
    fitted = fit(provider, model, parameters)
    assert sorted(fitted.dropped) == sorted(dropped.split())
    supplied = provider == "anthropic" and "max_tokens" not in parameters
    assert len(fitted.parameters) == len(parameters) - len(fitted.dropped) + supplied


@pytest.mark.parametrize(
    ("provider", "model", "given_temperature", "n", "sent"),
    [
        ("anthropic", "claude-haiku-4-5", 1.7, None, 1.0),
        ("anthropic", "claude-haiku-4-5", 0.3, None, 0.3),
        ("kimi", "moonshot-v1-32k", 1.7, None, 1.0),
        ("kimi", "moonshot-v1-32k", 0.0, 2, 0.3),
        ("kimi", "moonshot-v1-32k", 0.0, 1, 0.0),
        ("openai", "gpt-4.1", 1.7, None, 1.7),
    ],
)
def test_temperature_is_bounded(
    provider: str, model: str, given_temperature: float, n: int | None, sent: float
) -> None:
    """A temperature outside the range of the model becomes the nearest inside it."""
    parameters = {"temperature": given_temperature, **({} if n is None else {"n": n})}
    assert fit(provider, model, parameters).parameters["temperature"] == sent


@pytest.mark.parametrize(
    ("provider", "model", "effort", "name", "sent"),
    [
        ("openai", "gpt-5", "minimal", "reasoning_effort", "minimal"),
        ("openai", "gpt-5", "max", "reasoning_effort", "high"),
        ("openai", "gpt-5-mini", "none", "reasoning_effort", "minimal"),
        ("openai", "gpt-5-codex", "none", "reasoning_effort", "low"),
        ("openai", "gpt-5.9", "none", "reasoning_effort", "none"),
        ("openai", "gpt-5.2", "minimal", "reasoning_effort", "low"),
        ("openai", "gpt-5-pro", "low", "reasoning_effort", "high"),
        ("openai", "gpt-5.4-pro", "low", "reasoning_effort", "medium"),
        ("openai", "gpt-5.2-chat", "high", "reasoning_effort", "medium"),
        ("openai", "o3", "xhigh", "reasoning_effort", "high"),
        ("openai", "o3", "minimal", "reasoning_effort", "low"),
        ("openai", "gpt-6-astra", "none", "reasoning_effort", "low"),
        ("openai", "gpt-6-sol", "none", "reasoning_effort", "none"),
        ("anthropic", "claude-sonnet-5", "xhigh", "effort", "xhigh"),
        ("anthropic", "claude-sonnet-4-6", "xhigh", "effort", "high"),
        ("anthropic", "claude-opus-4-5", "max", "effort", "high"),
        ("anthropic", "claude-of-tomorrow", "max", "effort", "max"),
        ("gemini", "gemini-3.1-flash", "minimal", "thinkingLevel", "MINIMAL"),
        ("gemini", "gemini-3.7-flash", "minimal", "thinkingLevel", "LOW"),
        ("gemini", "gemini-3-pro-preview", "medium", "thinkingLevel", "HIGH"),
        ("kimi", "kimi-k3", "none", "reasoning_effort", "low"),
        ("kimi", "kimi-k3", "xhigh", "reasoning_effort", "max"),
        ("kimi", "kimi-k2.6", "none", "thinking", {"type": "disabled"}),
        ("glm", "glm-5.3", "medium", "reasoning_effort", "high"),
        ("glm", "glm-5.2", "medium", "reasoning_effort", "medium"),
        ("glm", "glm-4.7", "none", "thinking", {"type": "disabled"}),
        ("openrouter", "openai/gpt-5.2", "max", "reasoning_effort", "xhigh"),
        ("ollama", "gpt-oss", "none", "think", False),
        ("ollama", "gpt-oss", "max", "think", "high"),
    ],
)
def test_effort_is_put_in_the_words_of_the_model(
    provider: str, model: str, effort: str, name: str, sent: object
) -> None:
    """How hard to think is said in the nearest word that the model knows."""
    assert fit(provider, model, {"reasoning_effort": effort}).parameters[name] == sent


@pytest.mark.parametrize(
    ("provider", "model", "parameters", "name"),
    [
        ("kimi", "kimi-thinking-preview", {"tools": [{}]}, "tools"),
        ("gemini", "gemini-2.5-flash-image", {"tools": [{}]}, "tools"),
        ("openai", "gpt-4.1", {"stop": list("abcde")}, "stop"),
        ("gemini", "gemini-2.5-pro", {"stop": list("abcdef")}, "stop"),
    ],
)
def test_what_carries_meaning_is_refused(
    provider: str, model: str, parameters: dict[str, Any], name: str
) -> None:
    """What would change the meaning of the call is refused before it is sent; the next target may serve."""
    with pytest.raises(
        UnsupportedRequestError, match=f"{provider}/{model} does not accept the given {name}"
    ) as caught:
        fit(provider, model, parameters)
    assert caught.value.fails_over
    assert caught.value.__suppress_context__
    assert fit(provider, model, {name: []}).dropped == ()


@pytest.mark.parametrize(
    ("provider", "model", "refuses"),
    [
        ("anthropic", "claude-sonnet-5", True),
        ("anthropic", "claude-sonnet-4-6", True),
        ("anthropic", "claude-mythos-preview", True),
        ("openrouter", "anthropic/claude-sonnet-4.6", True),
        ("openrouter", "~anthropic/claude-opus-5", True),
        ("anthropic", "claude-sonnet-4-5", False),
        ("anthropic", "claude-3-haiku-20240307", False),
        ("somewhere", "claude-sonnet-5", False),
    ],
)
def test_who_refuses_a_begun_answer(provider: str, model: str, refuses: bool) -> None:
    """Newer Claude models refuse to continue an answer that was begun for them."""
    assert refuses_prefill(provider, model) is refuses


@pytest.mark.parametrize(
    ("provider", "model", "seconds"),
    [
        ("openai", "gpt-4.1", 20.0),
        ("openai", "o3-pro", 120.0),
        ("openai", "gpt-5.2", 120.0),
        ("openai", "gpt-5-chat-latest", 20.0),
        ("openrouter", "openai/gpt-5.2", 120.0),
        ("openrouter", "moonshotai/kimi-k3", 20.0),
        ("azure", "azure/gpt-5", 120.0),
        ("anthropic", "claude-sonnet-5", 120.0),
        ("anthropic", "claude-haiku-4-5", 20.0),
        ("gemini", "models/gemini-2.5-pro", 120.0),
        ("gemini", "gemini-2.5-flash-lite", 20.0),
        ("kimi", "kimi-k3", 20.0),
        ("glm", "glm-5.3", 20.0),
        ("ollama", "llama3", 120.0),
        ("somewhere", "something", 20.0),
    ],
)
def test_the_patience_for_the_first_token(provider: str, model: str, seconds: float) -> None:
    """A model that thinks in silence, and one that may have to be loaded, get more time."""
    assert first_token_allowance(provider, model) == seconds


NAMES = (
    "max_tokens temperature top_p top_k stop n seed logprobs reasoning_effort tool_choice tools unheard_of"
)


@given(
    st.sampled_from(["anthropic", "openai", "gemini", "kimi", "glm", "openrouter", "ollama", "else"]),
    st.sampled_from(
        ["claude-sonnet-5", "claude-3", "gpt-5.2", "o3", "gemini-3-pro", "kimi-k2.5", "glm-4", ""]
    )
    | st.text(max_size=8),
    st.dictionaries(
        st.sampled_from(NAMES.split()),
        st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=2), max_size=7)
        | st.booleans(),
    ),
)
def test_every_parameter_is_sent_or_named(provider: str, model: str, parameters: dict[str, Any]) -> None:
    """Nothing disappears: what is not on the wire is named as dropped, and what was given is not touched."""
    names = tuple(parameters)
    try:
        fitted = fit(provider, model, parameters)
    except UnsupportedRequestError:
        assert {"stop", "tools"} & set(names)
        return
    supplied = provider == "anthropic" and "max_tokens" not in parameters
    assert len(fitted.parameters) == len(parameters) - len(fitted.dropped) + supplied
    assert set(fitted.dropped) <= set(names)
    assert tuple(parameters) == names


def test_fitting_is_cheap() -> None:
    """It lies on the path of every call: ten thousand take a fraction of a second."""
    fit("openai", "gpt-5.2", {"temperature": 0.5})
    began = time.perf_counter()
    for _ in range(10_000):
        fit("openai", "gpt-5.2", {"max_tokens": 100, "temperature": 0.5})
    assert time.perf_counter() - began < 0.5
