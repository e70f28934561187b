"""The paths of each setting in the APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ranvier.providers._reading.reading import Json

Path = tuple[str, ...]
"""The path of a field, from the request inwards."""

FURTHER: Final = "additionalModelRequestFields"
"""Converse: the fields that it passes on to the model."""

PLACES: Final[Mapping[str, tuple[Path, ...]]] = {
    "max_tokens": (
        ("max_tokens",),
        ("max_completion_tokens",),
        ("max_output_tokens",),
        ("generationConfig", "maxOutputTokens"),
        ("inferenceConfig", "maxTokens"),
        ("options", "num_predict"),
    ),
    "temperature": (
        ("temperature",),
        ("generationConfig", "temperature"),
        ("options", "temperature"),
        ("inferenceConfig", "temperature"),
    ),
    "top_p": (("top_p",), ("generationConfig", "topP"), ("options", "top_p"), ("inferenceConfig", "topP")),
    "top_k": (
        ("top_k",),
        ("generationConfig", "topK"),
        ("options", "top_k"),
        (FURTHER, "top_k"),
        (FURTHER, "inferenceConfig", "topK"),
    ),
    "min_p": (("min_p",), ("options", "min_p")),
    "stop": (
        ("stop",),
        ("stop_sequences",),
        ("generationConfig", "stopSequences"),
        ("options", "stop"),
        ("inferenceConfig", "stopSequences"),
    ),
    "seed": (("seed",), ("generationConfig", "seed"), ("options", "seed")),
    "n": (("n",), ("generationConfig", "candidateCount")),
    "presence_penalty": (
        ("presence_penalty",),
        ("generationConfig", "presencePenalty"),
        ("options", "presence_penalty"),
    ),
    "frequency_penalty": (
        ("frequency_penalty",),
        ("generationConfig", "frequencyPenalty"),
        ("options", "frequency_penalty"),
    ),
    "repetition_penalty": (("repetition_penalty",), ("options", "repeat_penalty")),
    "logit_bias": (("logit_bias",),),
    "logprobs": (("logprobs",), ("generationConfig", "responseLogprobs")),
    "top_logprobs": (("top_logprobs",), ("generationConfig", "logprobs")),
    "reasoning_effort": (
        ("reasoning_effort",),
        ("output_config", "effort"),
        ("reasoning", "effort"),
        ("generationConfig", "thinkingConfig", "thinkingLevel"),
        ("think",),
        (FURTHER, "output_config", "effort"),
        (FURTHER, "reasoning_effort"),
        (FURTHER, "reasoning", "effort"),
    ),
    "thinking": (
        ("thinking",),
        ("generationConfig", "thinkingConfig"),
        ("think",),
        *((FURTHER, name) for name in ("thinking", "reasoningConfig", "reasoning_config")),
    ),
    "reasoning": (("reasoning",), (FURTHER, "reasoning")),
    "reasoning_summary": (
        ("reasoning", "summary"),
        ("thinking", "display"),
        (FURTHER, "thinking", "display"),
    ),
    "cache": (("cache_control",), ("prompt_cache_options",)),
    "cache_key": (("prompt_cache_key",),),
    "verbosity": (("verbosity",), ("text", "verbosity")),
    "parallel_tool_calls": (("parallel_tool_calls",),),
    "stream_options": (("stream_options",),),
    "tool_choice": (("tool_choice",), ("toolConfig", "toolChoice")),
}
"""The paths of each setting in the APIs; only settings that tune or limit the answer are listed."""

MISSING: Final = object()


def given(fields: Mapping[str, Any], parameter: str) -> bool:
    """True if the setting is in the request, under any of its names."""
    return any(True for _ in places_of(fields, parameter))


def places_of(fields: Mapping[str, Any], parameter: str) -> Iterator[tuple[Path, Any]]:
    """The paths of a setting in the request, with its values."""
    for path in PLACES[parameter]:
        value: Any = fields
        for key in path:
            value = value.get(key, MISSING) if isinstance(value, Mapping) else MISSING
        if value is not MISSING:
            yield path, value


def put(fields: Json, path: Path, value: Any) -> None:
    """Set the field at `path`, or remove it if `value` is `MISSING`; objects along the path are copied."""
    *outer, last = path
    for key in outer:
        inner = fields.get(key)
        if not isinstance(inner, Mapping):
            return
        fields[key] = fields = dict(inner)
    if value is MISSING:
        fields.pop(last, None)
    else:
        fields[last] = value
