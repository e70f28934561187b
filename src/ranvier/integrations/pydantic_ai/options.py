"""Translates the settings of pydantic-ai to the options of a call; unsupported settings are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_ai.exceptions import UserError

NAMES: Final = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop_sequences": "stop",
    "extra_body": "extra",
}
"""Our option for each setting that is passed on unchanged."""

ELSEWHERE: Final = frozenset(("tool_choice", "first_event_timeout"))
"""Settings that are handled with the tools, or by pydantic-ai itself."""

_FIELD = "give it as a field of one provider's API: extra_body={'openai': {...}}"

REMEDIES: Final = {
    "timeout": "it limits one attempt: give the pipeline a Timeout(...), or set request_timeout",
    "max_retries": "give the pipeline a Retry(...): the layers retry",
    "extra_headers": "give the provider headers=...",
    "citations": _FIELD,
    "service_tier": _FIELD,
    "top_k": _FIELD,
    "presence_penalty": _FIELD,
    "frequency_penalty": _FIELD,
    "logit_bias": _FIELD,
    "parallel_tool_calls": _FIELD,
    "framing_announcement": "write the announcement into the instructions",
}
"""The remedy for each unsupported setting."""

HARMLESS: Final[Mapping[str, tuple[object, ...]]] = {
    "max_retries": (0,),
    "parallel_tool_calls": (True,),
    "citations": (False,),
    "framing_announcement": ("when_needed", "never"),
}
"""Values of unsupported settings that match the default behaviour, and are accepted."""


def options_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options for `settings`.

    Raises:
        UserError: a setting is not supported; the error names it and the remedy, never its value.
    """
    options: dict[str, Any] = {}
    for name, value in settings.items():
        if value is None or name in ELSEWHERE or value in HARMLESS.get(name, ()):
            continue
        if name in NAMES:
            options[NAMES[name]] = value
        elif name == "request_timeout":
            options["deadline"] = value
        elif name == "thinking":
            options["reasoning"] = _level(value)
        elif name == "cache":
            options["cache"] = _lifetime(value)
        else:
            remedy = REMEDIES.get(name, "it is a setting of another model class: " + _FIELD)
            raise UserError(f"A pipeline of ranvier does not send the setting {name!r:.80}: {remedy}")
    return options


def _level(thinking: object) -> object:
    """True means the default effort, which most models call `medium`."""
    return {True: "medium", False: "off"}[thinking] if isinstance(thinking, bool) else thinking


def _lifetime(cache: Any) -> Any:
    if not isinstance(cache, Mapping):
        return cache
    if cache.get("messages", True) is not True or cache.keys() - {"retention", "messages"}:
        raise UserError(
            "cache: a pipeline caches the conversation, too; give True or a retention such as '1h'"
        )
    return cache.get("retention", True)
