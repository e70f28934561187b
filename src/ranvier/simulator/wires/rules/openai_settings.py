"""The settings that both of OpenAI's APIs reject, with its own error messages."""

from __future__ import annotations

from typing import Any, Final

from ranvier.simulator.wires.reading import Unacceptable, invalid

Json = dict[str, Any]

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh")
KNOWN_EFFORTS: Final = (
    (("gpt-5-pro",), ("high",)),
    (("gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat"), ("medium",)),
    (("gpt-5.2-pro", "gpt-5.4-pro", "gpt-5.5-pro"), ("medium", "high", "xhigh")),
    (("gpt-6-astra", "gpt-6.1-sol"), ("low", "medium", "high", "xhigh")),
    (("o1", "o3", "o4", "gpt-5-codex"), ("low", "medium", "high")),
    (("gpt-5.", "gpt-6"), ("none", "low", "medium", "high", "xhigh")),
    (("gpt-5-chat",), EFFORTS),
    (("gpt-5",), ("minimal", "low", "medium", "high")),
)
"""The efforts that a model accepts; the first row that matches counts."""


def efforts_of(model: str) -> tuple[str, ...]:
    """The efforts that the model accepts in chat completions."""
    return next((efforts for models, efforts in KNOWN_EFFORTS if model.startswith(models)), EFFORTS)


def check_cache(body: Json, model: str, times: tuple[str, ...]) -> None:
    """Raise `Unacceptable` if OpenAI would reject what the request says about the cache."""
    if len(body.get("prompt_cache_key") or "") > 64:
        raise too_long("prompt_cache_key", 64, len(body["prompt_cache_key"]))
    options = body.get("prompt_cache_options") or {}
    if model and options and not model.startswith(("gpt-5.6", "gpt-6")):
        raise unsupported("prompt_cache_options")
    if model:
        check_value("prompt_cache_options.ttl", options.get("ttl"), times)


def unsupported(name: str) -> Unacceptable:
    """The rejection of a setting that the model does not know."""
    words = f"Unsupported parameter: '{name}' is not supported with this model."
    return Unacceptable(400, "unsupported_parameter", message=words, param=name)


def check_value(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise `Unacceptable` if the value is given and not known."""
    if value not in (None, *known):
        raise unsupported_value(name, value, f"Supported values are: {', '.join(known)}.")


def unsupported_value(name: str, value: object, instead: str) -> Unacceptable:
    """The rejection of a value, which says what to send `instead`."""
    words = f"Unsupported value: '{name}' does not support {value!r} with this model. {instead}"
    return Unacceptable(400, "unsupported_parameter", message=words, param=name, code="unsupported_value")


def too_long(where: str, most: int, length: int) -> Unacceptable:
    """The rejection of a string."""
    return invalid(
        f"Invalid '{where}': string too long. Expected a string with maximum length {most}, but got a string "
        f"with length {length} instead.",
        param=where,
        code="string_above_max_length",
    )
