"""The settings of pydantic-ai as the options of a call; what a pipeline cannot send is an error."""

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
"""The option of ours for each setting that is passed on as it is."""

ELSEWHERE: Final = frozenset(("tool_choice", "first_event_timeout"))
"""Read by the tools of the request, or by pydantic-ai itself."""

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
"""What to do instead, for each setting that says nothing to a pipeline."""

HARMLESS: Final[Mapping[str, tuple[object, ...]]] = {
    "max_retries": (0,),
    "parallel_tool_calls": (True,),
    "citations": (False,),
    "framing_announcement": ("when_needed", "never"),
}
"""Values that ask for what happens anyway."""


def options_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The options for `settings`.

    Raises:
        UserError: a setting that is not sent; it names the setting and the remedy, never its value.
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
